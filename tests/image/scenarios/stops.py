"""Uploads that are stopped on the way."""

import os
import signal
import time

from world import BUCKET, DISK_BYTES

from .base import scenario

# From the signal to the end of the container, its removal included.
STOP_SECONDS = 7.0


def stopped(test, check, machine, prefix, until, number=signal.SIGINT, **more):
    """Stops an upload in the middle of it and looks at what it leaves."""
    since = len(test.double.requests())

    def during(running):
        check(f"it was at work: {until}", test.double.wait_for(until, since), test.double.requests(since))
        time.sleep(1)
        running.cancel(number)

    result = test.run(machine, test.settings(prefix, **more), during)
    seconds = result.stop_seconds
    check(f"it stops within {STOP_SECONDS} s", seconds is not None and seconds < STOP_SECONDS, f"{seconds} s, {result.signals}")
    check.note(f"stopped after {seconds:.1f} s, exit code {result.exit_code}")
    check("the first signal was enough", len(result.signals) == 1, result.signals)
    check("exit code says that it was stopped", result.exit_code in (130, 143), result.exit_code)
    check("the result is not a success", result.outputs.get("result") in ("partial", "failed"), result.outputs)
    told = any(word in result.summary.lower() for word in ("cancel", "interrupt", "stopped"))
    check("the summary tells of the interruption", told, result.summary)
    check("no object is there", test.double.read(f"{prefix}disk.img") is None)


def goes_on(test, check, machine, prefix):
    """Runs it again, to its end; returns how many bytes were uploaded."""
    result = test.run(machine, test.settings(prefix))
    check.equal("the next run's result", result.outputs.get("result"), "success")
    test.same(machine, prefix)
    uploads = test.double.s3.list_multipart_uploads(Bucket=BUCKET, Prefix=prefix).get("Uploads", [])
    check("no unfinished upload is left, which would be paid for", not uploads, uploads)
    return int(result.outputs.get("bytes-uploaded") or DISK_BYTES)


@scenario
def cancel_early(test, check):
    """No part is through yet, and none would be within the time that the runner gives."""
    stopped(test, check, test.machine("disk.img"), "early/", "CreateMultipartUpload", bwlimit="1MB")
    goes_on(test, check, test.machine("disk.img"), "early/")


@scenario
def cancel(test, check):
    """The next job checks out anew, so the files are younger than the upload."""
    stopped(test, check, test.machine("disk.img"), "cancel/", "UploadPart", bwlimit="4MB", jobs="1")
    uploaded = goes_on(test, check, test.machine("disk.img"), "cancel/")
    check("the parts that were there are not uploaded again", uploaded < DISK_BYTES, uploaded)


@scenario
def terminate(test, check):
    """The next job is on the same machine, and the file is older than the upload."""
    machine = test.machine("disk.img")
    os.utime(machine.workspace / "disk.img", (time.time() - 3600,) * 2)
    stopped(test, check, machine, "terminate/", "UploadPart", signal.SIGTERM, bwlimit="4MB", jobs="1")
    uploaded = goes_on(test, check, machine, "terminate/")
    check("the parts that were there are not uploaded again", uploaded < DISK_BYTES, uploaded)
