"""Signatures, session credentials, headers, tags, encryption; consistency under load."""

import base64
import concurrent.futures as cf
import gzip
import json
import os
import time

import boto3
import requests
from botocore.config import Config

from .base import (
    BUCKET,
    abort,
    args,
    check,
    client,
    create_upload,
    error_code,
    error_of,
    fails_with,
    get,
    put,
    s3,
    verdict,
)


@check("12", "presigned GET (+range) / PUT / UploadPart; bad signature 403; expired 403")
def _():
    bad = []
    key = "ps/a b+c"
    u = s3.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": key}, 60)
    r = requests.put(u, data=b"hello")
    bad += [] if r.status_code == 200 else [f"put {error_code(r)}"]
    u = s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": key}, 60)
    r = requests.get(u, headers={"Range": "bytes=1-3"})
    bad += [] if (r.status_code, r.content) == (206, b"ell") else [f"get {r.status_code} {r.content[:50]}"]
    r = requests.get(u[:-4] + ("0000" if u[-4:] != "0000" else "1111"))
    bad += [] if r.status_code == 403 else [f"tampered: {r.status_code}"]
    u = s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": key}, 1)
    time.sleep(2.5)
    r = requests.get(u)
    bad += [] if r.status_code == 403 else [f"expired: {r.status_code}"]
    uid = create_upload(key)
    u = s3.generate_presigned_url("upload_part", {"Bucket": BUCKET, "Key": key, "UploadId": uid, "PartNumber": 1}, 60)
    r = requests.put(u, data=b"pp")
    bad += [] if r.status_code == 200 else [f"part {error_code(r)}"]
    abort(key, uid)
    return verdict(not bad, bad)


@check("12b", "wrong secret => 403 SignatureDoesNotMatch; wrong key id => InvalidAccessKeyId")
def _():
    o, t = fails_with(lambda: client(sk="wrong").list_objects_v2(Bucket=BUCKET), "SignatureDoesNotMatch")
    o2, t2 = fails_with(lambda: client(ak="AKIANOPE0000000000").list_objects_v2(Bucket=BUCKET), "InvalidAccessKeyId")
    return verdict(o and o2, f"{t}; {t2}")


@check("12c", "errors: NoSuchBucket; create existing bucket; bucket not empty")
def _():
    o, t = fails_with(lambda: s3.list_objects_v2(Bucket="nope-" + BUCKET), "NoSuchBucket")
    put("x/y")
    try:
        s3.create_bucket(Bucket=BUCKET)
        t2 = "200"
    except Exception as e:
        t2 = error_of(e)
    o3, t3 = fails_with(lambda: s3.delete_bucket(Bucket=BUCKET), "BucketNotEmpty")
    return verdict(o and o3, f"{t}; recreate: {t2}; delete: {t3}")


@check("13", "STS AssumeRoleWithWebIdentity (arbitrary JWT) and using the session creds")
def _():
    ep = args.sts or args.endpoint
    sts = boto3.client(
        "sts",
        endpoint_url=ep,
        region_name=args.region,
        aws_access_key_id=args.ak,
        aws_secret_access_key=args.sk,
        config=Config(retries={"total_max_attempts": 1}),
    )
    j = lambda x: base64.urlsafe_b64encode(json.dumps(x).encode()).rstrip(b"=").decode()
    tok = (
        j({"alg": "RS256", "kid": "x", "typ": "JWT"})
        + "."
        + j(
            {
                "iss": "https://token.actions.githubusercontent.com",
                "sub": "repo:a/b",
                "aud": "sts.amazonaws.com",
                "exp": int(time.time()) + 3600,
            }
        )
        + ".c2ln"
    )
    r = sts.assume_role_with_web_identity(
        RoleArn="arn:aws:iam::000000000000:role/hs", RoleSessionName="hugesync", WebIdentityToken=tok
    )["Credentials"]
    c = client(ak=r["AccessKeyId"], sk=r["SecretAccessKey"], tok=r["SessionToken"])
    try:
        c.put_object(Bucket=BUCKET, Key="sts/x", Body=b"1")
        t = "S3 with session creds 200"
        o = True
    except Exception as e:
        t = "S3 with session creds: " + error_of(e)
        o = False
    return verdict(o, f"{r['AccessKeyId'][:4]}... exp {r['Expiration']}; {t}")


@check("14a", "Content-Encoding gzip, Cache-Control, Content-Disposition, Expires round trip; no auto-decode")
def _():
    z = gzip.compress(b"hello" * 100)
    put(
        "hd/a",
        z,
        ContentEncoding="gzip",
        CacheControl="max-age=60, public",
        ContentDisposition='attachment; filename="x"',
        ContentLanguage="en",
        ContentType="text/plain",
    )
    g = s3.get_object(Bucket=BUCKET, Key="hd/a")
    b = g["Body"].read()
    bad = [
        f
        for f, v in (
            ("ContentEncoding", "gzip"),
            ("CacheControl", "max-age=60, public"),
            ("ContentDisposition", 'attachment; filename="x"'),
            ("ContentLanguage", "en"),
        )
        if g.get(f) != v
    ]
    if b != z:
        bad.append("body changed")
    return verdict(not bad, [f"{x}={g.get(x)}" for x in bad])


@check("14b", "tags: put with Tagging, get, put_object_tagging; CopyObject keeps tags")
def _():
    put("tg/a", b"", Tagging="a=1&b=x%20y")
    r = sorted((t["Key"], t["Value"]) for t in s3.get_object_tagging(Bucket=BUCKET, Key="tg/a")["TagSet"])
    s3.put_object_tagging(Bucket=BUCKET, Key="tg/a", Tagging={"TagSet": [{"Key": "c", "Value": "2"}]})
    r2 = s3.get_object_tagging(Bucket=BUCKET, Key="tg/a")["TagSet"]
    return verdict(r == [("a", "1"), ("b", "x y")] and r2 == [{"Key": "c", "Value": "2"}], f"{r} {r2}")


@check("14c", "StorageClass STANDARD_IA on PUT round trip")
def _():
    put("sc/ia", b"", StorageClass="STANDARD_IA")
    c = s3.head_object(Bucket=BUCKET, Key="sc/ia").get("StorageClass")
    return verdict(c == "STANDARD_IA", c)


@check("14d", "SSE AES256 header round trip; SSE-C put/get/partcopy")
def _():
    bad = []
    try:
        put("se/a", b"1", ServerSideEncryption="AES256")
        h = s3.head_object(Bucket=BUCKET, Key="se/a").get("ServerSideEncryption")
        bad += [] if h == "AES256" else [f"sse-s3 head {h}"]
    except Exception as e:
        bad.append("sse-s3 " + error_of(e))
    try:
        key = os.urandom(32)
        kw = dict(SSECustomerAlgorithm="AES256", SSECustomerKey=key)
        put("se/c", b"secret", **kw)
        assert get("se/c", **kw) == b"secret"
        o, t = fails_with(lambda: get("se/c"), "400", "InvalidRequest")
        bad += [] if o else ["sse-c get w/o key: " + t]
    except Exception as e:
        bad.append("sse-c " + error_of(e)[:60])
    return verdict(not bad, bad)


@check("14e", "bucket lifecycle AbortIncompleteMultipartUpload put/get")
def _():
    s3.put_bucket_lifecycle_configuration(
        Bucket=BUCKET,
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": "a",
                    "Status": "Enabled",
                    "Filter": {"Prefix": ""},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                }
            ]
        },
    )
    r = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"][0]
    return verdict(r["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 1)


@check("14f", "GetBucketLocation / HeadBucket / x-amz-bucket-region")
def _():
    l = s3.get_bucket_location(Bucket=BUCKET).get("LocationConstraint")
    h = s3.head_bucket(Bucket=BUCKET)
    return "INFO", f"loc={l} region hdr={h['ResponseMetadata']['HTTPHeaders'].get('x-amz-bucket-region')}"


@check("15", "read-your-write under load: overwrite+get+list 200 x 8 threads")
def _():
    bad = []

    def go(t):
        for i in range(25):
            key = f"rw/{t}"
            v = b"%d-%d" % (t, i) * 50
            put(key, v)
            if get(key) != v:
                bad.append((t, i))
            if key not in [o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET, Prefix=key)["Contents"]]:
                bad.append(("l", t, i))

    with cf.ThreadPoolExecutor(8) as ex:
        list(ex.map(go, range(8)))
    return verdict(not bad, bad[:5])
