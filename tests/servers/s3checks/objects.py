"""Single objects: put, get, head, awkward keys, metadata limits."""

import time

from .base import (
    BUCKET,
    abort,
    args,
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


@check("1a", "Put/Get/Head: metadata, range, suffix range, 416, 404, 304")
def _():
    key, d = new_key(), random_bytes(100_003)
    bad = []
    put(key, d, Metadata={"mode": "0644", "mtime": "1700000000.123456789", "uid": "0"}, ContentType="application/x-foo")
    h = s3.head_object(Bucket=BUCKET, Key=key)
    if h["Metadata"] != {"mode": "0644", "mtime": "1700000000.123456789", "uid": "0"}:
        bad.append(f"meta={h['Metadata']}")
    if h["ContentLength"] != len(d):
        bad.append("len")
    if h["ContentType"] != "application/x-foo":
        bad.append(f"ctype={h['ContentType']}")
    if get(key, Range="bytes=100-199") != d[100:200]:
        bad.append("range")
    if get(key, Range="bytes=-50") != d[-50:]:
        bad.append("suffix")
    if get(key, Range="bytes=99000-999999999") != d[99000:]:
        bad.append("open range")
    o, t = fails_with(lambda: get(key, Range="bytes=200000-"), "416", "InvalidRange")
    bad += [] if o else ["416:" + t]
    o, t = fails_with(lambda: get("nope"), "NoSuchKey")
    bad += [] if o else ["404:" + t]
    o, t = fails_with(lambda: s3.head_object(Bucket=BUCKET, Key="nope"), "404")
    bad += [] if o else ["h404:" + t]
    o, t = fails_with(lambda: get(key, IfNoneMatch=h["ETag"]), "304")
    bad += [] if o else ["304:" + t]
    o, t = fails_with(lambda: get(key, IfMatch='"%s"' % ("0" * 32)), "412")
    bad += [] if o else ["get if-match wrong:" + t]
    put(key + "z", b"")
    if get(key + "z") != b"":
        bad.append("empty object")
    return verdict(not bad, bad)


AWKWARD_KEYS = [
    "sp ace/a b.txt",
    "plus+/a+b",
    "pct/%41%20%zz%",
    "uni/ünïcödé-日本語-😀",
    "amp/&<>\"'",
    "q?x=1&y#frag",
    "trail/",
    "dbl//slash",
    "dot/./x",
    "dotdot/../x",
    "semi;colon:@=$,!*()~^`{}|[]\\",
    "/leading",
    "nfd/e\u0301",
    "nbsp/\u00a0",
    "tab/\t",
]


@check("1b", "nasty keys: put/get/head/list/copy/partcopy/delete")
def _():
    bad = []
    for key in AWKWARD_KEYS:
        key = "nk/" + key if not key.startswith("/") else key
        d = (key.encode() * 600)[:9000]
        step = "put"
        try:
            put(key, d)
            step = "get"
            assert get(key) == d
            step = "head"
            s3.head_object(Bucket=BUCKET, Key=key)
            step = "list"
            ks = [o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET, Prefix=key).get("Contents", [])]
            assert key in ks, ks
            step = "copy"
            t = new_key()
            s3.copy_object(Bucket=BUCKET, Key=t, CopySource={"Bucket": BUCKET, "Key": key})
            assert get(t) == d
            step = "partcopy"
            t = new_key()
            u = create_upload(t)
            try:
                e = copy_part(t, u, 1, key)["CopyPartResult"]["ETag"]
                complete(t, u, [part(1, e)])
                assert get(t) == d
            finally:
                abort(t, u)
            step = "mpu-to"
            u = create_upload(key)
            e = upload_part(key, u, 1, b"mp" + d)["ETag"]
            complete(key, u, [part(1, e)])
            assert get(key) == b"mp" + d
            step = "delete"
            r = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key}]})
            assert not r.get("Errors"), r["Errors"]
            o, t = fails_with(lambda: s3.head_object(Bucket=BUCKET, Key=key), "404")
            assert o, "still there"
        except Exception as e:
            bad.append(f"{key!r}@{step}:{error_of(e)[:60]}")
            if "Endpoint" in error_of(e) or "ConnectionClosed" in error_of(e):
                if args.restart:
                    import subprocess

                    subprocess.run(args.restart, shell=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                    time.sleep(3)
    return verdict(not bad, bad or f"{len(AWKWARD_KEYS)} keys ok")


@check("1c", "control chars / newline in key (encoding-type=url)")
def _():
    bad = []
    for key in ["ctl/new\nline", "ctl/\x01"]:
        try:
            put(key, b"1")
            ks = [o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET, Prefix="ctl/").get("Contents", [])]
            if key not in ks:
                bad.append(f"{key!r} listed as {ks}")
            s3.delete_object(Bucket=BUCKET, Key=key)
        except Exception as e:
            bad.append(f"{key!r}:{error_of(e)[:70]}")
    return verdict(not bad, bad)


@check("1d", "key length 1024 bytes ok, 1025 KeyTooLong")
def _():
    bad = []
    for key in ["L/" + "a" * 1022, "L/" + "/".join(["b" * 99] * 10) + "c" * 23]:
        try:
            put(key, b"1")
            assert get(key) == b"1"
            s3.delete_object(Bucket=BUCKET, Key=key)
        except Exception as e:
            bad.append(f"{len(key)}: {error_of(e)[:60]}")
    o, t = fails_with(lambda: put("a" * 1025), "KeyTooLongError", "KeyTooLong")
    return verdict(not bad and o, f"{bad} 1025:{t}")


@check("1e", 'file "a" and "a/b" and "a/" coexist (flat namespace)')
def _():
    put("fl/a", b"1")
    put("fl/a/b", b"2")
    put("fl/a/", b"")
    put("fl/a/b/c", b"3")
    ks = [o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET, Prefix="fl/").get("Contents", [])]
    return verdict(ks == ["fl/a", "fl/a/", "fl/a/b", "fl/a/b/c"] and get("fl/a") == b"1" and get("fl/a/b") == b"2", ks)


@check("1f", "user metadata 2 KiB ok / >2 KiB MetadataTooLarge")
def _():
    key = new_key()
    bad = []
    try:
        put(key, b"", Metadata={"a": "x" * 2000})
        assert s3.head_object(Bucket=BUCKET, Key=key)["Metadata"]["a"] == "x" * 2000
    except Exception as e:
        bad.append("2000:" + error_of(e))
    o, t = fails_with(lambda: put(key, b"", Metadata={"a": "x" * 2100}), "MetadataTooLarge")
    return verdict(o and not bad, f"{bad} 2100B: {t}")
