"""Other ways to start the image: without action.yml, from GitLab, Woodpecker and Drone."""

from runner import RUNNER_UID
from world import BUCKET, REGION, contents

from .base import scenario


@scenario
def hyphens_only(test, check):
    """`uses: docker://image`: no `runs.env`, so names with hyphens are all there is, and the shell drops them."""
    since = len(test.double.requests())
    machine = test.machine("names", bare=True)
    result = test.run(machine, test.settings("hyphens/", dry_run="true"))
    check(
        "there is no other spelling",
        not [name for name in result.variables if name.startswith("INPUT_") and "_" in name[6:]],
        result.variables.keys(),
    )
    check.equal("result", result.outputs.get("result"), "dry-run")
    check("nothing is written", not test.double.writes(since), test.double.writes(since))


@scenario
def host_paths(test, check):
    """A path of the machine that stands at the beginning of a value is the container's path to the program."""
    machine = test.machine("names")
    result = test.run(machine, test.settings("paths/", source=f"{machine.workspace}/names/"))
    check.equal("the variable", result.variables["INPUT_SOURCE"], "/github/workspace/names/")
    check.equal("result", result.outputs.get("result"), "success")


@scenario
def shells(test, check):
    """GitLab starts a shell and gives it the job on standard input."""
    said = test.engine("run", "--rm", test.image, "sh", "-c", "echo hi")
    check.equal("sh -c", (said.stdout, said.returncode), ("hi\n", 0))
    said = test.engine("run", "--rm", test.image, "/bin/sh", "-c", "exit 7")
    check.equal("/bin/sh -c 'exit 7'", said.returncode, 7)
    said = test.engine("run", "--rm", test.image, "hugesync", "--version")
    check("hugesync --version", said.returncode == 0 and said.stdout.startswith("hugesync "), said)
    detect = "for shell in /usr/local/bin/bash /bin/bash /bin/sh; do [ ! -x $shell ] || exec $shell; done"
    said = test.engine(
        "run", "--rm", "-i", test.image, "sh", "-c", detect, input="set -e\necho begin\nhugesync --version\nexit 3\n"
    )
    check("a job on standard input", said.returncode == 3 and said.stdout.startswith("begin\nhugesync "), said)


@scenario
def gitlab(test, check):
    machine = test.machine("names")
    variables = {
        "GITLAB_CI": "true",
        "CI": "true",
        "CI_PROJECT_DIR": "/builds/octo/repo",
        "AWS_EC2_METADATA_DISABLED": "true",
        "HUGESYNC_SOURCE": "names/",
        "HUGESYNC_DESTINATION": f"s3://{BUCKET}/gitlab/",
        "HUGESYNC_ENDPOINT_URL": test.double.endpoint,
        "HUGESYNC_PATH_STYLE": "true",
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": test.double.access_key,
        "AWS_SECRET_ACCESS_KEY": test.double.secret_key,
    }
    given = [part for name, value in variables.items() for part in ("-e", f"{name}={value}")]
    said = test.engine(
        "run",
        "--rm",
        "-i",
        "-v",
        f"{machine.workspace}:/builds/octo/repo",
        "-w",
        "/builds/octo/repo",
        *given,
        test.image,
        "sh",
        input="hugesync ci\n",
    )
    check.equal("exit code", said.returncode, 0)
    check(
        "the objects are there",
        test.double.stored("gitlab/").keys() == contents(machine.workspace / "names").keys(),
        said.stdout + said.stderr,
    )
    check(
        "no command of GitHub's is printed",
        not [line for line in said.stdout.splitlines() if line.startswith("::")],
        said.stdout,
    )
    dotenv = machine.workspace / "hugesync.env"
    if check("outputs are in hugesync.env", dotenv.exists(), said.stdout + said.stderr):
        lines = dict(line.split("=", 1) for line in dotenv.read_text().splitlines())
        check("as a dotenv file", lines.get("HUGESYNC_OUT_RESULT", "").strip('"') == "success", lines)
        check.equal("its owner", dotenv.stat().st_uid, RUNNER_UID)
        check("no secret is in it", test.double.secret_key not in dotenv.read_text())
    check("no secret is printed", test.double.secret_key not in said.stdout + said.stderr)


@scenario
def drone(test, check):
    """Woodpecker and Drone: settings as PLUGIN_ variables, by the names of drone-s3."""
    machine = test.machine("names")
    variables = {
        "CI": "woodpecker",
        "CI_WORKSPACE": "/woodpecker/src",
        "AWS_EC2_METADATA_DISABLED": "true",
        "PLUGIN_SOURCE": "names/**/*",
        "PLUGIN_STRIP_PREFIX": "names/",
        "PLUGIN_BUCKET": BUCKET,
        "PLUGIN_TARGET": "/drone",
        "PLUGIN_ENDPOINT": test.double.endpoint,
        "PLUGIN_PATH_STYLE": "true",
        "PLUGIN_REGION": REGION,
        "PLUGIN_ACCESS_KEY": test.double.access_key,
        "PLUGIN_SECRET_KEY": test.double.secret_key,
    }
    given = [part for name, value in variables.items() for part in ("-e", f"{name}={value}")]
    said = test.engine("run", "--rm", "-v", f"{machine.workspace}:/woodpecker/src", "-w", "/woodpecker/src", *given, test.image)
    check.equal("exit code", said.returncode, 0)
    check(
        "the objects are there",
        test.double.stored("drone/").keys() == contents(machine.workspace / "names").keys(),
        f"{sorted(test.double.stored('drone/'))}\n{said.stdout}{said.stderr}",
    )
    check("no secret is printed", test.double.secret_key not in said.stdout + said.stderr)
