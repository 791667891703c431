"""What GitHub's runner makes of the lines that a container prints: workflow commands, masks, the log.

After actions/runner 2.336: src/Runner.Common/ActionCommand.cs, ActionCommandManager.cs, ExecutionContext.cs and
Handlers/OutputManager.cs in src/Runner.Worker, src/Sdk/DTLogging. A line that the runner may take and that a well-behaved
action does not print is also written down in `problems`: commands that are old or unknown, `##[` anywhere, groups left open.
"""

import base64
import itertools
import json
import re
import urllib.parse
from collections import Counter
from xml.sax.saxutils import escape

KNOWN = {
    "stop-commands",
    "set-env",
    "set-output",
    "save-state",
    "add-mask",
    "add-path",
    "add-matcher",
    "remove-matcher",
    "debug",
    "warning",
    "error",
    "notice",
    "group",
    "endgroup",
    "echo",
}
WELCOME = {"stop-commands", "add-mask", "debug", "warning", "error", "notice", "group", "endgroup"}
ISSUES = {"warning", "error", "notice"}
ISSUE_PROPERTIES = {"file", "line", "endline", "col", "endcolumn", "title"}
ISSUES_SHOWN, ISSUE_MESSAGE_CHARS = 10, 4096
# The runner compares by the rules of a language, which pass over these: a command that is broken up by one may still be one.
IGNORED = dict.fromkeys([0xAD, 0x34F, 0x61C, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A)])


def unescaped(text, pairs):
    for code, character in [*pairs, ("%25", "%")]:
        text = text.replace(code, character)
    return text


LINES = [("%0D", "\r"), ("%0A", "\n")]


def double_colon(line):
    """`::name key=value,key=value::data`, only at the beginning of a line."""
    line = line.lstrip()
    if not line.startswith("::") or (end := line.find("::", 2)) < 0:
        return None
    name, space, rest = line[2:end].partition(" ")
    pairs = [piece.split("=", 1) for piece in rest.strip().split(",") if piece] if space and name else []
    properties = {pair[0].lower(): unescaped(pair[1], [*LINES, ("%3A", ":"), ("%2C", ",")]) for pair in pairs if len(pair) == 2}
    return name.lower(), properties, unescaped(line[end + 2 :], LINES)


def hash_bracket(line):
    """`##[name key=value;key=value]data`, anywhere in a line, the first one only."""
    if (begin := line.find("##[")) < 0 or (end := line.find("]", begin)) < 0:
        return None
    name, _, rest = line[begin + 3 : end].partition(" ")
    codes = [("%3B", ";"), *LINES, ("%5D", "]")]
    pairs = [piece.split("=", 1) for piece in rest.split(";") if piece]
    properties = {pair[0].lower(): unescaped(pair[1], codes) for pair in pairs if len(pair) == 2}
    return name.lower(), properties, unescaped(line[end + 1 :], codes)


class Masker:
    """Secrets, and the spellings of them that the runner looks for too."""

    def __init__(self, secrets=()):
        self.values, self.spellings = set(), set()
        for secret in secrets:
            self.add(secret)

    def add(self, secret):
        if not secret or secret in self.values:
            return
        self.values.add(secret)
        raw = secret.encode()
        shifted = [base64.b64encode(raw[shift:] if len(raw) > shift else raw).decode() for shift in range(3)]
        xml = escape(secret, {'"': "&quot;", "'": "&apos;"})
        self.spellings |= {
            secret,
            *shifted,
            secret.replace('"', '\\"'),
            secret.replace("'", "''"),
            xml,
            json.dumps(secret, ensure_ascii=False)[1:-1],
            urllib.parse.quote(secret, safe="-._~"),
        }

    def mask(self, text):
        hidden = bytearray(len(text))
        for spelling in self.spellings:
            at = text.find(spelling)
            while at >= 0:
                hidden[at : at + len(spelling)] = b"\1" * len(spelling)
                at = text.find(spelling, at + 1)
        runs = itertools.groupby(zip(text, hidden, strict=True), key=lambda pair: pair[1])
        return "".join("***" if secret else "".join(character for character, _ in run) for secret, run in runs)


class Console:
    """Reads lines in the order in which they come. `shown` is the log, as a reader of the job's page sees it."""

    def __init__(self, secrets=(), debug=False):
        self.masker, self.debug = Masker(secrets), debug
        self.raw, self.shown, self.problems, self.masks = [], [], [], []
        self.annotations, self.counts = [], Counter()
        self.failed, self.group, self.token = False, None, None

    def feed(self, line):
        self.raw.append(line)
        plain = line.translate(IGNORED)
        command = next((found for found in (double_colon(line), hash_bracket(line)) if found and self.known(found[0])), None)
        if self.token:
            if command and command[0] == self.token:
                self.token = None
            self.show(line)
            return
        if "##[" in plain:
            self.problem("the old form of a command", line)
        elif plain.lstrip().startswith("::") and not command:
            self.problem("an unknown command", line)
        if not command:
            self.show(line.replace("##[start-action", r"##[\start-action").replace("##[end-action", r"##[\end-action"))
            return
        name, properties, data = command
        if name not in WELCOME:
            self.problem("an unexpected command", line)
        self.act(name, properties, data, line)

    def known(self, name):
        return name in KNOWN or name == self.token

    def act(self, name, properties, data, line):
        if name in ISSUES:
            self.issue(name, properties, data, line)
        elif name == "add-mask":
            self.add_mask(data, line)
        elif name == "group":
            if self.group is not None:
                self.problem(f"a group inside the group {self.group!r}, which is not closed", line)
            self.group = data
            self.show(f"##[group]{data}")
        elif name == "endgroup":
            if self.group is None:
                self.problem("the end of a group that was not begun", line)
            self.group = None
            self.show("##[endgroup]")
        elif name == "debug":
            if self.debug:
                self.show(f"##[debug]{data}")
        elif name == "stop-commands":
            if not data or data.lower() in KNOWN or data.lower() == "pause-logging":
                self.problem("a token that does not stop commands", line)
                self.failed = True
                return
            self.token = data.lower()
            if len(data) > 6:
                self.masker.add(data)
            self.show(line)
        elif name in ("set-env", "add-path"):
            self.failed = True

    def issue(self, level, properties, message, line):
        self.counts[level] += 1
        if unknown := set(properties) - ISSUE_PROPERTIES:
            self.problem(f"an annotation with unknown properties {sorted(unknown)}", line)
        message = self.masker.mask(message)[:ISSUE_MESSAGE_CHARS]
        if self.counts[level] <= ISSUES_SHOWN:
            self.annotations.append((level, properties, message))
        self.show(f"##[{level}]{message}")

    def add_mask(self, data, line):
        if not data.strip():
            self.problem("an empty mask", line)
            return
        self.masks.append(data)
        self.masker.add(data)
        for part in re.split(r"[\r\n]", data):
            self.masker.add(part.strip())

    def show(self, text):
        self.shown.append(self.masker.mask(text))

    def problem(self, what, line):
        self.problems.append(f"{what}: {self.masker.mask(line)!r}")

    def close(self):
        if self.group is not None:
            self.problems.append(f"the group {self.group!r} is not closed")
        if self.token:
            self.problems.append("commands were stopped and not started again")
        for level, count in self.counts.items():
            if count > ISSUES_SHOWN:
                self.problems.append(f"{count} annotations of the level {level}: only {ISSUES_SHOWN} are shown")
