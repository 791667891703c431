"""UploadPartCopy: ranges, borders, sources, and the stitch itself."""

import concurrent.futures as cf

from .base import (
    BUCKET,
    MiB,
    abort,
    check,
    complete,
    copy_part,
    create_upload,
    fails_with,
    get,
    md5,
    part,
    put,
    random_bytes,
    rng,
    s3,
    upload_part,
    verdict,
)


def stitch(dst, src, data):
    u = create_upload(dst)
    new = random_bytes(5 * MiB + 17)
    segs = [(1_000_003, 1_000_003 + 6 * MiB + 1), new, (7 * MiB + 13, 13 * MiB + 14), b"tail!"]
    ps = []
    exp = b""
    for i, s in enumerate(segs, 1):
        if isinstance(s, tuple):
            r = copy_part(dst, u, i, src, s)["CopyPartResult"]
            e = r["ETag"]
            exp += data[s[0] : s[1]]
        else:
            e = upload_part(dst, u, i, s)["ETag"]
            exp += s
        ps.append(part(i, e))
    return u, ps, exp


@check("3a", "UploadPartCopy unaligned ranges from a plain PUT object")
def _():
    d = random_bytes(16 * MiB + 5)
    put("st/plain", d)
    u, ps, exp = stitch("st/dst", "st/plain", d)
    complete("st/dst", u, ps)
    return verdict(get("st/dst") == exp)


@check("3b", "UploadPartCopy unaligned ranges from an MPU object crossing part borders")
def _():
    d = random_bytes(16 * MiB + 5)
    u = create_upload("st/m")
    c = [d[: 5 * MiB + 1], d[5 * MiB + 1 : 10 * MiB + 7], d[10 * MiB + 7 :]]
    complete("st/m", u, [part(i, upload_part("st/m", u, i, x)["ETag"]) for i, x in enumerate(c, 1)])
    assert get("st/m") == d
    u, ps, exp = stitch("st/dst2", "st/m", d)
    complete("st/dst2", u, ps)
    return verdict(get("st/dst2") == exp)


@check("3c", "self-stitch: same key overwritten by its own MPU, 3 generations")
def _():
    d = random_bytes(16 * MiB + 5)
    put("st/self", d)
    for gen in range(3):
        u, ps, exp = stitch("st/self", "st/self", d)
        if get("st/self") != d:
            return "FAIL", "old content changed before Complete"
        complete("st/self", u, ps)
        if get("st/self") != exp:
            return "FAIL", f"gen {gen} bytes differ"
        d = exp + random_bytes(100)[:0]
        if len(d) < 13 * MiB + 14:
            return "FAIL", "len"
    return "PASS", ""


@check("3d", "PartCopy: range past end error; source missing 404; whole object w/o range; 1-byte range")
def _():
    put("st/s", random_bytes(6 * MiB))
    u = create_upload("st/e")
    bad = []
    o, t = fails_with(
        lambda: copy_part("st/e", u, 1, "st/s", (0, 6 * MiB + 1)), "InvalidArgument", "InvalidRange", "416"
    )
    bad += [] if o else [f"past end: {t}"]
    o2, t2 = fails_with(lambda: copy_part("st/e", u, 1, "st/none"), "NoSuchKey", "404")
    bad += [] if o2 else [f"missing: {t2}"]
    r = copy_part("st/e", u, 1, "st/s")["CopyPartResult"]
    if r["ETag"].strip('"') != md5(get("st/s")):
        bad.append(f"part etag {r['ETag']} not md5")
    d = get("st/s")
    r1 = copy_part("st/e", u, 2, "st/s", (5, 6))["CopyPartResult"]
    bad += [] if r1["ETag"].strip('"') == md5(d[5:6]) else ["1-byte"]
    abort("st/e", u)
    return verdict(not bad, f"{bad} pastend:{t} missing:{t2}")


@check("3e", "concurrent copies 16x; parts out of order; source deleted before Complete")
def _():
    d = random_bytes(40 * MiB)
    put("st/big", d)
    u = create_upload("st/conc")
    sz = 5 * MiB
    idx = list(range(8))
    rng.shuffle(idx)
    with cf.ThreadPoolExecutor(16) as ex:
        es = dict(
            ex.map(
                lambda i: (
                    i,
                    copy_part("st/conc", u, i + 1, "st/big", (i * sz, (i + 1) * sz))["CopyPartResult"]["ETag"],
                ),
                idx,
            )
        )
    s3.delete_object(Bucket=BUCKET, Key="st/big")
    complete("st/conc", u, [part(i + 1, es[i]) for i in range(8)])
    return verdict(
        get("st/conc") == d and all(es[i].strip('"') == md5(d[i * sz : (i + 1) * sz]) for i in range(8)),
        "bytes + part md5 etags",
    )


@check("3f", "range copy from a source <5MiB (AWS docs: rejected InvalidRequest)")
def _():
    put("st/tiny", random_bytes(1000))
    u = create_upload("st/t2")
    o, t = fails_with(lambda: copy_part("st/t2", u, 1, "st/tiny", (0, 10)), "InvalidRequest")
    abort("st/t2", u)
    return "INFO", t


@check("3g", "PartCopy whole 100-byte source as last part (AWS: ok)")
def _():
    t = random_bytes(100)
    put("st/tiny2", t)
    u = create_upload("st/t3")
    a = random_bytes(5 * MiB)
    try:
        e1 = upload_part("st/t3", u, 1, a)["ETag"]
        e2 = copy_part("st/t3", u, 2, "st/tiny2")["CopyPartResult"]["ETag"]
        complete("st/t3", u, [part(1, e1), part(2, e2)])
        return verdict(get("st/t3") == a + t)
    finally:
        abort("st/t3", u)
