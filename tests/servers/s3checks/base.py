"""What every check uses: the arguments, the clients, short names for requests, the list of checks and of results."""

import argparse
import base64
import concurrent.futures as cf
import hashlib
import random
import re
import uuid
import zlib

import boto3
from awscrt import checksums as crt
from botocore.config import Config
from botocore.exceptions import ClientError

parser = argparse.ArgumentParser(description="How an S3 server behaves against what AWS documents or is known to do")
parser.add_argument("endpoint")
parser.add_argument("--name", default="?")
parser.add_argument("--ak", default="test")
parser.add_argument("--sk", default="testtest")
parser.add_argument("--region", default="us-east-1")
parser.add_argument("--sts", default=None)
parser.add_argument("--json", default=None)
parser.add_argument("--only", default=None)
parser.add_argument("--bucket", default=None)
parser.add_argument("--restart", default=None, help="shell command that brings a crashed server back")
parser.add_argument("--at-least", type=int, default=0, help="fail if fewer checks pass")
args = parser.parse_args()
MiB = 1 << 20


def client(calc="when_required", **kw):
    return boto3.client(
        "s3",
        endpoint_url=args.endpoint,
        region_name=args.region,
        aws_access_key_id=kw.pop("ak", args.ak),
        aws_secret_access_key=kw.pop("sk", args.sk),
        aws_session_token=kw.pop("tok", None),
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": kw.pop("style", "path")},
            retries={"total_max_attempts": 1},
            connect_timeout=5,
            read_timeout=kw.pop("rt", 60),
            max_pool_connections=64,
            request_checksum_calculation=calc,
            response_checksum_validation="when_required",
        ),
    )


s3 = client()
s3_default = client("when_supported")
BUCKET = args.bucket or "probe-" + uuid.uuid4().hex[:8]
RESULTS = []


def record(cid, what, status, detail=""):
    detail = str(detail).replace("\n", " ")[:420]
    RESULTS.append(dict(id=cid, what=what, status=status, detail=detail))
    print(f"{status:5} {cid:6} {what:58} | {detail}", flush=True)


CHECKS = []


def check(cid, what):
    def deco(f):
        CHECKS.append((cid, what, f))
        return f

    return deco


def error_of(e):
    if isinstance(e, ClientError):
        return f"{e.response['ResponseMetadata']['HTTPStatusCode']} {e.response.get('Error', {}).get('Code')}"
    return f"{type(e).__name__}: {e}"


def fails_with(fn, *codes):
    """Whether fn() fails with one of these codes or statuses, and what it answered."""
    try:
        fn()
    except ClientError as e:
        t = error_of(e)
        return any(c in t.split() for c in codes), t
    return False, "accepted (200)"


rng = random.Random(7)


def random_bytes(n):
    return rng.randbytes(n)


def new_key(p=""):
    return f"{p}{uuid.uuid4().hex[:10]}"


def base64_of(b):
    return base64.b64encode(b).decode()


def crc64nvme(d):
    return base64_of(crt.crc64nvme(d).to_bytes(8, "big"))


def crc32(d):
    return base64_of(zlib.crc32(d).to_bytes(4, "big"))


def crc32c(d):
    return base64_of(crt.crc32c(d).to_bytes(4, "big"))


def sha256(d):
    return base64_of(hashlib.sha256(d).digest())


def md5(d):
    return hashlib.md5(d).hexdigest()


def get(key, **kw):
    return s3.get_object(Bucket=BUCKET, Key=key, **kw)["Body"].read()


def put(key, body=b"x", **kw):
    return s3.put_object(Bucket=BUCKET, Key=key, Body=body, **kw)


def create_upload(key, **kw):
    return s3.create_multipart_upload(Bucket=BUCKET, Key=key, **kw)["UploadId"]


def upload_part(key, uid, n, body, **kw):
    return s3.upload_part(Bucket=BUCKET, Key=key, UploadId=uid, PartNumber=n, Body=body, **kw)


def copy_part(key, uid, n, src, rngs=None, **kw):
    if rngs:
        kw["CopySourceRange"] = f"bytes={rngs[0]}-{rngs[1] - 1}"
    if isinstance(src, str):
        src = {"Bucket": BUCKET, "Key": src}
    return s3.upload_part_copy(Bucket=BUCKET, Key=key, UploadId=uid, PartNumber=n, CopySource=src, **kw)


def complete(key, uid, parts, **kw):
    return s3.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=uid, MultipartUpload={"Parts": parts}, **kw)


def part(n, etag, **kw):
    return dict(PartNumber=n, ETag=etag, **kw)


def abort(key, uid):
    try:
        s3.abort_multipart_upload(Bucket=BUCKET, Key=key, UploadId=uid)
    except Exception:
        pass


verdict = lambda c, d="": ("PASS" if c else "FAIL", d)


def fill(n, prefix, body=b""):
    with cf.ThreadPoolExecutor(16) as ex:
        list(ex.map(lambda i: put(f"{prefix}{i:05d}", body), range(n)))


def error_code(r):
    """Status and error code of an answer of `requests`."""
    m = re.search(r"<Code>(.*?)</Code>", r.text)
    return f"{r.status_code} {m.group(1) if m else r.text[:40]}"
