#!/usr/bin/env python3
"""Holds action.yml, docs/CI.md and README.md together: one list of inputs and outputs, and examples that work.

    check_examples.py [ROOT]       says what is wrong, and exits with 1 if anything is
    check_examples.py --self-test  breaks a copy in every way it knows, and exits with 1 if it does not notice one

In docs/CI.md every fenced block is an example and has a marker on the line before it: `<!-- example: KIND -->`. In README.md that
goes for YAML and JSON. The kinds are below, in KINDS.

It needs PyYAML, check-jsonschema and zizmor from the Python package index, in the environment of the Python that runs it, and asks
nothing of the network.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml

# What the fence says, and the schema that check-jsonschema brings along, where it has one.
KINDS = {
    "github-workflow": ("yaml", "vendor.github-workflows"),
    "github-step": ("yaml", "vendor.github-workflows"),
    "gitlab-ci": ("yaml", "vendor.gitlab-ci"),
    "drone": ("yaml", "vendor.drone-ci"),
    "woodpecker": ("yaml", "vendor.woodpecker-ci"),
    "bitbucket": ("yaml", "vendor.bitbucket-pipelines"),
    "circleci": ("yaml", "vendor.circle-ci"),
    "shell": ("sh", None),
    "iam-policy": ("json", None),
    "trust-policy": ("json", None),
    "text": ("text", None),
}
ACTION = "hugesync/hugesync@"
IMAGE = "ghcr.io/hugesync/hugesync"
# Settings of drone-s3 and drone-s3-sync that have another name in action.yml.
OTHER_NAMES = {
    "bucket", "target", "strip-prefix", "region", "endpoint", "access-key", "secret-key", "session-token", "assume-role",
    "assume-role-session-name", "external-id", "oidc-token-id", "max-concurrency", "encryption",
}  # fmt: skip
# What a policy may allow, by what it is allowed on.
IAM_ACTIONS = {
    "bucket": {"s3:ListBucket", "s3:ListBucketMultipartUploads"},
    "object": {
        "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts",
        "s3:GetObjectTagging", "s3:PutObjectTagging", "s3:PutObjectAcl",
    },
    "key": {"kms:Decrypt", "kms:GenerateDataKey"},
}  # fmt: skip
RESOURCES = {
    "bucket": re.compile(r"arn:aws:s3:::[^/*]+"),
    "object": re.compile(r"arn:aws:s3:::[^/*]+/.*\*"),
    "key": re.compile(r"arn:aws:kms:[a-z0-9-]+:\d{12}:key/[0-9a-f-]+"),
}
# zizmor on the examples: a moving tag is what most people write, and docs/CI.md says what to write instead.
ZIZMOR = f"rules: {{unpinned-uses: {{config: {{policies: {{'{ACTION.rstrip('@')}': ref-pin, '*': hash-pin}}}}}}}}\n"

MARKER = re.compile(r"<!-- example: (\S+) -->")
FENCE = re.compile(r"(```+|~~~+)\s*(\S*)")
TABLE = re.compile(r"<!-- table: (inputs|outputs) -->")
OUTPUT_OF_STEP = re.compile(r"steps\.([\w-]+)\.outputs\.([\w-]+)")
VARIABLE = re.compile(r"\b(INPUT|PLUGIN|HUGESYNC)_([A-Z][A-Z0-9_]*)")


@dataclass
class Example:
    file: str
    line: int
    kind: str
    text: str

    def __str__(self):
        return f"{self.file}:{self.line}"


class StrictLoader(yaml.SafeLoader):
    """YAML in which no key stands twice, and `on` is a word."""


def mapping(loader, node, deep=False):
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise yaml.constructor.ConstructorError(None, None, f"{twice.pop()!r} stands twice", node.start_mark)
    return yaml.SafeLoader.construct_mapping(loader, node, deep)


StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:bool" or first not in "oO"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load_yaml(text):
    return yaml.load(text, StrictLoader)


def kebab(name):
    return re.sub(r"[._]", "-", name).lower()


# ---- action.yml


class Action:
    def __init__(self, root, errors):
        self.data = load_yaml((root / "action.yml").read_text())
        self.inputs = list(self.data["inputs"])
        self.outputs = list(self.data["outputs"])
        for name, entry in self.data["inputs"].items():
            text = entry.get("description", "")
            if not re.search(r"Example: `[^`]+`", text):
                errors.append(f"action.yml: {name}: its description has no example")
            if not isinstance(entry.get("required"), bool):
                errors.append(f"action.yml: {name}: required is neither true nor false")
            if "default" in entry:
                errors.append(f"action.yml: {name}: a default here would count for more than a variable of the job")
            if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) or name in ("args", "entrypoint"):
                errors.append(f"action.yml: {name}: such a name does not arrive")
        for name, entry in self.data["outputs"].items():
            if not entry.get("description"):
                errors.append(f"action.yml: output {name} has no description")
        # The runner evaluates expressions there, and fails.
        for where in ("inputs", "outputs"):
            for name, entry in self.data[where].items():
                if "${{" in entry.get("description", ""):
                    errors.append(f"action.yml: {name}: an expression in a description")
        want = {f"INPUT_{name.upper().replace('-', '_')}": f"${{{{ inputs.{name} }}}}" for name in self.inputs}
        have = self.data["runs"].get("env", {})
        for key in sorted(set(want) ^ set(have)):
            errors.append(f"action.yml: runs.env: {key} is {'missing' if key in want else 'of no input'}")
        for key in sorted(set(want) & set(have)):
            if want[key] != have[key]:
                errors.append(f"action.yml: runs.env: {key} should be {want[key]}")
        if list(have) != list(want) and set(have) == set(want):
            errors.append("action.yml: runs.env has another order than inputs")

    def knows(self, prefix, name):
        """Whether PREFIX_NAME is a setting, or, in the dotenv form, an output."""
        name = kebab(name)
        return name in self.inputs or (prefix == "HUGESYNC" and name in self.outputs) or name in OTHER_NAMES


# ---- documents


def examples_of(name, text, marked, errors):
    """The examples of a document. `marked` are the languages whose blocks have to have a marker; None stands for all."""
    found, lines, at, marker = [], text.splitlines(), 0, None
    while at < len(lines):
        line = lines[at]
        fence = FENCE.match(line.strip())
        if fence:
            end = next((i for i in range(at + 1, len(lines)) if lines[i].strip() == fence[1]), None)
            if end is None:
                errors.append(f"{name}:{at + 1}: this block does not end")
                return found
            language = fence[2]
            if marker:
                kind = marker[1]
                if kind not in KINDS:
                    errors.append(f"{name}:{at}: there is no kind of example {kind!r}")
                elif KINDS[kind][0] != language:
                    errors.append(f"{name}:{at + 1}: an example {kind!r} is written in {KINDS[kind][0]}, not in {language!r}")
                else:
                    found.append(Example(name, at + 1, kind, "\n".join(lines[at + 1 : end]) + "\n"))
            elif marked is None or language in marked:
                errors.append(f"{name}:{at + 1}: an example without a marker")
            marker, at = None, end + 1
            continue
        if marker:
            errors.append(f"{name}:{at}: a marker without an example on the next line")
        marker = MARKER.fullmatch(line.strip())
        if "<!-- example" in line and not marker:
            errors.append(f"{name}:{at + 1}: this marker is not understood")
        at += 1
    if marker:
        errors.append(f"{name}:{at}: a marker without an example on the next line")
    return found


def tables_of(name, text, errors):
    """Rows of the marked tables: {"inputs": [cells..], "outputs": [cells..]}."""
    rows, lines = {"inputs": [], "outputs": []}, text.splitlines()
    for at, line in enumerate(lines):
        table = TABLE.fullmatch(line.strip())
        if not table:
            continue
        if not (at + 2 < len(lines) and lines[at + 1].startswith("|") and lines[at + 2].startswith("|---")):
            errors.append(f"{name}:{at + 1}: no table after this marker")
            continue
        for row in lines[at + 3 :]:
            if not row.startswith("|"):
                break
            rows[table[1]].append([cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip()[1:-1])])
    return rows


def check_tables(action, name, text, errors):
    rows = tables_of(name, text, errors)
    for kind, names, width in (("inputs", action.inputs, 4), ("outputs", action.outputs, 3)):
        have = []
        for cells in rows[kind]:
            have.append(cells[0].strip("`"))
            if len(cells) != width or not cells[-1] or not cells[1]:
                errors.append(f"{name}: {kind}: {cells[0]}: {width} cells are wanted, with a meaning and an example")
        for missing in [n for n in names if n not in have]:
            errors.append(f"{name}: {kind}: {missing} is in action.yml and in no table")
        for unknown in [n for n in have if n not in names]:
            errors.append(f"{name}: {kind}: {unknown} is in a table and not in action.yml")
        if set(have) == set(names) and have != names:
            first = next(h for h, n in zip(have, names) if h != n)
            errors.append(f"{name}: {kind}: another order than in action.yml, from {first} on")


def check_variables(action, name, text, errors):
    for at, line in enumerate(text.splitlines(), 1):
        for prefix, rest in VARIABLE.findall(line):
            output = rest.removeprefix("OUT_") if prefix == "HUGESYNC" else rest
            if output != rest and output.lower().replace("_", "-") not in action.outputs:
                errors.append(f"{name}:{at}: {prefix}_{rest} is no output")
            if output == rest and not action.knows(prefix, rest.rstrip("_")):
                errors.append(f"{name}:{at}: {prefix}_{rest} is no setting")


def anchors_of(text):
    """As GitHub makes them of headings."""
    text = re.sub(r"(?ms)^```.*?^```", "", text)
    return {
        re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()).replace(" ", "-")
        for heading in re.findall(r"(?m)^#+ +(.*?) *$", text)
    }


def check_links(root, name, text, errors):
    text = re.sub(r"(?ms)^```.*?^```", "", text)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (root / name).parent / path if path else root / name
        if not file.exists():
            errors.append(f"{name}: {target} leads nowhere")
        elif anchor and anchor not in anchors_of(file.read_text()):
            errors.append(f"{name}: {target}: there is no such heading")


# ---- examples


def steps_of(workflow):
    for job_name, job in workflow.get("jobs", {}).items():
        yield job_name, job, [step for step in job.get("steps", []) if isinstance(step, dict)]


def check_workflow(action, example, workflow, errors):
    uses = 0
    for job_name, job, steps in steps_of(workflow):
        ours = {}
        for step in steps:
            if not str(step.get("uses", "")).startswith(ACTION):
                continue
            uses += 1
            ours[step.get("id")] = step
            given = step.get("with", {})
            for name in given:
                if name not in action.inputs:
                    errors.append(f"{example}: {name} is no input")
            for name in [n for n in action.inputs if action.data["inputs"][n]["required"] and n not in given]:
                errors.append(f"{example}: {name} is required")
            permissions = job.get("permissions", workflow.get("permissions", {}))
            if "role-to-assume" in given and (not isinstance(permissions, dict) or permissions.get("id-token") != "write"):
                errors.append(f"{example}: job {job_name} assumes a role without id-token: write")
        for step_id, output in OUTPUT_OF_STEP.findall(json.dumps(job)):
            if step_id in ours and output not in action.outputs:
                errors.append(f"{example}: {output} is no output")
            if step_id not in ours and step_id not in [step.get("id") for step in steps]:
                errors.append(f"{example}: there is no step {step_id}")
    if not uses:
        errors.append(f"{example}: nothing in it uses {ACTION}")


def wrapped(steps):
    """A workflow around steps, so that they can be judged as one."""
    return {
        "name": "Example",
        "on": "push",
        "permissions": {},
        "jobs": {
            "example": {
                "runs-on": "ubuntu-latest",
                "permissions": {"contents": "read", "id-token": "write"},
                "steps": steps,
            }
        },
    }


def check_plugin(action, example, pipeline, errors):
    """Drone and Woodpecker: what stands under settings."""
    ours = [step for step in pipeline.get("steps", []) if str(step.get("image", "")).startswith(IMAGE)]
    if not ours:
        errors.append(f"{example}: no step has the image {IMAGE}")
    for step in ours:
        if set(step) & {"commands", "environment", "entrypoint"}:
            errors.append(f"{example}: a step with commands or environment is no plugin")
        for name in step.get("settings", {}):
            if not action.knows("PLUGIN", name):
                errors.append(f"{example}: {name} is no setting")
            if "-" in name:
                errors.append(f"{example}: {name}: Drone hands hyphens on, and shells drop such variables")


def check_variables_ci(action, example, document, errors):
    """GitLab, Bitbucket, CircleCI: the names are looked at with all others; here only that it is used at all."""
    text = json.dumps(document)
    if IMAGE not in text or "hugesync ci" not in text:
        errors.append(f"{example}: nothing in it runs `hugesync ci` in {IMAGE}")
    for name in ("SOURCE", "DESTINATION"):
        if f"HUGESYNC_{name}" not in text:
            errors.append(f"{example}: HUGESYNC_{name} is required")


def as_list(value):
    return value if isinstance(value, list) else [value]


def statements_of(example, policy, errors):
    if policy.get("Version") != "2012-10-17" or not policy.get("Statement"):
        errors.append(f"{example}: a policy has Version 2012-10-17 and a Statement")
    for statement in policy.get("Statement", []):
        if statement.get("Effect") != "Allow":
            errors.append(f"{example}: Effect is not Allow")
        yield statement


def check_iam(example, policy, errors):
    for statement in statements_of(example, policy, errors):
        places = set()
        for name in as_list(statement.get("Action", [])):
            place = next((place for place, names in IAM_ACTIONS.items() if name in names), None)
            places.add(place)
            if place is None:
                errors.append(f"{example}: {name} is no action that HugeSync needs")
        if len(places) != 1:
            errors.append(f"{example}: a statement is about a bucket, about objects or about a key")
            continue
        for resource in as_list(statement.get("Resource", [])):
            place = next(iter(places))
            if place and not RESOURCES[place].fullmatch(resource):
                errors.append(f"{example}: {resource} is no {place}")


def check_trust(example, policy, errors):
    for statement in statements_of(example, policy, errors):
        if statement.get("Action") != "sts:AssumeRoleWithWebIdentity":
            errors.append(f"{example}: the action of a trust policy is sts:AssumeRoleWithWebIdentity")
        provider = re.fullmatch(r"arn:aws:iam::\d{12}:oidc-provider/(.+)", statement.get("Principal", {}).get("Federated", ""))
        if not provider:
            errors.append(f"{example}: the principal is no identity provider")
            continue
        keys = {}
        for operator, conditions in statement.get("Condition", {}).items():
            if operator not in ("StringEquals", "StringLike"):
                errors.append(f"{example}: {operator} is not what compares subjects")
            for key, values in conditions.items():
                keys[key] = values
                if operator == "StringEquals" and any(re.search(r"[*?]", value) for value in as_list(values)):
                    errors.append(f"{example}: {key}: a wildcard under StringEquals is only a character")
        if set(keys) != {f"{provider[1]}:aud", f"{provider[1]}:sub"}:
            errors.append(f"{example}: the conditions are not about aud and sub of {provider[1]}")


def check_example(action, example, errors):
    """Returns the document that a schema can judge, if there is one."""
    try:
        if KINDS[example.kind][0] == "yaml":
            document = load_yaml(example.text)
        elif KINDS[example.kind][0] == "json":
            document = json.loads(example.text)
        else:
            document = example.text
    except (yaml.YAMLError, ValueError) as error:
        errors.append(f"{example}: {' '.join(str(error).split())}")
        return None
    if example.kind == "github-workflow":
        check_workflow(action, example, document, errors)
    elif example.kind == "github-step":
        document = wrapped(document)
        check_workflow(action, example, document, errors)
    elif example.kind in ("drone", "woodpecker"):
        check_plugin(action, example, document, errors)
    elif example.kind in ("gitlab-ci", "bitbucket", "circleci"):
        check_variables_ci(action, example, document, errors)
    elif example.kind == "iam-policy":
        check_iam(example, document, errors)
    elif example.kind == "trust-policy":
        check_trust(example, document, errors)
    elif example.kind == "shell":
        bash = subprocess.run(["bash", "-n"], input=example.text, text=True, capture_output=True)
        if bash.returncode:
            errors.append(f"{example}: {bash.stderr.strip()}")
    elif not example.text.strip():
        errors.append(f"{example}: empty")
    return document


def check_own_workflows(action, root, errors):
    """Those of .github that use the action as `./`."""
    for path in sorted((root / ".github" / "workflows").glob("*.yml")):
        name = path.relative_to(root)
        for _, _, steps in steps_of(load_yaml(path.read_text())):
            for given in [step.get("with", {}) for step in steps if step.get("uses") == "./"]:
                errors.extend(f"{name}: {unknown} is no input" for unknown in given if unknown not in action.inputs)


# ---- other people's checkers


def tool(name):
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if not found:
        sys.exit(f"check_examples.py: {name} is missing: pip install {name}")
    return found


def run(command, errors, what):
    done = subprocess.run(command, text=True, capture_output=True)
    if done.returncode:
        errors.append(f"{what}:\n{(done.stdout + done.stderr).strip()}")


def check_with_tools(root, judged, only, errors):
    """`only` is the one schema that is asked, or zizmor; None stands for all."""
    schema = [tool("check-jsonschema"), "--color", "never", "--builtin-schema"]
    if only in (None, "vendor.github-actions"):
        run([*schema, "vendor.github-actions", str(root / "action.yml")], errors, "action.yml and the schema vendor.github-actions")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        workflows = folder / ".github" / "workflows"
        workflows.mkdir(parents=True)
        (folder / "zizmor.yml").write_text(ZIZMOR)
        by_schema = {}
        for example, document in judged:
            name = f"{example.file.replace('/', '-')}-line-{example.line}.yml"
            path = (workflows if example.kind.startswith("github") else folder) / name
            # Comments are kept where zizmor reads them: the version behind a pinned commit.
            text = yaml.safe_dump(document, sort_keys=False, width=1000) if example.kind == "github-step" else example.text
            path.write_text(text)
            by_schema.setdefault(KINDS[example.kind][1], []).append(str(path))
        for name, paths in sorted(by_schema.items()):
            if only not in (None, name):
                continue
            run([*schema, name, *paths], errors, f"examples and the schema {name}")
        if only in (None, "zizmor") and any(workflows.iterdir()):
            command = [tool("zizmor"), "--offline", "--no-progress", "--quiet", "--color=never", "--config", str(folder / "zizmor.yml")]
            run([*command, str(workflows)], errors, "examples and zizmor")


# ---- all of it


def check(root, tools=True, only=None):
    errors, judged, count = [], [], 0
    action = Action(root, errors)
    check_own_workflows(action, root, errors)
    for name, marked in (("docs/CI.md", None), ("README.md", ("yaml", "json"))):
        text = (root / name).read_text()
        check_variables(action, name, text, errors)
        check_links(root, name, text, errors)
        if marked is None:
            check_tables(action, name, text, errors)
        for example in examples_of(name, text, marked, errors):
            count += 1
            document = check_example(action, example, errors)
            if document is not None and KINDS[example.kind][1]:
                judged.append((example, document))
    if tools:
        check_with_tools(root, judged, only, errors)
    return errors, count


# Each of these has to be noticed: file, what is there once or more (the first is replaced), what comes in its place, a part of
# the message, and the schema or tool that alone can see it.
BROKEN = [
    ("action.yml", "INPUT_DRY_RUN: ${{ inputs.dry-run }}", "INPUT_DRY_RUN: ${{ inputs.delete }}", "should be ${{ inputs.dry-run }}", None),
    ("action.yml", "    INPUT_SHARD: ${{ inputs.shard }}\n", "", "INPUT_SHARD is missing", None),
    ("action.yml", "    INPUT_SHARD:", "    INPUT_SHARDS: x\n    INPUT_SHARD:", "INPUT_SHARDS is of no input", None),
    ("action.yml", "Example: `STANDARD_IA`", "As you like it.", "no example", None),
    ("action.yml", "Example: `STANDARD_IA`", "Example: `${{ inputs.acl }}`", "an expression in a description", None),
    ("action.yml", "    required: false\n", "    required: false\n    default: ''\n", "would count for more", None),
    ("action.yml", "  max-size:\n", "  min-size:\n", "stands twice", None),
    ("action.yml", "  using: docker", "  using: podman", "vendor.github-actions", "vendor.github-actions"),
    (".github/workflows/action-test.yml", "          path-style: true\n", "          paths-style: true\n", "paths-style is no input", None),
    ("docs/CI.md", "| `min-size` |", "| `minimum-size` |", "minimum-size is in a table and not in action.yml", None),
    ("docs/CI.md", "| `files-failed` |", "| `files-broken` |", "files-failed is in action.yml and in no table", None),
    ("docs/CI.md", "| `bytes-total` | bytes of all files | `13314398617` |\n", "", "bytes-total is in action.yml and in no table", None),
    ("docs/CI.md", "<!-- table: outputs -->", "", "is in action.yml and in no table", None),
    ("docs/CI.md", "          aws-region: eu-central-1\n", "          region: eu-central-1\n", "region is no input", None),
    ("docs/CI.md", "          source: dist/\n", "", "source is required", None),
    ("docs/CI.md", "      id-token: write # for the role below\n", "", "without id-token: write", None),
    ("docs/CI.md", "steps.sync.outputs.changed", "steps.sync.outputs.has-changed", "has-changed is no output", None),
    ("docs/CI.md", "steps.sync.outputs.json", "steps.other.outputs.json", "there is no step other", None),
    ("docs/CI.md", "uses: hugesync/hugesync@v1", "uses: actions/cache@v1", "nothing in it uses", None),
    ("docs/CI.md", "$HUGESYNC_OUT_BYTES_UPLOADED", "$HUGESYNC_OUT_BYTES_SENT", "HUGESYNC_OUT_BYTES_SENT is no output", None),
    ("docs/CI.md", "    HUGESYNC_AWS_REGION", "    HUGESYNC_AWS_REGON", "HUGESYNC_AWS_REGON is no setting", None),
    ("docs/CI.md", "    HUGESYNC_SOURCE: dist/\n", "", "HUGESYNC_SOURCE is required", None),
    ("docs/CI.md", "      cache_control:", "      cache_controll:", "cache_controll is no setting", None),
    ("docs/CI.md", "      aws_region:", "      aws-region:", "Drone hands hyphens on", None),
    ("docs/CI.md", '"s3:AbortMultipartUpload"', '"s3:AbortMultipartUploads"', "s3:AbortMultipartUploads is no action", None),
    ("docs/CI.md", '"Resource": "arn:aws:s3:::my-bucket"', '"Resource": "arn:aws:s3:::my-bucket/*"', "is no bucket", None),
    ("docs/CI.md", '"Resource": "arn:aws:s3:::my-bucket/releases/*"', '"Resource": "arn:aws:s3:::my-bucket"', "is no object", None),
    ("docs/CI.md", "repo:OWNER/REPO:ref:refs/heads/main\"", "repo:OWNER/REPO:*\"", "a wildcard under StringEquals", None),
    ("docs/CI.md", '"gitlab.com:sub"', '"gitlab.com:subject"', "not about aud and sub of gitlab.com", None),
    ("docs/CI.md", '"Version": "2012-10-17",\n', '"Version": "2012-10-17"\n', "Expecting ',' delimiter", None),
    ("docs/CI.md", "<!-- example: gitlab-ci -->\n", "", "an example without a marker", None),
    ("docs/CI.md", "<!-- example: gitlab-ci -->\n", "<!-- example: gitlab-ci -->\n\n", "a marker without an example", None),
    ("docs/CI.md", "<!-- example: gitlab-ci -->", "<!-- example: gitlab -->", "there is no kind of example 'gitlab'", None),
    ("docs/CI.md", "<!-- example: gitlab-ci -->", "<!-- example gitlab-ci -->", "this marker is not understood", None),
    ("docs/CI.md", "<!-- example: gitlab-ci -->", "<!-- example: iam-policy -->", "is written in json", None),
    ("docs/CI.md", "gh attestation verify oci", "gh 'attestation verify oci", "unexpected EOF", None),
    ("docs/CI.md", "(#outputs)", "(#output)", "there is no such heading", None),
    ("docs/CI.md", "(TREES.md)", "(TREE.md)", "leads nowhere", None),
    ("docs/CI.md", "    runs-on: ubuntu-latest\n", "    run-on: ubuntu-latest\n", "vendor.github-workflows", "vendor.github-workflows"),
    ("docs/CI.md", "  stage: deploy\n", "  stages: deploy\n", "vendor.gitlab-ci", "vendor.gitlab-ci"),
    ("docs/CI.md", "type: docker\n", "typ: docker\n", "vendor.drone-ci", "vendor.drone-ci"),
    ("docs/CI.md", "when:\n  - event: push\n", "when:\n  - event: pushed\n", "vendor.woodpecker-ci", "vendor.woodpecker-ci"),
    ("docs/CI.md", "          oidc: true\n", "          oidc: maybe\n", "vendor.bitbucket-pipelines", "vendor.bitbucket-pipelines"),
    ("docs/CI.md", "version: 2.1\n", "version: 7\n", "vendor.circle-ci", "vendor.circle-ci"),
    ("docs/CI.md", "@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7", "unpinned-uses", "zizmor"),
    ("docs/CI.md", "run: echo \"$FILES", "run: echo \"${{ github.head_ref }} $FILES", "template-injection", "zizmor"),
]  # fmt: skip


def self_test(root):
    failures = []
    errors, _ = check(root)
    if errors:
        failures.append("without a change: " + "\n".join(errors))
    for file, old, new, expected, tool_of_it in BROKEN:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder)
            shutil.copytree(root / "docs", copy / "docs")
            shutil.copytree(root / ".github", copy / ".github")
            shutil.copy(root / "action.yml", copy)
            # What documents lead to has to be there, but is not looked into.
            for path in root.iterdir():
                if not (copy / path.name).exists():
                    (copy / path.name).symlink_to(path)
            text = (copy / file).read_text()
            if old not in text:
                failures.append(f"{file}: there is no {old!r} to replace")
                continue
            (copy / file).write_text(text.replace(old, new, 1))
            try:
                errors, _ = check(copy, tools=tool_of_it is not None, only=tool_of_it)
            except yaml.YAMLError as error:
                errors = [str(error)]
            if not any(expected in error for error in errors):
                failures.append(f"{file}: {old!r} -> {new!r} was not noticed ({expected!r}), only {errors}")
    return failures


def main():
    arguments = sys.argv[1:]
    testing = "--self-test" in arguments
    places = [argument for argument in arguments if not argument.startswith("-")]
    root = Path(places[0] if places else Path(__file__).parents[2]).resolve()
    if testing:
        errors, what = self_test(root), f"{len(BROKEN)} mistakes, each noticed"
    else:
        errors, count = check(root)
        what = f"{count} examples, one list of inputs and outputs"
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    print(f"check_examples.py: {what}" if not errors else f"check_examples.py: {len(errors)} errors")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
