"""The files by which a step speaks to GitHub's runner: outputs, summary, state, environment, path.

After FileCommandManager.cs and JobExtension.cs in src/Runner.Worker of actions/runner 2.336. Like the runner this keeps what
comes before a malformed line.
"""

import codecs

SUMMARY_LIMIT_BYTES = 1024 * 1024
# Ours: what is left is for other steps' tools that write to the same summary.
SUMMARY_GOAL_BYTES = 900 * 1024
# Name in the environment (GITHUB_..) and what the file's name begins with.
FILE_COMMANDS = {
    "PATH": "add_path_",
    "ENV": "set_env_",
    "STEP_SUMMARY": "step_summary_",
    "STATE": "save_state_",
    "OUTPUT": "set_output_",
    "ARTIFACTS": "artifacts_",
    "ARTIFACTS_LIST": "artifacts_list_",
}


class Malformed(Exception):
    """What fails the step, with the pairs that were understood before it."""


def text_of(path):
    data = path.read_bytes()
    for mark, encoding in ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    return data.decode("utf-8", "replace")


def pairs(text):
    """The pairs of NAME=VALUE and NAME<<DELIMITER as (name, value, whether it came as a heredoc)."""
    at = 0

    def line():
        nonlocal at
        if at >= len(text):
            return None, False
        end = text.find("\n", at)
        begin, at = at, len(text) if end < 0 else end + 1
        return text[begin:] if end < 0 else text[begin:end], end >= 0

    while True:
        head, _ = line()
        if head is None:
            return
        if not head:
            continue
        equals, heredoc = head.find("="), head.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            name, value = head.split("=", 1)
            yield name, value, False
        elif heredoc >= 0:
            name, delimiter = head.split("<<", 1)
            if not name or not delimiter:
                raise Malformed(f"invalid format {head!r}: an empty name or delimiter")
            begin = end = at
            while True:
                found, ended = line()
                if found == delimiter:
                    break
                if found is None:
                    raise Malformed(f"no line {delimiter!r} after {head!r}")
                if not ended:
                    raise Malformed(f"the last line of {head!r} does not end")
                end = at - 1
            yield name, text[begin:end] if end > begin else "", True
        else:
            raise Malformed(f"invalid format {head!r}")


def outputs(path):
    """The outputs, and what is wrong with them; the runner fails the step only for a malformed line or an empty name."""
    found, problems, failed = {}, [], False
    text = text_of(path)
    if "\ufffd" in text:
        problems.append("the outputs are not UTF-8")
    try:
        for name, value, heredoc in pairs(text):
            if not name:
                raise Malformed("an output without a name")
            if not heredoc:
                problems.append(f"the output {name!r} is not in the form of a heredoc")
            if name.lower() in (other.lower() for other in found):
                problems.append(f"the output {name!r} is there twice")
            found[name] = value
    except Malformed as error:
        problems.append(f"the file of outputs: {error}")
        failed = True
    return found, problems, failed


def of_the_job(found, mask):
    """What other jobs get of a step's outputs: not those that are empty or hold a secret."""
    return {name: value for name, value in found.items() if value and mask(value) == value}


def summary(path, mask):
    """The summary as the page shows it; empty if there is none or it is too large."""
    size = path.stat().st_size
    problems = [] if size <= SUMMARY_GOAL_BYTES else [f"the summary has {size} bytes, more than {SUMMARY_GOAL_BYTES}"]
    if size > SUMMARY_LIMIT_BYTES:
        return "", problems
    return "\n".join(mask(line) for line in text_of(path).split("\n")), problems
