"""What a step restores into the workspace, and whose it is then."""

from runner import RUNNER_UID
from world import BUCKET

from .base import scenario


@scenario
def restored(test, check):
    first = test.machine()
    test.run(first, test.settings("restored/"))
    machine = test.machine()
    inputs = test.settings("restored/", source=f"s3://{BUCKET}/restored/") | {"destination": "some/where/"}
    result = test.run(machine, inputs)
    check.equal("exit code", result.exit_code, 0)
    check.equal("result", result.outputs.get("result"), "success")
    check.equal("bytes-downloaded", result.outputs.get("bytes-downloaded"), result.outputs.get("bytes-total"))
    check.equal("bytes-uploaded", result.outputs.get("bytes-uploaded"), "0")
    there, here = test.double.stored("restored/"), {}
    root = machine.workspace / "some" / "where"
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            here[str(path.relative_to(root))] = path.read_bytes()
    check("every object is a file, byte for byte", here == there, sorted(here.keys() ^ there.keys()))
    foreign = [str(path) for path in machine.folder.rglob("*") if path.lstat().st_uid != RUNNER_UID]
    check("everything belongs to the runner's user", not foreign, foreign)
    again = test.run(machine, inputs)
    check.equal("result", again.outputs.get("result"), "unchanged")
    check.equal("bytes-downloaded", again.outputs.get("bytes-downloaded"), "0")
