"""What every scenario uses: the list of them, machines, settings, and the checks that hold for every step."""

import json
import subprocess

from runner import IMAGE_SH, Runner, Step
from world import BUCKET, REGION, contents

ALL = []
RESULTS = {"success", "partial", "dry-run", "unchanged", "failed"}


def scenario(function):
    ALL.append(function)
    return function


class Test:
    """What all scenarios share."""

    def __init__(self, folder, image, action, program, double, tree, checks, keep):
        self.folder, self.image, self.action, self.program, self.double = folder, image, action, program, double
        self.tree, self.checks, self.keep = tree, checks, keep
        self.machines, self.steps = 0, 0

    def machine(self, *parts, bare=False):
        """A machine with a fresh checkout of the tree, or of parts of it."""
        self.machines += 1
        runner = Runner(self.folder / f"machine-{self.machines}", self.image, None if bare else self.action)
        self.tree.check_out(runner.workspace, *parts)
        runner.give_away()
        return runner

    def settings(self, prefix, double=None, **more):
        """The inputs of a step that uploads the whole workspace with static keys; underscores stand for hyphens."""
        double = double or self.double
        inputs = {
            "source": "./",
            "destination": f"s3://{BUCKET}/{prefix}",
            "aws-region": REGION,
            "endpoint-url": double.endpoint,
            "path-style": "true",
            "aws-access-key-id": double.access_key,
            "aws-secret-access-key": double.secret_key,
        }
        inputs |= {name.replace("_", "-"): value for name, value in more.items()}
        return {name: value for name, value in inputs.items() if value is not None}

    def run(self, machine, inputs, during=None, secrets=(), **step):
        """Runs a step and checks what holds for every one: the outputs, the summary, no secret, nothing odd in the log.

        `during` is given the container while it works.
        """
        # What GitHub keeps as a secret it masks by itself. Here nothing is, so that what is masked is masked by the program.
        running = machine.start(Step(inputs, **{"env": {"AWS_EC2_METADATA_DISABLED": "true"}} | step))
        try:
            if during:
                during(running)
        finally:
            result = running.finish()
        self.save(result)
        self.every_step(result, {self.double.secret_key, self.double.access_key, running.step.runtime_token, *secrets})
        return result

    def every_step(self, result, secrets):
        check = self.checks
        check("nothing is odd in log and files", not result.problems, "\n".join(result.problems))
        told = {"log": result.log, "summary": result.summary, **{f"GITHUB_{name}": text for name, text in result.files.items()}}
        leaks = [where for where, text in told.items() if any(secret in text for secret in secrets)]
        # Not even before the runner masks it: other systems have no masks.
        lines = [line for line in result.raw if not line.startswith("::add-mask::")]
        printed = sum(any(secret in line for secret in secrets) for line in lines)
        check("no secret is shown or written", not leaks and not printed, f"in {leaks}, in {printed} lines before masking")
        check("there is a summary", bool(result.summary.strip()), result.log[-3000:])
        outputs, wanted = result.outputs, set(self.action.outputs)
        seen = {"missing": sorted(wanted - set(outputs)), "more": sorted(set(outputs) - wanted), "log": result.log[-3000:]}
        if not check("every output of action.yml is there, and no other", set(outputs) == wanted, seen):
            return
        check("the result is one of those that are documented", outputs["result"] in RESULTS, outputs["result"])
        numbers = {name: outputs[name] for name in outputs if name.startswith(("bytes-", "files-")) or name == "requests"}
        check("counts are plain digits", all(value.isdigit() for value in numbers.values()), numbers)
        check("the output json says the same", json.loads(outputs["json"]).get("result") == outputs["result"], outputs["json"])

    def save(self, result):
        if not self.keep:
            return
        self.steps += 1
        folder = self.keep / f"{self.steps:02}-{self.checks.scenario}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "log").write_text(result.log + f"\n[exit code {result.exit_code}]\n")
        (folder / "outputs").write_text(result.files["OUTPUT"])
        (folder / "summary.md").write_text(result.summary)

    def same(self, machine, prefix, *ignored):
        """The destination holds what the workspace does, byte for byte."""
        here = {name: content for name, content in contents(machine.workspace).items() if name not in ignored}
        there = self.double.stored(prefix)
        different = [name for name in here.keys() & there.keys() if here[name] != there[name]]
        self.checks(
            f"{len(here)} objects are there, byte for byte",
            here.keys() == there.keys() and not different,
            {"missing": sorted(here.keys() - there.keys()), "more": sorted(there.keys() - here.keys()), "different": different},
        )

    def engine(self, *arguments, **options):
        """podman with no runner in between."""
        return subprocess.run([IMAGE_SH, *arguments], capture_output=True, text=True, timeout=60, **options)
