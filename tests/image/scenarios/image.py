"""The image by itself."""

import json
import statistics
import subprocess
import time

from runner import IMAGE_SH

from .base import scenario


@scenario
def image(test, check):
    described = json.loads(test.engine("podman", "image", "inspect", test.image).stdout)[0]
    config = described["Config"]
    check.equal("entrypoint", config.get("Entrypoint"), ["/entrypoint.sh"])
    check.equal("signal to stop", config.get("StopSignal"), "SIGINT")
    check("it runs as root", config.get("User", "") in ("", "root", "0"), config.get("User"))
    labels = {
        f"org.opencontainers.image.{name}" for name in ("title", "description", "source", "licenses", "version", "revision")
    }
    check("it has its labels", labels <= (config.get("Labels") or {}).keys(), config.get("Labels"))
    program = test.engine(
        "run", "--rm", test.image, "sh", "-c", "wc -c </usr/local/bin/hugesync; wc -c </etc/ssl/certs/ca-certificates.crt"
    ).stdout.split()
    check("it has CA certificates", len(program) == 2 and int(program[1]) > 100_000, program)
    check.note(f"the image has {described['Size'] / 1e6:.1f} MB, the program {int(program[0]) / 1e6:.1f} MB of them")


@scenario
def start(test, check):
    """How long it takes from `podman run` to the first byte; a shell's `echo` shows the engine's share."""

    def first_byte(arguments):
        began = time.monotonic()
        command = [IMAGE_SH, "run", "--rm", "-e", "GITHUB_ACTIONS=true", "-e", "INPUT_SOURCE=/nowhere", test.image, *arguments]
        output = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        with subprocess.Popen(command, **output) as process:
            first = process.stdout.read(1)
            seconds = time.monotonic() - began
            process.stdout.read()
        return seconds if first else float("inf")

    ours, engine = (statistics.median(map(first_byte, [arguments] * 5)) for arguments in ([], ["sh", "-c", "echo"]))
    check("something is printed", ours < 60, ours)
    check.note(f"first byte after {ours:.2f} s (median of 5); of a shell's echo after {engine:.2f} s")
