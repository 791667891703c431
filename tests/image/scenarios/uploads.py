"""What a step uploads, leaves alone and deletes."""

import json
import random

from runner import RUNNER_UID
from world import DISK_BYTES, NAMES, Double, contents

from .base import scenario


@scenario
def first_sync(test, check):
    machine = test.machine()
    result = test.run(machine, test.settings("first/"))
    check.equal("exit code", result.exit_code, 0)
    check.equal("result", result.outputs.get("result"), "success")
    check.equal("changed", result.outputs.get("changed"), "true")
    total = sum(map(len, contents(machine.workspace).values()))
    check.equal("bytes-total", result.outputs.get("bytes-total"), str(total))
    check.equal("bytes-uploaded", result.outputs.get("bytes-uploaded"), str(total))
    check.equal("destination-key", result.outputs.get("destination-key"), "first/")
    check(
        "the keys are masked",
        {test.double.secret_key, test.double.access_key} <= set(result.masks),
        f"{len(result.masks)} masks",
    )
    check(
        "there is no error annotation", not [level for level, *_ in result.annotations if level == "error"], result.annotations
    )
    test.same(machine, "first/")
    check(
        "a sidecar lies beside the large object",
        "first/disk.img.hssig" in test.double.keys("first/disk"),
        test.double.keys("first/disk"),
    )
    foreign = [str(path) for path in machine.folder.rglob("*") if path.lstat().st_uid != RUNNER_UID]
    check("everything still belongs to the runner's user", not foreign, foreign)


@scenario
def unchanged(test, check):
    test.run(test.machine(), test.settings("unchanged/"))
    since = len(test.double.requests())
    # Another machine, another checkout: equal bytes, new times.
    result = test.run(test.machine(), test.settings("unchanged/"))
    check.equal("exit code", result.exit_code, 0)
    check.equal("result", result.outputs.get("result"), "unchanged")
    check.equal("changed", result.outputs.get("changed"), "false")
    check.equal("bytes-uploaded", result.outputs.get("bytes-uploaded"), "0")
    check.equal("files-uploaded", result.outputs.get("files-uploaded"), "0")
    check(
        "no object is written",
        not [request["key"] for request in test.double.writes(since) if not request["key"].endswith(".hssig")],
        test.double.writes(since),
    )


@scenario
def delta(test, check):
    test.run(test.machine(), test.settings("delta/"))
    machine, since = test.machine(), len(test.double.requests())
    with open(machine.workspace / "disk.img", "r+b") as disk:
        disk.seek(DISK_BYTES // 2)
        disk.write(random.randbytes(20 << 10))
    result = test.run(machine, test.settings("delta/", report_path="reports/hugesync.json"))
    check.equal("exit code", result.exit_code, 0)
    check.equal("result", result.outputs.get("result"), "success")
    check.equal("files-uploaded", result.outputs.get("files-uploaded"), "1")
    check("less than a sixth is uploaded", 0 < int(result.outputs.get("bytes-uploaded", 0)) < DISK_BYTES // 6, result.outputs)
    check("percent-saved is above 80", float(result.outputs.get("percent-saved", 0)) > 80, result.outputs)
    check("the store copied the rest", any(request["kind"] == "UploadPartCopy" for request in test.double.requests(since)))
    test.same(machine, "delta/", "reports/hugesync.json")
    report = machine.workspace / "reports" / "hugesync.json"
    if check("the report is there", report.exists(), result.log):
        owners = {str(path): path.stat().st_uid for path in (report, report.parent)}
        check("report and folder belong to the workspace's owner", set(owners.values()) == {RUNNER_UID}, owners)
        whole = json.loads(report.read_text())
        check("it is of version 1, as is its run", [whole["version"], *(run["version"] for run in whole["runs"])] == [1, 1], whole)
        files = [file["key"] for run in whole["runs"] for file in run["files"] if file["action"] == "stitched"]
        check.equal("it names the file that was stitched,", files, ["delta/disk.img"])
        check(
            "no secret is in it",
            test.double.secret_key not in report.read_text() and test.double.access_key not in report.read_text(),
        )
        check("report-path names it", result.outputs.get("report-path", "").endswith("reports/hugesync.json"), result.outputs)


@scenario
def dry_run(test, check):
    since = len(test.double.requests())
    dead = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1,localhost"}
    result = test.run(test.machine(), test.settings("dry/", dry_run="true"), proxies=dead)
    check.equal("exit code", result.exit_code, 0)
    check.equal("result", result.outputs.get("result"), "dry-run")
    check.equal("changed, which is what a real run would say,", result.outputs.get("changed"), "true")
    check("nothing is written", not test.double.writes(since), test.double.writes(since))
    check("the plan is told", int(result.outputs.get("bytes-uploaded", 0)) > DISK_BYTES, result.outputs)


@scenario
def deletes(test, check):
    # Two are to go, out of seven that count: less than half.
    there_already = [f"names/{name}" for name in NAMES[:5]]
    for name in ("old.log", "old.txt", "cache/kept.bin", "gone/deep/er.txt", *there_already):
        test.double.put(f"deletes/{name}")
    machine = test.machine("names")
    (machine.workspace / "secret.env").write_text("not for the bucket")
    (machine.workspace / "notes.log").write_text("left out")
    (machine.workspace / "wanted.log").write_text("taken after all")
    result = test.run(
        machine, test.settings("deletes/", delete="true", exclude="+ wanted.log\n*.log\nsecret.*\n/cache/")
    )
    check.equal("exit code", result.exit_code, 0)
    there = test.double.stored("deletes/").keys()
    check("what is extraneous is gone", not there & {"old.txt", "gone/deep/er.txt"}, sorted(there))
    check("what is excluded stays at the destination", {"old.log", "cache/kept.bin"} <= there, sorted(there))
    check("what is excluded is not uploaded", not there & {"secret.env", "notes.log"}, sorted(there))
    check("what a rule takes before is uploaded", "wanted.log" in there, sorted(there))
    check.equal("files-deleted", result.outputs.get("files-deleted"), "2")


@scenario
def many_deletes(test, check):
    """20,000 objects go, and the summary stays within its limit."""
    double = Double(test.program, test.folder / "many", "--fill", "20000:many/" + "long-name-" * 15)
    try:
        machine = test.machine("names/plain.txt")
        result = test.run(
            machine,
            test.settings("many/", double, delete="true", max_delete="100%"),
            secrets=(double.secret_key, double.access_key),
        )
        check.equal("exit code", result.exit_code, 0)
        check.equal("files-deleted", result.outputs.get("files-deleted"), "20000")
        check("nothing is left of them", len(double.stored("many/")) == 1, double.keys("many/")[:5])
        check.note(f"the summary has {len(result.files['STEP_SUMMARY'].encode())} bytes")
    finally:
        double.stop()
