"""What goes wrong, and how it is told."""

import html
import os
from pathlib import Path

from .base import scenario


def failed(check, result, codes=(1,)):
    check(f"exit code is {' or '.join(map(str, codes))}", result.exit_code in codes, result.exit_code)
    check.equal("result", result.outputs.get("result"), "failed")
    check.equal("changed", result.outputs.get("changed"), "false")
    check(
        "an annotation says why",
        any(level == "error" and message.strip() for level, _, message in result.annotations),
        result.log,
    )
    said = [message.splitlines()[0] for level, _, message in result.annotations if level == "error"]
    shown = html.unescape(result.summary.replace("<wbr>", ""))
    check("the summary says so", "❌" in shown and said and f"**{said[0]}**".lower() in shown.lower(), result.summary)


@scenario
def wrong_keys(test, check):
    wrong = "/+wrong" * 6
    result = test.run(test.machine("names"), test.settings("wrong/", aws_secret_access_key=wrong), secrets=(wrong,))
    failed(check, result)


@scenario
def no_bucket(test, check):
    failed(check, test.run(test.machine("names"), test.settings("", destination="s3://no-such-bucket/x/")))


@scenario
def no_source(test, check):
    since = len(test.double.requests())
    result = test.run(test.machine("names"), test.settings("nosource/", source="build/*.tar.gz"))
    failed(check, result)
    check("nothing is written", not test.double.writes(since), test.double.writes(since))


@scenario
def wrong_setting(test, check):
    failed(check, test.run(test.machine("names"), test.settings("setting/", jobs="many")), codes=(2,))


@scenario
def no_credentials(test, check):
    settings = test.settings("nobody/", aws_access_key_id=None, aws_secret_access_key=None)
    failed(check, test.run(test.machine("names"), settings), codes=(1, 2))


@scenario
def names_without_a_key(test, check):
    """Thirty files that no key can hold: the rest is uploaded, and they make no thirty annotations."""
    machine = test.machine("names")
    for number in range(30):
        Path(os.fsdecode(os.fsencode(machine.workspace) + b"/bad-\xff-%d" % number)).write_bytes(b"x")
    result = test.run(machine, test.settings("bytes/"))
    check.equal("exit code", result.exit_code, 3)
    check.equal("result", result.outputs.get("result"), "partial")
    check.equal("files-failed", result.outputs.get("files-failed"), "30")
    check("the others are there", "names/plain.txt" in test.double.stored("bytes/"))
