"""The image at work as GitHub's runner and its neighbours run it, against the strict double. A line for each check.

    test.py IMAGE --double target/debug/strict-s3 --action . [--filter TEXT] [--keep FOLDER]

The scenarios are in scenarios.py. --filter runs those with TEXT in their name; --keep leaves log, outputs and summary of every
step in a folder. Needs PyYAML, boto3, root, and an image that image.sh has built.
"""

import argparse
import signal
import sys
import tempfile
import traceback
from pathlib import Path

import scenarios
from runner import Action
from world import Double, Tree


class Checks:
    """Prints a line for each check; one that fails says what was seen."""

    def __init__(self):
        self.count, self.failed, self.scenario = 0, [], ""

    def __call__(self, what, passed, seen=None):
        self.count += 1
        print(f"{'ok    ' if passed else 'FAILED'}  {self.scenario}: {what}", flush=True)
        if not passed:
            self.failed.append(f"{self.scenario}: {what}")
            text = seen if isinstance(seen, str) else repr(seen)
            print("        seen: " + text[:6000].replace("\n", "\n        "), flush=True)
        return passed

    def equal(self, what, seen, wanted):
        return self(f"{what} {wanted!r}", seen == wanted, seen)

    def note(self, text):
        print(f"note    {self.scenario}: {text}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("image")
    parser.add_argument("--double", required=True, help="the program strict-s3")
    parser.add_argument("--action", default=".", help="the folder with action.yml")
    parser.add_argument("--filter", default="", help="only scenarios with this in their name")
    parser.add_argument("--keep", type=Path, help="where to leave log, outputs and summary of every step")
    arguments = parser.parse_args()
    # Whoever runs this in the background may have SIGINT ignored, which containers would inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    wanted = [scenario for scenario in scenarios.ALL if arguments.filter in scenario.__name__.replace("_", "-")]
    if not wanted:
        names = ", ".join(scenario.__name__.replace("_", "-") for scenario in scenarios.ALL)
        parser.error(f"no scenario has {arguments.filter!r} in its name; there are {names}")
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="hugesync-image-") as folder:
        double = Double(arguments.double, Path(folder) / "double")
        try:
            test = scenarios.Test(
                Path(folder),
                arguments.image,
                Action(arguments.action),
                arguments.double,
                double,
                Tree(Path(folder) / "tree"),
                checks,
                arguments.keep,
            )
            for scenario in wanted:
                checks.scenario = scenario.__name__.replace("_", "-")
                try:
                    scenario(test, checks)
                except Exception:
                    checks("ran to its end", False, traceback.format_exc())
        finally:
            double.stop()
    print(f"{checks.count - len(checks.failed)} of {checks.count} checks passed")
    for failed in checks.failed:
        print(f"FAILED  {failed}")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
