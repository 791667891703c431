"""The rules of multipart uploads: sizes, numbers, order, uploads that are gone."""

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


@check("2a", "MPU part <5MiB not last => EntityTooSmall at Complete")
def _():
    key = new_key()
    u = create_upload(key)
    ps = [part(i, upload_part(key, u, i, random_bytes(n))["ETag"]) for i, n in ((1, 5 * MiB - 1), (2, 10))]
    try:
        return verdict(*fails_with(lambda: complete(key, u, ps), "EntityTooSmall"))
    finally:
        abort(key, u)


@check("2b", "Complete: wrong ETag/missing part InvalidPart, bad order InvalidPartOrder")
def _():
    key = new_key()
    u = create_upload(key)
    e1 = upload_part(key, u, 1, random_bytes(5 * MiB))["ETag"]
    e2 = upload_part(key, u, 2, b"x")["ETag"]
    r = [
        fails_with(lambda: complete(key, u, [part(1, e2), part(2, e2)]), "InvalidPart"),
        fails_with(lambda: complete(key, u, [part(1, e1), part(3, e2)]), "InvalidPart"),
        fails_with(lambda: complete(key, u, [part(2, e2), part(1, e1)]), "InvalidPartOrder"),
    ]
    abort(key, u)
    return verdict(all(x[0] for x in r), f"wrongetag:{r[0][1]} missing:{r[1][1]} order:{r[2][1]}")


@check("2c", "MPU sparse numbers 1,5,10000; re-upload part; omit part; subset; 10001 rejected")
def _():
    key = new_key()
    u = create_upload(key)
    a, b, c, d = random_bytes(5 * MiB), random_bytes(5 * MiB + 3), random_bytes(100), random_bytes(5 * MiB)
    upload_part(key, u, 5, a)
    ea = upload_part(key, u, 1, a)["ETag"]
    upload_part(key, u, 7, d)
    ec = upload_part(key, u, 10000, c)["ETag"]
    eb = upload_part(key, u, 5, b)["ETag"]
    o, t = fails_with(lambda: upload_part(key, u, 10001, b"x"), "InvalidArgument")
    complete(key, u, [part(1, ea), part(5, eb), part(10000, ec)])
    g = get(key) == a + b + c
    return verdict(g and o, f"bytes ok={g}; 10001:{t}")


@check("2d", "Complete twice; Complete/UploadPart/Copy on aborted => NoSuchUpload")
def _():
    key = new_key()
    u = create_upload(key)
    e = upload_part(key, u, 1, b"x")["ETag"]
    complete(key, u, [part(1, e)])
    try:
        complete(key, u, [part(1, e)])
        tw = "200 (idempotent)"
    except Exception as x:
        tw = error_of(x)
    u = create_upload(key)
    abort(key, u)
    put("big5", random_bytes(6 * MiB))
    r = [
        fails_with(lambda: upload_part(key, u, 1, b"x"), "NoSuchUpload"),
        fails_with(lambda: complete(key, u, [part(1, e)]), "NoSuchUpload"),
        fails_with(lambda: copy_part(key, u, 1, "big5"), "NoSuchUpload"),
        fails_with(lambda: s3.abort_multipart_upload(Bucket=BUCKET, Key=key, UploadId=u), "NoSuchUpload"),
    ]
    return verdict(
        all(x[0] for x in r), f"twice:{tw}; part:{r[0][1]} complete:{r[1][1]} copy:{r[2][1]} abort2:{r[3][1]}"
    )


@check("2e", "MpuObjectSize wrong on Complete => InvalidRequest/400")
def _():
    key = new_key()
    u = create_upload(key)
    e = upload_part(key, u, 1, b"x" * 10)["ETag"]
    r = fails_with(lambda: complete(key, u, [part(1, e)], MpuObjectSize=11), "InvalidRequest", "400")
    abort(key, u)
    return verdict(*r)


@check("2f", "zero parts Complete => MalformedXML/InvalidRequest; single empty part ok")
def _():
    key = new_key()
    u = create_upload(key)
    r = fails_with(lambda: complete(key, u, []), "MalformedXML", "InvalidRequest", "400")
    try:
        e = upload_part(key, u, 1, b"")["ETag"]
        complete(key, u, [part(1, e)])
        z = get(key) == b""
    except Exception as x:
        z = error_of(x)
        abort(key, u)
    return verdict(r[0] and z is True, f"none:{r[1]} empty part:{z}")
