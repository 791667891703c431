#!/usr/bin/env python3
"""How an S3 server behaves against AWS: 67 checks, a line each.

    s3probe.py ENDPOINT --ak KEY --sk SECRET [--only 3,4] [--at-least 62]

PASS: as AWS documents or is known to behave. FAIL: differs from that. INFO: an observation. Needs boto3[crt] and requests.
"""

import json
import subprocess
import time
import traceback

import requests
from botocore.exceptions import ClientError

import s3checks  # noqa: F401  (importing it registers the checks)
from s3checks.base import BUCKET, CHECKS, RESULTS, args, error_of, record, s3


def make_buckets():
    for bucket in (BUCKET, BUCKET + "-v"):
        try:
            s3.create_bucket(Bucket=bucket)
        except Exception as error:
            record("0", f"CreateBucket {bucket}", "FAIL", error_of(error))
    try:
        s3.put_bucket_versioning(Bucket=BUCKET + "-v", VersioningConfiguration={"Status": "Enabled"})
    except Exception as error:
        record("0", "PutBucketVersioning", "FAIL", error_of(error))


def run(check):
    try:
        return check()
    except ClientError as error:
        return "FAIL", error_of(error)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return "FAIL", f"{error_of(error)} @{last.name}:{last.lineno}"


def alive():
    try:
        requests.get(args.endpoint, timeout=5, verify=False)
        return True
    except requests.RequestException:
        return False


def brought_back():
    """Whether --restart brings a crashed server back within 30 s."""
    if not args.restart:
        return False
    subprocess.run(args.restart, shell=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(60):
        if alive():
            return True
        time.sleep(0.5)
    return False


def main():
    only = args.only.split(",") if args.only else None
    make_buckets()
    for number, what, check in CHECKS:
        if only and not any(number == o or number.rstrip("abcdefghijklmnop") == o for o in only):
            continue
        status, detail = run(check)
        record(number, what, status, detail)
        if not alive():
            record(number, "   *** the server is down after this check ***", "FAIL", args.restart or "stop")
            if not brought_back():
                break
    passed = sum(result["status"] == "PASS" for result in RESULTS)
    failed = sum(result["status"] == "FAIL" for result in RESULTS)
    print(f"== {args.name}: {passed} PASS / {failed} FAIL / {len(RESULTS)}")
    if args.json:
        with open(args.json, "w") as out:
            json.dump(RESULTS, out, indent=1)
    if passed < args.at_least:
        raise SystemExit(f"s3probe: {passed} checks passed, fewer than {args.at_least}")


main()
