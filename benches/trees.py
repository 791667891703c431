"""Trees of small files: hugesync beside s5cmd, rclone and aws, each in a process of its own against a fresh strict double.

Run it by trees.sh, which installs and builds what it needs. Every tool runs with its defaults, except that rclone gets 64
transfers and compares by checksum (else it would have to rewrite the times of files whose bytes are equal). rclone asks for every object
again (HEAD) once it is uploaded, `rclone-no-head` does not; `s5cmd-cp` copies without comparing, faster than `s5cmd sync`. Wall time and
processor time are the best of the rounds, each by itself; the tools take turns within a round, so that a slow minute hits all
of them. Processor time is the client's (user and system); the double's is shown apart. After every upload the destination is
listed and compared with the tree by size and MD5; the requests sent are counted in the double's log.

  first      20,000 files of 4 KiB into an empty bucket
  unchanged  the same again, equal bytes, all modification times fresh
  changed    1 % of them have other bytes of the same length, all modification times fresh
  listing    200,000 keys, every page 50 ms late: a dry run with --delete over a nearly empty and over an equal local tree, one page
             at a time (--list-jobs 1) and as many as the program likes
  million    1,000,000 keys and an equal local tree, then an empty bucket: dry runs by size, peak memory
  million-peers  the equal tree with rclone and s5cmd; takes minutes, only when named

Files and links of earlier runs are used again; target/trees can be deleted at any time.
"""

import argparse
import contextlib
import datetime
import errno
import hashlib
import hmac
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
import xml.etree.ElementTree

FOLDER = "target/trees"
BUCKET, PREFIX, REGION, ACCESS_KEY, SECRET_KEY = "trees", "tree", "us-east-1", "test", "testtest"
FILES, FILE_BYTES, CHANGED_EVERY = 20_000, 4096, 100
# These need 2 to 6 ms of processor time a file: a quarter of the tree says as much, and of aws one round, not three.
SLOW, SLOW_PART, ONCE = {"s5cmd", "aws"}, 4, {"aws"}
LISTED, PAGE_DELAY_MS = 200_000, 50
MILLION, MEMORY_GOAL_MIB = 1_000_000, 400
PER_FOLDER = 1000
WRITES = {"PutObject", "CopyObject", "CompleteMultipartUpload", "DeleteObject", "DeleteObjects"}
TOOLS = ["hugesync", "rclone", "s5cmd", "s5cmd-cp", "aws", "rclone-no-head"]
FASTEST = ["rclone", "s5cmd", "s5cmd-cp"]
UPLOADS, LISTING, MEMORY, MEMORY_PEERS = ["first", "unchanged", "changed"], "listing", "million", "million-peers"
# A copy that compares nothing is a peer for the first upload only; aws takes as long for a changed tree as for an equal one.
COMPARED = {"s5cmd-cp": ["first"], "aws": ["first", "unchanged"]}
TICKS = os.sysconf("SC_CLK_TCK")


class Failure(Exception):
    """A tool that failed or left something other than was asked for; the other measurements go on."""


def environment(endpoint):
    """The caller's, without anything of his that a tool would read, and with the double's credentials."""
    foreign = ("AWS_", "RCLONE_", "S3_ENDPOINT", "S5CMD", "HUGESYNC")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign) and not name.lower().endswith("_proxy")}
    return kept | {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_ENDPOINT_URL": endpoint,
    }  # fmt: skip


class Double:
    """The server under a benchmark: its own port, data and log; ends with the `with` block."""

    def __init__(self, *arguments):
        self.arguments = arguments

    def __enter__(self):
        self.data, self.log = f"{FOLDER}/double.data", f"{FOLDER}/double.jsonl"
        shutil.rmtree(self.data, ignore_errors=True)
        command = [os.environ["STRICT_S3"], "--bucket", BUCKET, "--data", self.data, "--log", self.log, *self.arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.endpoint = self.process.stdout.readline().strip()
        if not self.endpoint:
            raise SystemExit(f"trees: the double did not start: {' '.join(command)}")
        self.seen = 0
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.data, ignore_errors=True)

    def cpu(self):
        """Seconds of processor time so far, user and system; None where there is no /proc."""
        with contextlib.suppress(FileNotFoundError):
            with open(f"/proc/{self.process.pid}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / TICKS
        return None

    def requests(self):
        """How many of each kind since the last call."""
        # A line is written when the answer's last byte has gone out, perhaps just after the client has exited.
        size = -1
        while size != (size := os.path.getsize(self.log)):
            time.sleep(0.1)
        counts = {}
        with open(self.log, "rb") as log:
            log.seek(self.seen)
            for line in log:
                record = json.loads(line)
                if record["status"] < 400:
                    counts[record["kind"]] = counts.get(record["kind"], 0) + 1
            self.seen = log.tell()
        return counts

    def objects(self):
        """(key, size, ETag) of every object, as the API lists them."""
        token = None
        while True:
            query = {"list-type": "2"} | ({"continuation-token": token} if token else {})
            page = xml.etree.ElementTree.fromstring(self.get(f"/{BUCKET}", query))
            name = page.tag[: page.tag.index("}") + 1]
            for entry in page.iter(f"{name}Contents"):
                yield entry.findtext(f"{name}Key"), int(entry.findtext(f"{name}Size")), entry.findtext(f"{name}ETag").strip('"')
            token = page.findtext(f"{name}NextContinuationToken")
            if not token:
                return

    def get(self, path, query):
        """A GET with Signature Version 4."""
        host = self.endpoint.removeprefix("http://")
        moment = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        scope = [moment[:8], REGION, "s3", "aws4_request"]
        line = "&".join(f"{key}={urllib.parse.quote(value, safe='')}" for key, value in sorted(query.items()))
        empty = hashlib.sha256(b"").hexdigest()
        headers = {"host": host, "x-amz-content-sha256": empty, "x-amz-date": moment}
        signed = ";".join(headers)
        canonical = "\n".join(["GET", path, line, *(f"{key}:{value}" for key, value in headers.items()), "", signed, empty])
        text = "\n".join(["AWS4-HMAC-SHA256", moment, "/".join(scope), hashlib.sha256(canonical.encode()).hexdigest()])
        key = f"AWS4{SECRET_KEY}".encode()
        for part in [*scope, text]:
            key = hmac.digest(key, part.encode(), "sha256")
        credential = f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{'/'.join(scope)}, SignedHeaders={signed}, Signature={key.hex()}"
        request = urllib.request.Request(f"{self.endpoint}{path}?{line}", headers=headers | {"authorization": credential})
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request) as answer:
            return answer.read()


def run(double, command, what):
    """One measured run: wall and processor seconds, peak memory, the double's processor time, the requests by kind."""
    double.requests()
    before = double.cpu()
    with open(f"{FOLDER}/client.log", "wb") as log:
        clock = time.monotonic()
        client = subprocess.Popen(command, env=environment(double.endpoint), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            _, status, usage = os.wait4(client.pid, 0)
        except BaseException:
            client.terminate()
            try:
                client.wait(timeout=5)
            except subprocess.TimeoutExpired:
                client.kill()
                client.wait()
            raise
        wall = time.monotonic() - clock
        client.returncode = os.waitstatus_to_exitcode(status)
    after, requests = double.cpu(), double.requests()
    if client.returncode != 0:
        with open(f"{FOLDER}/client.log", errors="replace") as log:
            lines = log.read().strip().splitlines() or ["no output"]
        told = next((line for line in lines if "error" in line.lower()), lines[-1])
        raise Failure(f"{what}: exit code {client.returncode}: {told}")
    return {
        "wall_s": wall,
        "client_cpu_s": usage.ru_utime + usage.ru_stime,
        "client_user_s": usage.ru_utime,
        "peak_mib": usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10),
        "server_cpu_s": None if before is None else after - before,
        "writes": sum(count for kind, count in requests.items() if kind in WRITES),
        "requests": requests,
    }


def sync_command(tool, tree, double, *options):
    """What a user would type to make the prefix equal to the tree."""
    destination, endpoint = f"s3://{BUCKET}/{PREFIX}", double.endpoint
    rclone = ["rclone", "copy", "--config=", "--transfers=64", "--checkers=64", "--checksum", "--fast-list", tree, f":s3:{BUCKET}/{PREFIX}",
              "--s3-provider=Other", f"--s3-endpoint={endpoint}", "--s3-env-auth", "--s3-no-check-bucket", "--quiet"]  # fmt: skip
    return {
        "hugesync": [os.environ["HUGESYNC"], "sync", f"{tree}/", destination, "--endpoint-url", endpoint, "--path-style"],
        "rclone": rclone,
        "rclone-no-head": [*rclone, "--s3-no-head"],
        "s5cmd": ["s5cmd", "--endpoint-url", endpoint, "sync", f"{tree}/", f"{destination}/"],
        "s5cmd-cp": ["s5cmd", "--endpoint-url", endpoint, "cp", f"{tree}/", f"{destination}/"],
        "aws": ["aws", "s3", "sync", "--endpoint-url", endpoint, "--only-show-errors", f"{tree}/", f"{destination}/"],
    }[tool] + list(options)


def names(count):
    """The paths that `strict-s3 --fill` gives its keys."""
    return (f"d{number // PER_FOLDER:03}/f{number:06}.bin" for number in range(count))


def version(tool):
    """What the tool calls itself."""
    command = {"hugesync": [os.environ["HUGESYNC"], "--version"], "aws": ["aws", "--version"]}
    said = subprocess.run(command.get(tool, [tool.split("-")[0], "version"]), capture_output=True, text=True, env=environment(""))
    return said.stdout.strip().split("\n")[0]


def small_tree(count):
    """Files of FILE_BYTES with bytes of their own; how many of them differ does not matter to any tool."""
    tree = f"{FOLDER}/small-{count}"
    for name in names(count):
        if name.endswith("000.bin"):
            os.makedirs(f"{tree}/{os.path.dirname(name)}", exist_ok=True)
        if not os.path.exists(f"{tree}/{name}"):
            with open(f"{tree}/{name}", "wb") as file:
                file.write(os.urandom(FILE_BYTES))
    return tree


def linked_tree(count):
    """Files of one byte equal to what `--fill` puts into the double. Hard links: a million blocks on disk are saved."""
    tree, done = f"{FOLDER}/linked-{count}", f"{FOLDER}/linked-{count}.done"
    if os.path.exists(done):
        return tree
    shutil.rmtree(tree, ignore_errors=True)
    for number, name in enumerate(names(count)):
        path = f"{tree}/{name}"
        if number % PER_FOLDER == 0:
            os.makedirs(os.path.dirname(path))
        try:
            if number == 0:
                raise OSError(errno.EMLINK, "no file yet")
            os.link(original, path)
        except OSError as error:
            if error.errno != errno.EMLINK:
                raise
            original = path
            with open(path, "wb") as file:
                file.write(b"x")
    open(done, "w").close()
    return tree


def touch(tree, count):
    # Stores keep whole seconds: only after the last upload's second is over is every file newer than its object.
    time.sleep(1.1)
    for name in names(count):
        os.utime(f"{tree}/{name}")


def change(tree, count):
    changed = [name for number, name in enumerate(names(count)) if number % CHANGED_EVERY == CHANGED_EVERY // 2]
    for name in changed:
        with open(f"{tree}/{name}", "wb") as file:
            file.write(os.urandom(FILE_BYTES))
    return len(changed)


def compare(double, tree, count, what):
    """The destination must be the tree, nothing less and nothing more."""
    found = {key: (size, etag) for key, size, etag in double.objects()}
    for name in names(count):
        with open(f"{tree}/{name}", "rb") as file:
            data = file.read()
        if found.pop(f"{PREFIX}/{name}", None) != (len(data), hashlib.md5(data).hexdigest()):
            raise Failure(f"{what}: {name} is missing or different at the destination")
    # What hugesync keeps beside its objects: the prefix's index.
    found.pop(f"{PREFIX}/.hssig", None)
    if found:
        raise Failure(f"{what}: {len(found)} objects too many at the destination, such as {next(iter(found))}")


class Results:
    """The runs by scenario and tool, what failed, and the table."""

    def __init__(self):
        self.runs, self.failures = {}, []

    def add(self, scenario, tool, files, result):
        self.runs.setdefault((scenario, tool), []).append(result | {"files": files})
        print(f"  {scenario:<26} {tool:<14} {result['wall_s']:7.2f} s, client {result['client_cpu_s']:6.2f} s, {result['writes']:6} writes",
              file=sys.stderr)  # fmt: skip

    @contextlib.contextmanager
    def attempt(self):
        try:
            yield
        except Failure as failure:
            self.failures.append(str(failure))
            print(f"  FAILED {failure}", file=sys.stderr)

    def best(self, scenario, tool):
        """Of the rounds; the writes are the most of any round, since they must not depend on luck."""
        rounds = self.runs.get((scenario, tool))
        if not rounds:
            return None
        lowest = {name: min(r[name] for r in rounds) for name in ("wall_s", "client_cpu_s", "client_user_s")}
        highest = {name: max(r[name] for r in rounds) for name in ("peak_mib", "writes")}
        server = min((r["server_cpu_s"] for r in rounds if r["server_cpu_s"] is not None), default=None)
        files = rounds[0]["files"]
        rates = {"files_per_s": files / lowest["wall_s"], "client_ms_per_file": 1000 * lowest["client_cpu_s"] / files}
        pages = max(r["requests"].get("ListObjectsV2", 0) + r["requests"].get("ListObjects", 0) for r in rounds)
        return lowest | highest | rates | {"server_cpu_s": server, "files": files, "pages": pages, "rounds": len(rounds)}

    def table(self):
        heads = ["scenario", "tool", "files", "rounds", "wall s", "files/s", "client CPU s", "ms/file", "double CPU s", "writes", "pages", "peak MiB"]
        rows = []
        for scenario, tool in self.runs:
            b = self.best(scenario, tool)
            server = "-" if b["server_cpu_s"] is None else f"{b['server_cpu_s']:.2f}"
            rows.append([scenario, tool, f"{b['files']:,}", f"{b['rounds']}", f"{b['wall_s']:.2f}", f"{b['files_per_s']:,.0f}", f"{b['client_cpu_s']:.2f}",
                         f"{b['client_ms_per_file']:.3f}", server, f"{b['writes']:,}", f"{b['pages']:,}", f"{b['peak_mib']:.0f}"])  # fmt: skip
        widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
        for row in [heads, ["-" * width for width in widths], *rows]:
            cells = [cell.ljust(width) if column < 2 else cell.rjust(width) for column, (cell, width) in enumerate(zip(row, widths))]
            print("| " + " | ".join(cells) + " |")

    def goals(self):
        """(what, ratio or number, goal met) for each goal whose runs are there."""
        out = []

        def best(scenario, *tools):
            return [b for b in (self.best(scenario, tool) for tool in tools) if b]

        for scenario in UPLOADS[:1]:
            ours, peers, rclone = best(scenario, "hugesync"), best(scenario, *FASTEST), best(scenario, "rclone")
            if ours and peers:
                ratio = ours[0]["files_per_s"] / max(peer["files_per_s"] for peer in peers)
                out.append((f"{scenario}: files/s, times the best of rclone, s5cmd sync and s5cmd cp (goal: more than 1)", ratio, ratio > 1))
            if ours and rclone:
                ratio = ours[0]["client_ms_per_file"] / rclone[0]["client_ms_per_file"]
                out.append((f"{scenario}: client CPU a file, part of rclone's (goal: 0.5 or less)", ratio, ratio <= 0.5))
        ours, aws = best("unchanged", "hugesync"), best("unchanged", "aws")
        if ours:
            out.append(("unchanged: writes sent (goal: 0)", ours[0]["writes"], ours[0]["writes"] == 0))
        if ours and aws:
            ratio = ours[0]["files_per_s"] / aws[0]["files_per_s"]
            out.append(("unchanged: files/s, times aws s3 sync (goal: 10 or more)", ratio, ratio >= 10))
        for scenario in UPLOADS[1:]:
            ours, rclone = best(scenario, "hugesync"), best(scenario, "rclone")
            if ours and rclone:
                out.append((f"{scenario}: files/s, times rclone --checksum", ours[0]["files_per_s"] / rclone[0]["files_per_s"], None))
        if ours := best("changed", "hugesync"):
            changed = ours[0]["files"] // CHANGED_EVERY
            out.append((f"changed: writes sent (goal: {changed})", ours[0]["writes"], ours[0]["writes"] == changed))
        for local in ("few", "equal"):
            parallel, serial = best(f"listing, {local} local", "hugesync"), best(f"listing, {local} local", "hugesync serial")
            if parallel and serial:
                ratio = serial[0]["wall_s"] / parallel[0]["wall_s"]
                out.append((f"listing, {local} local: times faster than one page at a time (goal: 8 or more)", ratio, ratio >= 8))
        for scenario in ("million equal", "million new"):
            if ours := best(scenario, "hugesync"):
                peak = ours[0]["peak_mib"]
                out.append((f"{scenario}: peak memory in MiB (goal: under {MEMORY_GOAL_MIB})", peak, peak < MEMORY_GOAL_MIB))
        return out

    def report(self, path):
        self.table()
        print()
        goals = self.goals()
        for what, number, met in goals:
            print(f"{'' if met is None else 'met   ' if met else 'MISSED'}".ljust(7) + f"{number:8.2f}  {what}")
        for failure in self.failures:
            print(f"FAILED  {failure}")
        data = {
            "versions": {tool: version(tool) for tool in dict.fromkeys(tool for _, tool in self.runs) if " " not in tool},
            "machine": {"cores": os.cpu_count(), "system": platform.platform()},
            "best": [{"scenario": s, "tool": t} | self.best(s, t) for s, t in self.runs],
            "goals": [{"goal": what, "value": number, "met": met} for what, number, met in goals],
            "failures": self.failures,
            "rounds": [{"scenario": s, "tool": t, "rounds": rounds} for (s, t), rounds in self.runs.items()],
        }
        with open(path, "w") as file:
            json.dump(data, file, indent=1)
            file.write("\n")


def uploads(results, scenarios, tool, files):
    """First upload, then the same tree unchanged, then a little changed, each on what the one before left."""
    count = files // SLOW_PART if tool in SLOW else files
    tree = small_tree(count)
    with Double() as double, results.attempt():
        for scenario in UPLOADS:
            if scenario != "first":
                if scenario == "changed":
                    change(tree, count)
                touch(tree, count)
            result = run(double, sync_command(tool, tree, double), f"{scenario}, {tool}")
            compare(double, tree, count, f"{scenario}, {tool}")
            # The double's work for the comparison is no part of the next run: `run` reads its clock and log anew.
            if scenario in scenarios:
                results.add(scenario, tool, count, result)
            if not any(later in scenarios for later in UPLOADS[UPLOADS.index(scenario) + 1 :]):
                return


def dry_run(results, scenario, name, command, double, files, pages=0):
    result = run(double, command, f"{scenario}, {name}")
    if result["writes"]:
        raise Failure(f"{scenario}, {name}: {result['writes']} writes in a dry run")
    listed = result["requests"].get("ListObjectsV2", 0) + result["requests"].get("ListObjects", 0)
    if listed < pages:
        raise Failure(f"{scenario}, {name}: {listed} pages were asked for, {pages} are needed to see every key")
    results.add(scenario, name, files, result)


def listing(results, tools, round_number):
    with Double("--fill", f"{LISTED}:{PREFIX}/", "--list-delay", str(PAGE_DELAY_MS)) as double:
        options = ["--dry-run", "--delete", "--max-delete=100%", "--size-only"]
        for local, tree in (("few", linked_tree(1)), ("equal", linked_tree(LISTED))):
            scenario = f"listing, {local} local"
            for name, jobs in (("hugesync", []), ("hugesync serial", ["--list-jobs", "1"])):
                # Mostly waiting, so that once is enough.
                if "hugesync" not in tools or (jobs and round_number > 0):
                    continue
                with results.attempt():
                    command = sync_command("hugesync", tree, double, *options, *jobs)
                    dry_run(results, scenario, name, command, double, LISTED, LISTED // 1000)
        commands = {
            "rclone": ["rclone", "size", "--config=", "--fast-list", f":s3:{BUCKET}/{PREFIX}", "--s3-provider=Other",
                       f"--s3-endpoint={double.endpoint}", "--s3-env-auth"],
            "s5cmd": ["s5cmd", "--endpoint-url", double.endpoint, "du", f"s3://{BUCKET}/{PREFIX}/*"],
        }  # fmt: skip
        for tool, command in commands.items():
            if tool in tools and round_number == 0:
                with results.attempt():
                    dry_run(results, "listing only", tool, command, double, LISTED, LISTED // 1000)


def million(results, tools):
    """Peak memory: a million entries that agree, and a million that all have to be planned."""
    tree = linked_tree(MILLION)
    if "hugesync" in tools:
        with Double("--fill", f"{MILLION}:{PREFIX}/") as double, results.attempt():
            command = sync_command("hugesync", tree, double, "--dry-run", "--delete", "--max-delete=100%", "--size-only")
            dry_run(results, "million equal", "hugesync", command, double, MILLION, MILLION // 1000)
        with Double() as double, results.attempt():
            command = sync_command("hugesync", tree, double, "--dry-run", "--delete", "--max-delete=100%", "--size-only")
            dry_run(results, "million new", "hugesync", command, double, MILLION)


def million_peers(results, tools):
    tree = linked_tree(MILLION)
    with Double("--fill", f"{MILLION}:{PREFIX}/") as double:
        if "rclone" in tools:
            with results.attempt():
                command = [word for word in sync_command("rclone", tree, double, "--dry-run", "--size-only") if word != "--checksum"]
                dry_run(results, "million equal", "rclone", command, double, MILLION, MILLION // 1000)
        if "s5cmd" in tools:
            with results.attempt():
                command = sync_command("s5cmd", tree, double)
                command[1:1] = ["--dry-run"]
                command[command.index("sync") + 1 : command.index("sync") + 1] = ["--size-only"]
                dry_run(results, "million equal", "s5cmd", command, double, MILLION, MILLION // 1000)


def main():
    parser = argparse.ArgumentParser(prog="trees.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="first unchanged changed listing million million-peers")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured; the best counts [3]")
    parser.add_argument("--files", type=int, default=FILES, help=f"in the uploads, a multiple of {CHANGED_EVERY * SLOW_PART} [{FILES}]")
    parser.add_argument("--tools", default=",".join(TOOLS[:-1]), help=f"of {','.join(TOOLS)} [all but the last]")
    parser.add_argument("--output", default="target/trees.json")
    arguments = parser.parse_args()
    known = [*UPLOADS, LISTING, MEMORY]
    scenarios, tools = arguments.scenarios or known, arguments.tools.split(",")
    for unknown in set(scenarios) - {*known, MEMORY_PEERS}:
        parser.error(f"no scenario {unknown}")
    for unknown in set(tools) - set(TOOLS):
        parser.error(f"no tool {unknown}")
    if arguments.files < 1 or arguments.files % (CHANGED_EVERY * SLOW_PART):
        parser.error(f"--files {arguments.files} is no multiple of {CHANGED_EVERY * SLOW_PART}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.makedirs(FOLDER, exist_ok=True)
    results = Results()
    uploading = [tool for tool in tools if set(scenarios) & set(COMPARED.get(tool, UPLOADS))]
    for round_number in range(arguments.rounds):
        print(f"round {round_number + 1} of {arguments.rounds}", file=sys.stderr)
        for tool in uploading:
            if round_number == 0 or tool not in ONCE:
                uploads(results, [s for s in scenarios if s in COMPARED.get(tool, UPLOADS)], tool, arguments.files)
        if LISTING in scenarios:
            listing(results, tools, round_number)
    if MEMORY in scenarios:
        million(results, tools)
    if MEMORY_PEERS in scenarios:
        million_peers(results, tools)
    results.report(arguments.output)
    sys.exit(1 if results.failures else 0)


if __name__ == "__main__":
    main()
