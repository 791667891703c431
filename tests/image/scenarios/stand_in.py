"""The stand-in for the runner itself, and the entrypoint: no container."""

import json
import os
import subprocess
import sys
from pathlib import Path

from commands import Console
from files import Malformed, pairs

from .base import scenario


@scenario
def stand_in(test, check):
    """What this stand-in makes of lines and files, where the runner's source says what it does."""
    console = Console(["premasked"])
    for line in [
        "::group::a%0Ab",
        "::endgroup::",
        "  ::warning title=x%2Cy%3A%25,file=a::m%25n",
        "::add-mask::s3cr3t/+",
        "say s3cr3t/+ s3cr3t%2F%2B",
        "czNjcjN0Lys=",
        "premasked",
        "::stop-commands::tok3nlong",
        "::error::quoted",
        "::tok3nlong::",
        "no ::error::x",
        "::debug::x",
    ]:
        console.feed(line)
    console.close()
    check.equal("no problem is seen", console.problems, [])
    check.equal(
        "the log is",
        console.shown,
        [
            "##[group]a\nb",
            "##[endgroup]",
            "##[warning]m%n",
            "say *** ***",
            "***",
            "***",
            "::stop-commands::***",
            "::error::quoted",
            "::***::",
            "no ::error::x",
        ],
    )
    check.equal("an annotation is", console.annotations, [("warning", {"title": "x,y:%", "file": "a"}, "m%n")])
    for line in [
        "::set-output name=a::b",
        "a ##[error]b",
        "##[section]b",
        "::unknown::",
        "\u200b::error::b",
        "::endgroup::",
        "::add-mask:: ",
        "::set-env name=a::b",
        "::group::open",
    ]:
        console = Console()
        console.feed(line)
        console.close()
        check(f"a problem is seen in {line!r}", len(console.problems) == 1, console.problems)
    console = Console()
    for _ in range(11):
        console.feed("::error::x")
    console.close()
    check(
        "the eleventh annotation is lost, and seen",
        len(console.annotations) == 10 and len(console.problems) == 1,
        console.problems,
    )
    read = list(pairs("a=b=c\n\nd<<E\r\nx\nE\r\nf<<E\nE\ng<<E\ny\n\nE"))
    check.equal("outputs are read as", read, [("a", "b=c", False), ("d", "x", True), ("f", "", True), ("g", "y\n", True)])
    for text in ["a", "a<<\nb\n", "<<E\nx\nE\n", "a<<E\nx\n", "a<<E\nx"]:
        try:
            list(pairs(text))
            check(f"{text!r} is malformed", False)
        except Malformed as error:
            check(f"{text!r} is malformed", True, error)


@scenario
def entrypoint(test, check):
    """No shell loses a variable: what it drops comes at descriptor 3."""
    script = Path(__file__).resolve().parents[3] / "entrypoint.sh"
    folder = test.folder / "entrypoint"
    folder.mkdir()
    # It prints its arguments, its environment and descriptor 3, as far as they are there.
    (folder / "hugesync").write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        "try: given = os.fdopen(3, 'rb').read().decode()\nexcept OSError: given = None\n"
        "print(json.dumps([sys.argv[1:], sorted(os.environ), given]))\n"
    )
    (folder / "hugesync").chmod(0o755)
    variables = {
        b"INPUT_DRY-RUN": b"true",
        b"INPUT_LINES": b"a\n$(b) `c` \\d\n",
        b"INPUT_BAD": b"\xff\xfe",
        b"INPUT_LONG-ONE": b"x" * 100_000,
    }
    for shell in (["dash"], ["busybox", "sh"], ["bash"], ["bash", "--posix"]):
        ran = subprocess.run(
            [*shell, script, "a b"],
            capture_output=True,
            env={b"PATH": os.fsencode(f"{folder}:{os.environ['PATH']}"), **variables},
        )
        if not check(f"{' '.join(shell)} runs it", ran.returncode == 0, ran.stderr.decode()):
            continue
        arguments, names, given = json.loads(ran.stdout)
        original = dict(pair.split(b"=", 1) for pair in bytes.fromhex(given).split(b"\0") if pair)
        check(
            f"{' '.join(shell)} hands on all of it",
            arguments == ["ci", "a b"] and variables.items() <= original.items() and "HUGESYNC_ENVIRON_FD" in names,
            [arguments, names, given[:300]],
        )
    # Neither od nor /proc: still it runs, with an empty descriptor.
    tools = folder / "tools"
    tools.mkdir()
    (tools / "hugesync").symlink_to(folder / "hugesync")
    ran = subprocess.run(["/bin/dash", script], capture_output=True, text=True, env={"PATH": str(tools)})
    check("it runs without od", ran.returncode == 0 and json.loads(ran.stdout)[2].strip() == "", ran)
