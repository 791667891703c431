"""A stand-in for GitHub's runner that runs a container action with podman: same environment, mounts, flags, files and signals.

After actions/runner 2.336: ActionRunner.cs, GitHubContext.cs, Handlers/Handler.cs, Handlers/ContainerActionHandler.cs,
Container/ContainerInfo.cs and Container/DockerCommandManager.cs in src/Runner.Worker, and src/Runner.Sdk/ProcessInvoker.cs.
Not here: building the image, other steps, and the inputs that the runner lists before the container starts. Needs PyYAML.
"""

import io
import os
import queue
import re
import secrets
import signal
import stat
import subprocess
import threading
import time
import uuid
from pathlib import Path

import yaml

import files
from commands import Console

IMAGE_SH = Path(__file__).with_name("image.sh")
# Seconds that the runner leaves after SIGINT and after SIGTERM.
INTERRUPT_SECONDS, TERMINATE_SECONDS = 7.5, 2.5
# The user of GitHub's own runners; files that root leaves in the workspace are in its way.
RUNNER_UID = 1001
COMMIT = "ffac537e6cbbf934b08745a378932722df287a53"
EXPRESSION = re.compile(r"\$\{\{\s*(\w+)(?:\.([\w-]+)|\[\s*'([^']*)'\s*\])\s*\}\}")


class Action:
    """An action.yml: which inputs and outputs there are, and what `runs` says."""

    def __init__(self, folder):
        # Scalars stay text, as in the runner: `default: false` is the word.
        manifest = yaml.load((Path(folder) / "action.yml").read_text(), Loader=yaml.BaseLoader)
        inputs = manifest.get("inputs") or {}
        self.inputs = {name: (described or {}).get("default", "") for name, described in inputs.items()}
        self.outputs = list(manifest.get("outputs") or {})
        self.runs = manifest["runs"]
        if self.runs["using"] != "docker":
            raise ValueError(f"runs.using is {self.runs['using']!r}, not docker")


def evaluated(template, **contexts):
    """A template with expressions that only name a value, `${{ inputs.source }}`; others are an error here."""

    def value(found):
        context, name = contexts[found[1]], (found[2] or found[3]).lower()
        return {key.lower(): held for key, held in context.items()}[name]

    result = EXPRESSION.sub(value, template)
    if "${{" in template and "${{" in EXPRESSION.sub("", template):
        raise ValueError(f"an expression that this stand-in does not know: {template}")
    return result


class Runner:
    """A machine that has run nothing yet: its folders, and an empty workspace that belongs to the runner's user.

    Without an action it runs `uses: docker://image`: nothing is declared, so there are no defaults and no `runs.env`.
    """

    def __init__(self, folder, image, action=None):
        self.folder, self.image, self.action = Path(folder), image, action
        self.workspace = self.folder / "work" / "repo" / "repo"
        self.temp = self.folder / "work" / "_temp"
        self.home, self.workflow = self.temp / "_github_home", self.temp / "_github_workflow"
        self.file_commands = self.temp / "_runner_file_commands"
        for path in (self.workspace, self.home, self.workflow, self.file_commands):
            path.mkdir(parents=True)
        (self.workflow / "event.json").write_text("{}")
        # Something has to lie where the engine's socket is mounted from.
        self.socket = self.folder / "docker.sock"
        os.mknod(self.socket, stat.S_IFSOCK | 0o660)
        self.give_away()

    def give_away(self):
        """Everything of the machine belongs to the runner's user, as after a checkout."""
        for path in [self.folder, *self.folder.rglob("*")]:
            os.chown(path, RUNNER_UID, RUNNER_UID, follow_symlinks=False)

    def mounts(self):
        """Pairs of host path and container path in the order of the command line; the last that fits translates a value."""
        return [
            (self.temp, "/github/runner_temp"),
            (self.home, "/github/home"),
            (self.workflow, "/github/workflow"),
            (self.file_commands, "/github/file_commands"),
            (self.workspace, "/github/workspace"),
        ]

    def in_container(self, value):
        """A value that is a host path or begins with one, as the container has to see it."""
        for host, container in reversed(self.mounts()):
            if value == str(host) or value.startswith(f"{host}/"):
                return container + value[len(str(host)) :]
        return value

    def contexts(self, suffix, debug):
        """The contexts github and runner, as far as they become variables."""
        workflow = "octo-org/octo-repo/.github/workflows/publish.yml@refs/heads/main"
        github = {
            "action": "hugesync",
            "action_ref": "",
            "action_repository": "",
            "actor": "octocat",
            "actor_id": "583231",
            "api_url": "https://api.github.com",
            "base_ref": "",
            "event_name": "push",
            "event_path": str(self.workflow / "event.json"),
            "graphql_url": "https://api.github.com/graphql",
            "head_ref": "",
            "job": "publish",
            "ref": "refs/heads/main",
            "ref_name": "main",
            "ref_protected": "false",
            "ref_type": "branch",
            "repository": "octo-org/octo-repo",
            "repository_id": "1296269",
            "repository_owner": "octo-org",
            "repository_owner_id": "6811672",
            "retention_days": "90",
            "run_attempt": "1",
            "run_id": "16412345678",
            "run_number": "42",
            "server_url": "https://github.com",
            "sha": COMMIT,
            "triggering_actor": "octocat",
            "workflow": "publish",
            "workflow_ref": workflow,
            "workflow_sha": COMMIT,
            "workspace": str(self.workspace),
        }
        github |= {name.lower(): str(self.file_commands / (prefix + suffix)) for name, prefix in files.FILE_COMMANDS.items()}
        runner = {
            "os": "Linux",
            "arch": "X64",
            "name": "GitHub Actions 7",
            "environment": "github-hosted",
            "tool_cache": "/opt/hostedtoolcache",
            "temp": str(self.temp),
            "workspace": str(self.workspace.parent),
        }
        if debug:
            runner["debug"] = "1"
        return github, runner

    def environment(self, step, github, runner):
        """The container's variables. The order decides who wins."""
        inputs = dict(step.inputs)
        for name, default in self.action.inputs.items() if self.action else ():
            if name.lower() not in (given.lower() for given in inputs):
                inputs[name] = evaluated(default, github=github)
        variables = dict(step.env)
        variables |= {f"INPUT_{name.replace(' ', '_').upper()}": value for name, value in inputs.items()}
        for name, template in self.action.runs.get("env", {}).items() if self.action else ():
            variables.setdefault(name, evaluated(template, inputs=inputs, github=github))
        variables["HOME"] = str(self.home)
        variables |= {f"GITHUB_{name.upper()}": value for name, value in github.items()}
        variables |= {f"RUNNER_{name.upper()}": value for name, value in runner.items()}
        variables |= {
            "ACTIONS_RUNTIME_URL": "https://pipelines.example/",
            "ACTIONS_RUNTIME_TOKEN": step.runtime_token,
            "ACTIONS_CACHE_URL": "https://cache.example/",
            "ACTIONS_RESULTS_URL": "https://results.example/",
            "ACTIONS_CACHE_MODE": "readwrite",
            "ACTIONS_ORCHESTRATION_ID": str(uuid.uuid4()),
        }
        if step.id_token_url:
            variables["ACTIONS_ID_TOKEN_REQUEST_URL"] = step.id_token_url
            variables["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = step.runtime_token
        proxies = {name: value for key, value in step.proxies.items() for name in (key.upper(), key.lower())}
        return {name: self.in_container(value) for name, value in {**proxies, **variables}.items()}

    def start(self, step):
        """Starts the container of a step; `finish` of what comes back waits for it."""
        suffix = str(uuid.uuid4())
        for prefix in files.FILE_COMMANDS.values():
            path = self.file_commands / (prefix + suffix)
            path.touch()
            os.chown(path, RUNNER_UID, RUNNER_UID)
        github, runner = self.contexts(suffix, step.debug)
        variables = self.environment(step, github, runner)
        name = f"{re.sub('[^a-zA-Z0-9]', '', self.image)}_{secrets.token_hex(3)}"
        command = [IMAGE_SH, "run", "--name", name, "--label", secrets.token_hex(3), "--workdir", "/github/workspace", "--rm"]
        for variable in variables:
            command += ["-e", variable]
        command += ["-e", "GITHUB_ACTIONS=true"]
        if "CI" not in variables:
            command += ["-e", "CI=true"]
        for host, container in [(self.socket, "/var/run/docker.sock"), *self.mounts()]:
            command += ["-v", f"{host}:{container}"]
        command += [self.image, *step.arguments]
        return Running(self, step, name, suffix, command, variables)


class Step:
    """What a workflow's author wrote, and what GitHub adds to it."""

    def __init__(self, inputs, env=None, masked=(), id_token_url=None, proxies=None, debug=False, arguments=()):
        self.inputs, self.env, self.masked = inputs, env or {}, masked
        self.id_token_url, self.proxies, self.debug = id_token_url, proxies or {}, debug
        self.arguments, self.runtime_token = list(arguments), secrets.token_urlsafe(48)


class Running:
    """A container at work. Its lines are read as they come, standard error and standard output each by itself."""

    def __init__(self, runner, step, name, suffix, command, variables):
        self.runner, self.step, self.name, self.suffix, self.variables = runner, step, name, suffix, variables
        self.lines, self.began, self.stop_seconds, self.signals = queue.SimpleQueue(), time.monotonic(), None, []
        # Values go by the engine's own environment, so that none is on a command line.
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **variables, "GITHUB_ACTIONS": "true"},
        )
        streams = (self.process.stdout, self.process.stderr)
        self.readers = [threading.Thread(target=self.read, args=(stream,)) for stream in streams]
        for reader in self.readers:
            reader.start()

    def read(self, stream):
        # .NET ends a line at LF, CR LF and at a lone CR; so does Python's universal newline.
        with io.TextIOWrapper(stream, encoding="utf-8", errors="replace", newline=None) as lines:
            for line in lines:
                self.lines.put(line.rstrip("\n"))

    def ended(self, seconds):
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def cancel(self, first=signal.SIGINT):
        """As the runner cancels: signals to the engine's client, which passes them on to PID 1."""
        began = time.monotonic()
        for number, seconds in [(first, INTERRUPT_SECONDS), (signal.SIGTERM, TERMINATE_SECONDS)]:
            self.signals.append(number.name)
            self.process.send_signal(number)
            if self.ended(seconds):
                break
        else:
            self.signals.append("SIGKILL")
            self.process.kill()
            subprocess.run([IMAGE_SH, "podman", "rm", "-f", "-t", "0", self.name], capture_output=True)
        self.stop_seconds = time.monotonic() - began

    def finish(self, seconds=120):
        """Waits for the end and reads what the step left, as the runner does whatever became of it."""
        if not self.ended(seconds):
            self.cancel()
        for reader in self.readers:
            reader.join()
        console = Console(self.step.masked, self.step.debug)
        while not self.lines.empty():
            console.feed(self.lines.get())
        console.close()
        return Result(self, console)


class Result:
    """What became of a step."""

    def __init__(self, running, console):
        folder, suffix = running.runner.file_commands, running.suffix
        path = {name: folder / (prefix + suffix) for name, prefix in files.FILE_COMMANDS.items()}
        mask = console.masker.mask
        self.exit_code, self.seconds = running.process.returncode, time.monotonic() - running.began
        self.stop_seconds, self.signals = running.stop_seconds, running.signals
        self.raw, self.log = console.raw, "\n".join(console.shown)
        self.masks, self.annotations = console.masks, console.annotations
        self.variables = running.variables
        self.outputs, wrong_outputs, malformed = files.outputs(path["OUTPUT"])
        self.job_outputs = files.of_the_job(self.outputs, mask)
        self.summary, wrong_summary = files.summary(path["STEP_SUMMARY"], mask)
        # As it was written, before anything is masked.
        self.files = {name: path[name].read_text(errors="replace") for name in path}
        self.problems = console.problems + wrong_outputs + wrong_summary
        unasked = [name for name in ("PATH", "ENV", "STATE", "ARTIFACTS", "ARTIFACTS_LIST") if self.files[name]]
        self.problems += [f"something was written to GITHUB_{name}" for name in unasked]
        self.failed = self.exit_code != 0 or console.failed or malformed
