"""Conditions on copies and writes, and races between writers."""

import concurrent.futures as cf
import threading
import time

from botocore.exceptions import ClientError

from .base import (
    BUCKET,
    MiB,
    abort,
    check,
    complete,
    copy_part,
    create_upload,
    error_of,
    fails_with,
    get,
    new_key,
    part,
    put,
    random_bytes,
    s3,
    upload_part,
    verdict,
)


@check("4a", "UploadPartCopy x-amz-copy-source-if-match right=200 wrong=412")
def _():
    et = put("cs/a", random_bytes(6 * MiB))["ETag"]
    u = create_upload("cs/b")
    try:
        copy_part("cs/b", u, 1, "cs/a", CopySourceIfMatch=et)
        a = "200"
    except Exception as e:
        a = error_of(e)
    o, t = fails_with(
        lambda: copy_part("cs/b", u, 1, "cs/a", (0, 10), CopySourceIfMatch='"%s"' % ("0" * 32)),
        "412",
        "PreconditionFailed",
    )
    o2, t2 = fails_with(lambda: copy_part("cs/b", u, 1, "cs/a", CopySourceIfNoneMatch=et), "412", "PreconditionFailed")
    abort("cs/b", u)
    return verdict(a == "200" and o and o2, f"right:{a} wrong:{t} if-none-match same:{t2}")


@check("4b", "CopyObject copy-source-if-match wrong=412; REPLACE metadata in place")
def _():
    put("cs/c", b"data", Metadata={"mode": "1"})
    o, t = fails_with(
        lambda: s3.copy_object(
            Bucket=BUCKET,
            Key="cs/d",
            CopySource={"Bucket": BUCKET, "Key": "cs/c"},
            CopySourceIfMatch='"%s"' % ("0" * 32),
        ),
        "412",
        "PreconditionFailed",
    )
    s3.copy_object(
        Bucket=BUCKET,
        Key="cs/c",
        CopySource={"Bucket": BUCKET, "Key": "cs/c"},
        MetadataDirective="REPLACE",
        Metadata={"mode": "2"},
    )
    m = s3.head_object(Bucket=BUCKET, Key="cs/c")["Metadata"]
    o2, t2 = fails_with(
        lambda: s3.copy_object(Bucket=BUCKET, Key="cs/c", CopySource={"Bucket": BUCKET, "Key": "cs/c"}),
        "InvalidRequest",
    )
    return verdict(
        o and m == {"mode": "2"} and get("cs/c") == b"data", f"wrong:{t}; meta {m}; self-copy without change: {t2}"
    )


@check("4c", "UploadPartCopy from versionId (old version) + if-match")
def _():
    vb = BUCKET + "-v"
    v1 = s3.put_object(Bucket=vb, Key="x", Body=b"1" * 6 * MiB)
    s3.put_object(Bucket=vb, Key="x", Body=b"2" * 6 * MiB)
    if "VersionId" not in v1:
        return "FAIL", "no VersionId"
    u = create_upload("cs/v")
    r = copy_part(
        "cs/v", u, 1, {"Bucket": vb, "Key": "x", "VersionId": v1["VersionId"]}, (10, 20), CopySourceIfMatch=v1["ETag"]
    )
    complete("cs/v", u, [part(1, r["CopyPartResult"]["ETag"])])
    return verdict(get("cs/v") == b"1" * 10, f"CopySourceVersionId={r.get('CopySourceVersionId')}")


WRONG_ETAG = '"%s"' % ("0" * 32)


@check("5a", "PutObject If-None-Match:* new=200 existing=412")
def _():
    key = new_key("if/")
    try:
        put(key, b"1", IfNoneMatch="*")
        a = "200"
    except Exception as e:
        a = error_of(e)
    o, t = fails_with(lambda: put(key, b"2", IfNoneMatch="*"), "412")
    return verdict(a == "200" and o and get(key) == b"1", f"new:{a} existing:{t}")


@check("5b", "PutObject If-Match right=200 wrong=412 missing key=404")
def _():
    key = new_key("if/")
    et = put(key, b"1")["ETag"]
    o, t = fails_with(lambda: put(key, b"w", IfMatch=WRONG_ETAG), "412")
    try:
        put(key, b"2", IfMatch=et)
        a = "200"
    except Exception as e:
        a = error_of(e)
    o3, t3 = fails_with(lambda: put(new_key("if/"), b"2", IfMatch=WRONG_ETAG), "NoSuchKey", "404")
    return verdict(o and a == "200" and o3, f"right:{a} wrong:{t} missing:{t3}")


def complete_one_part(key, body=b"mp", **kw):
    u = create_upload(key)
    e = upload_part(key, u, 1, body)["ETag"]
    try:
        return complete(key, u, [part(1, e)], **kw)
    except Exception:
        abort(key, u)
        raise


@check("5c", "CompleteMPU If-None-Match:* new=200 existing=412")
def _():
    key = new_key("if/")
    try:
        complete_one_part(key, b"1", IfNoneMatch="*")
        a = "200"
    except Exception as e:
        a = error_of(e)
    o, t = fails_with(lambda: complete_one_part(key, b"2", IfNoneMatch="*"), "412")
    return verdict(a == "200" and o and get(key) == b"1", f"new:{a} existing:{t}")


@check("5d", "CompleteMPU If-Match right=200 wrong=412 missing=404")
def _():
    key = new_key("if/")
    et = put(key, b"1")["ETag"]
    o, t = fails_with(lambda: complete_one_part(key, b"w", IfMatch=WRONG_ETAG), "412")
    intact = get(key) == b"1"
    try:
        complete_one_part(key, b"2", IfMatch=et if intact else s3.head_object(Bucket=BUCKET, Key=key)["ETag"])
        a = "200"
    except Exception as e:
        a = error_of(e)
    o3, t3 = fails_with(lambda: complete_one_part(new_key("if/"), b"2", IfMatch=WRONG_ETAG), "NoSuchKey", "404")
    return verdict(o and a == "200" and o3 and intact, f"right:{a} wrong:{t} missing:{t3}")


@check("5e", "after 412 on CompleteMPU the upload id is still usable")
def _():
    key = new_key("if/")
    put(key, b"1")
    u = create_upload(key)
    e = upload_part(key, u, 1, b"2")["ETag"]
    o, t = fails_with(lambda: complete(key, u, [part(1, e)], IfNoneMatch="*"), "412")
    if not o:
        return "FAIL", f"no 412 ({t})"
    try:
        complete(key, u, [part(1, e)])
        return verdict(get(key) == b"2", "retry without condition: 200")
    except Exception as x:
        return "INFO", "retry: " + error_of(x)


@check("5f", "race: 16 x Put If-None-Match:* => exactly one 200 (5 rounds)")
def _():
    res = []
    codes = set()
    for _ in range(5):
        key = new_key("race/")
        bar = threading.Barrier(16)

        def go(i):
            bar.wait()
            try:
                put(key, str(i).encode(), IfNoneMatch="*")
                return 1
            except ClientError as e:
                codes.add(error_of(e))
                return 0

        with cf.ThreadPoolExecutor(16) as ex:
            res.append(sum(ex.map(go, range(16))))
    return verdict(res == [1] * 5, f"winners {res} losers {sorted(codes)}")


@check("5g", "race: 8 x CompleteMPU If-Match same etag => exactly one 200 (3 rounds)")
def _():
    res = []
    codes = set()
    for _ in range(3):
        key = new_key("race/")
        et = put(key, b"base")["ETag"]
        us = []
        for i in range(8):
            u = create_upload(key)
            us.append((u, upload_part(key, u, 1, b"w%d" % i)["ETag"]))
        bar = threading.Barrier(8)

        def go(x):
            bar.wait()
            try:
                complete(key, x[0], [part(1, x[1])], IfMatch=et)
                return 1
            except ClientError as e:
                codes.add(error_of(e))
                abort(key, x[0])
                return 0

        with cf.ThreadPoolExecutor(8) as ex:
            res.append(sum(ex.map(go, us)))
    return verdict(res == [1] * 3, f"winners {res} losers {sorted(codes)}")


@check("5h", "DeleteObject If-Match wrong=412")
def _():
    key = new_key("if/")
    put(key, b"1")
    o, t = fails_with(lambda: s3.delete_object(Bucket=BUCKET, Key=key, IfMatch=WRONG_ETAG), "412")
    return verdict(o, f"wrong:{t}")


@check("5i", "CopyObject If-None-Match:* on destination existing=412")
def _():
    put("if/s", b"1")
    put("if/d", b"2")
    return verdict(
        *fails_with(
            lambda: s3.copy_object(
                Bucket=BUCKET, Key="if/d", CopySource={"Bucket": BUCKET, "Key": "if/s"}, IfNoneMatch="*"
            ),
            "412",
        )
    )


@check("5j", "in-flight MPU survives another writer replacing/deleting the same key")
def _():
    key = new_key("sv/")
    u = create_upload(key)
    e = upload_part(key, u, 1, b"mine")["ETag"]
    put(key, b"other")
    time.sleep(0.3)
    try:
        complete(key, u, [part(1, e)])
        a = "200"
    except Exception as x:
        a = error_of(x)
    u = create_upload(key)
    e = upload_part(key, u, 1, b"mine2")["ETag"]
    s3.delete_object(Bucket=BUCKET, Key=key)
    time.sleep(0.3)
    try:
        complete(key, u, [part(1, e)])
        b = "200"
    except Exception as x:
        b = error_of(x)
    return verdict(a == b == "200", f"after other PUT: {a}; after DELETE: {b}")
