"""What the scenarios need around the container: the strict double, a tree with awkward names, an identity provider.

Needs boto3.
"""

import base64
import json
import os
import secrets
import shutil
import subprocess
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

BUCKET, REGION = "bucket", "us-east-1"
# Above the threshold from which on a file gets a sidecar.
DISK_BYTES = 60 << 20
SIDECAR = ".hssig"
# Names that would be commands, markup or something else again if they were printed as they are.
NAMES = [
    "plain.txt",
    "with space.txt",
    "-n",
    "a,b;c.txt",
    "100%25.txt",
    "p|i|p|e.md",
    "`tick`.md",
    "<img src=x onerror=alert(1)>.md",
    "[link](javascript:alert).md",
    "**bold**_it_~~no~~.md",
    "<!-- -->.md",
    "$(reboot).txt",
    "${{ github.token }}.txt",
    "qu\"ote'.txt",
    "back\\slash.txt",
    "::error::owned.txt",
    "::set-output name=result::owned",
    "##[add-mask]txt",
    "##[error]owned.txt",
    "##[set-env name=A]owned",
    "line\nbreak.txt",
    "line\n::error::owned.txt",
    "line\nresult=owned",
    "carriage\r::error::owned.txt",
    "tab\there.txt",
    "bell\x07esc\x1b[31mred.txt",
    "\u202egnp.exe",
    "\u2066iso\u2069.txt",
    "zero\u200bwidth.txt",
    "line\u2028separator.txt",
    "nel\u0085next.txt",
    "ümlaut.txt",
    "u\u0308mlaut.txt",
    "日本語.txt",
    "\U0001f680.txt",
    "a&b=c?d#e.txt",
    "deep/er/than/this.txt",
]


class Tree:
    """Content that every checkout has anew: the same bytes, other times."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir()
        with open(self.folder / "disk.img", "wb") as disk:
            for _ in range(DISK_BYTES >> 20):
                disk.write(os.urandom(1 << 20))
        for name in NAMES:
            path = self.folder / "names" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(f"{name!r}\n".encode() * 3)

    def check_out(self, workspace, *parts):
        """Copies parts of the tree into a workspace; the files' times are those of the copy."""
        for part in parts or ("disk.img", "names"):
            source, target = self.folder / part, workspace / part
            if source.is_dir():
                shutil.copytree(source, target, copy_function=shutil.copyfile)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)


def contents(folder):
    """Every file below a folder by its name, with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Double:
    """A strict-s3 of our own, with keys that nobody else has, so that a leak is found by searching for them."""

    def __init__(self, program, folder, *arguments):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        # With characters that are written otherwise in a URL, in JSON and in HTML.
        self.access_key = "AKIA" + base64.b32encode(secrets.token_bytes(10)).decode()
        self.secret_key = "/+" + base64.b64encode(secrets.token_bytes(27)).decode() + "+/"
        # What an STS may give out.
        self.temporary = (
            "ASIA" + base64.b32encode(secrets.token_bytes(10)).decode(),
            "/+" + base64.b64encode(secrets.token_bytes(27)).decode() + "+/",
            "FwoGZXIvYXdzE" + base64.b64encode(secrets.token_bytes(90)).decode(),
        )
        self.log = self.folder / "requests.jsonl"
        with open(self.folder / "stderr", "w") as errors:
            self.process = subprocess.Popen(
                [
                    program,
                    "--bucket",
                    BUCKET,
                    "--access-key",
                    self.access_key,
                    "--secret-key",
                    self.secret_key,
                    "--admit",
                    ":".join(self.temporary),
                    "--log",
                    self.log,
                    "--data",
                    self.folder / "data",
                    *arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        self.endpoint = self.process.stdout.readline().strip()
        if not self.endpoint:
            raise SystemExit(f"the double did not start: {(self.folder / 'stderr').read_text()}")
        self.s3 = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(s3={"addressing_style": "path"}),
        )

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()

    def requests(self, since=0):
        """The requests so far, but for the first ones; a line that is still being written is left out."""
        lines = self.log.read_text().split("\n")[:-1] if self.log.exists() else []
        return [json.loads(line) for line in lines[since:]]

    def writes(self, since):
        return [request for request in self.requests(since) if request["method"] in ("PUT", "POST", "DELETE")]

    def keys(self, prefix=""):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return sorted(found["Key"] for page in pages for found in page.get("Contents", []))

    def stored(self, prefix):
        """Every object below a prefix by its name, with its bytes; no sidecars."""
        return {key[len(prefix) :]: self.read(key) for key in self.keys(prefix) if not key.endswith(SIDECAR)}

    def read(self, key):
        try:
            return self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise

    def put(self, key, content=b"x"):
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=content)

    def wait_for(self, kind, since, seconds=60):
        """Waits until a request of that kind was answered."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if any(request["kind"] == kind and request["status"] == 200 for request in self.requests(since)):
                return True
            time.sleep(0.1)
        return False


class Identity:
    """GitHub's endpoint for identity tokens, and an STS that gives temporary keys of the double for such a token. On loopback."""

    def __init__(self, double):
        access_key, secret_key, self.session_token = double.temporary
        claims = {
            "iss": "https://token.actions.githubusercontent.com",
            "aud": "sts.amazonaws.com",
            "sub": "repo:octo-org/octo-repo:ref:refs/heads/main",
            "exp": int(time.time()) + 300,
        }
        parts = [{"alg": "RS256", "typ": "JWT"}, claims, secrets.token_hex(32)]
        self.token = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
        self.asked, identity = [], self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, kind, text):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def do_GET(self):
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                identity.asked.append(("token", query, self.headers.get("Authorization", "")))
                self.answer(200, "application/json", json.dumps({"value": identity.token}))

            def do_POST(self):
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                identity.asked.append(("role", form, ""))
                if form.get("Action") != ["AssumeRoleWithWebIdentity"] or form.get("WebIdentityToken") != [identity.token]:
                    self.answer(
                        403,
                        "text/xml",
                        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no"
                        "</Message></Error><RequestId>1</RequestId></ErrorResponse>",
                    )
                    return
                expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
                self.answer(
                    200,
                    "text/xml",
                    f"""<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <Credentials><AccessKeyId>{access_key}</AccessKeyId><SecretAccessKey>{secret_key}</SecretAccessKey>
      <SessionToken>{identity.session_token}</SessionToken><Expiration>{expires}</Expiration></Credentials>
    <AssumedRoleUser><AssumedRoleId>AROA1:s</AssumedRoleId><Arn>arn:aws:sts::111122223333:assumed-role/upload/s</Arn></AssumedRoleUser>
  </AssumeRoleWithWebIdentityResult>
  <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>""",
                )

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
