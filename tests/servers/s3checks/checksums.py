"""Checksums: on PUT, on parts, of whole objects with copied parts."""

import base64
import hashlib

from botocore.exceptions import ClientError

from .base import (
    BUCKET,
    MiB,
    abort,
    base64_of,
    check,
    complete,
    copy_part,
    crc32,
    crc32c,
    crc64nvme,
    create_upload,
    error_of,
    fails_with,
    get,
    new_key,
    part,
    put,
    random_bytes,
    s3,
    sha256,
    upload_part,
    verdict,
)


@check("6a", "PutObject x-amz-checksum-{crc32,crc32c,crc64nvme,sha256} right=200 wrong=BadDigest; HEAD returns")
def _():
    d = random_bytes(5000)
    bad = []
    for a, f, w in (
        ("CRC32", crc32, 4),
        ("CRC32C", crc32c, 4),
        ("CRC64NVME", crc64nvme, 8),
        ("SHA256", sha256, 32),
        ("SHA1", lambda x: base64_of(hashlib.sha1(x).digest()), 20),
    ):
        key = new_key("ck/")
        fld = "Checksum" + a
        try:
            put(key, d, **{fld: f(d)})
            h = s3.head_object(Bucket=BUCKET, Key=key, ChecksumMode="ENABLED")
            if h.get(fld) != f(d):
                bad.append(f"{a}: HEAD {h.get(fld)}")
            elif h.get("ChecksumType") not in ("FULL_OBJECT",):
                bad.append(f"{a}: HEAD type {h.get('ChecksumType')}")
        except Exception as e:
            bad.append(f"{a} right: {error_of(e)[:60]}")
        o, t = fails_with(
            lambda: put(new_key("ck/"), d, **{fld: base64_of(b"\1" * w)}),
            "BadDigest",
            "XAmzContentChecksumMismatch",
            "InvalidRequest",
            "InvalidDigest",
        )
        if not o:
            bad.append(f"{a} wrong: {t}")
    return verdict(not bad, bad)


@check("6b", "Content-MD5 wrong on Put and UploadPart => BadDigest")
def _():
    o, t = fails_with(lambda: put(new_key(), b"abc", ContentMD5=base64_of(b"\1" * 16)), "BadDigest", "InvalidDigest")
    key = new_key()
    u = create_upload(key)
    o2, t2 = fails_with(
        lambda: upload_part(key, u, 1, b"abc", ContentMD5=base64_of(b"\1" * 16)), "BadDigest", "InvalidDigest"
    )
    abort(key, u)
    return verdict(o and o2, f"put:{t} part:{t2}")


def checksummed_upload(algo, typ, full, mode, final=None, copyparts=True, partck=True):
    """mode: 'full' -> send full-object checksum; returns text dict"""
    F = {"CRC64NVME": crc64nvme, "CRC32": crc32, "CRC32C": crc32c, "SHA256": sha256}[algo]
    fld = "Checksum" + algo
    d = random_bytes(6 * MiB)
    src = new_key("ck/src")
    put(src, d)
    key = new_key("ck/")
    info = {}
    cr = s3.create_multipart_upload(
        Bucket=BUCKET, Key=key, ChecksumAlgorithm=algo, **({"ChecksumType": typ} if typ else {})
    )
    u = cr["UploadId"]
    info["create"] = f"{cr.get('ChecksumAlgorithm')}/{cr.get('ChecksumType')}"
    try:
        new = random_bytes(5 * MiB + 3)
        a = upload_part(key, u, 1, new, **({fld: F(new)} if partck else {}))
        info["part"] = fld in a
        c = copy_part(key, u, 2, src, (100, 100 + 5 * MiB))["CopyPartResult"]
        seg = d[100 : 100 + 5 * MiB]
        info["copyck"] = c.get(fld) == F(seg) if fld in c else None
        tail = b"tail"
        b = upload_part(key, u, 3, tail, **({fld: F(tail)} if partck else {}))
        whole = new + seg + tail
        lp = s3.list_parts(Bucket=BUCKET, Key=key, UploadId=u)
        info["listparts"] = [fld in p for p in lp.get("Parts", [])]
        info["lpalgo"] = f"{lp.get('ChecksumAlgorithm')}/{lp.get('ChecksumType')}"
        parts = [part(1, a["ETag"]), part(2, c["ETag"]), part(3, b["ETag"])]
        pc = [F(new), F(seg), F(tail)]
        if typ == "COMPOSITE" or typ is None:
            for p, x in zip(parts, pc):
                p[fld] = x
        joined = b"".join(base64.b64decode(x) for x in pc)
        comp = {"CRC32": crc32, "CRC32C": crc32c, "SHA256": sha256, "CRC64NVME": crc64nvme}[algo](joined) + "-3"
        good = F(whole) if typ == "FULL_OBJECT" else comp
        kw = {}
        if full == "right":
            kw = {fld: good, **({"ChecksumType": typ} if typ else {})}
        if full == "wrong":
            kw = {
                fld: F(whole + b"x") + ("" if typ == "FULL_OBJECT" else "-3"),
                **({"ChecksumType": typ} if typ else {}),
            }
        if full == "wrongpart":
            parts[1][fld] = F(b"zzz")
        r = complete(key, u, parts, **kw)
        info["complete"] = "200"
        info["resp"] = "ok" if r.get(fld) == good else f"{r.get(fld)}!={good}"
        h = s3.head_object(Bucket=BUCKET, Key=key, ChecksumMode="ENABLED")
        info["head"] = ("ok" if h.get(fld) == good else str(h.get(fld))) + "/" + str(h.get("ChecksumType"))
        info["bytes"] = get(key) == whole
    except ClientError as e:
        info["complete"] = info.get("complete") or error_of(e) + " " + e.response["Error"].get("Message", "")[:60]
    finally:
        abort(key, u)
    return info


def full_object_checksum(algo):
    r = checksummed_upload(algo, "FULL_OBJECT", "right", "")
    w = checksummed_upload(algo, "FULL_OBJECT", "wrong", "")
    good = (
        r.get("complete") == "200"
        and r.get("resp") == "ok"
        and str(r.get("head")).startswith("ok")
        and r.get("copyck")
        and r.get("bytes")
    )
    rej = w.get("complete", "") != "200"
    return verdict(
        bool(good and rej and all(r["listparts"])),
        f"right:{r.get('complete')} wrong:{w.get('complete', '')[:60]} create={r['create']} copyCk={r.get('copyck')} listParts={r.get('listparts')} lp={r.get('lpalgo')} resp={r.get('resp')} head={r.get('head')} bytes={r.get('bytes')}",
    )


@check("6c", "MPU CRC64NVME FULL_OBJECT + copied part: right/wrong at Complete")
def _():
    return full_object_checksum("CRC64NVME")


@check("6d", "MPU CRC32 FULL_OBJECT + copied part: right/wrong")
def _():
    return full_object_checksum("CRC32")


@check("6e", "MPU CRC32C FULL_OBJECT + copied part: right/wrong")
def _():
    return full_object_checksum("CRC32C")


def composite_checksum(algo):
    r = checksummed_upload(algo, "COMPOSITE", None, "")
    w = checksummed_upload(algo, "COMPOSITE", "wrong", "")
    wp = checksummed_upload(algo, "COMPOSITE", "wrongpart", "")
    good = (
        r.get("complete") == "200"
        and r.get("resp") == "ok"
        and r.get("copyck")
        and r.get("bytes")
        and str(r.get("head")).startswith("ok")
    )
    return verdict(
        bool(good and w.get("complete") != "200" and wp.get("complete") != "200"),
        f"right:{r.get('complete')} wrong:{w.get('complete', '')[:40]} wrongpart:{wp.get('complete', '')[:40]} create={r['create']} copyCk={r.get('copyck')} listParts={r.get('listparts')} resp={r.get('resp')} head={r.get('head')}",
    )


@check("6f", "MPU SHA256 COMPOSITE + copied part")
def _():
    return composite_checksum("SHA256")


@check("6g", "MPU CRC32C COMPOSITE + copied part")
def _():
    return composite_checksum("CRC32C")


@check("6h", "UploadPart checksum wrong => BadDigest")
def _():
    key = new_key()
    u = s3.create_multipart_upload(Bucket=BUCKET, Key=key, ChecksumAlgorithm="CRC64NVME", ChecksumType="FULL_OBJECT")[
        "UploadId"
    ]
    try:
        return verdict(
            *fails_with(
                lambda: upload_part(key, u, 1, b"abc", ChecksumCRC64NVME=crc64nvme(b"zzz")),
                "BadDigest",
                "XAmzContentChecksumMismatch",
                "InvalidRequest",
                "InvalidDigest",
            )
        )
    finally:
        abort(key, u)


@check("6i", "no ChecksumAlgorithm given: server adds default CRC64NVME (AWS since 2024-12)")
def _():
    key = new_key()
    put(key, b"abc")
    h = s3.head_object(Bucket=BUCKET, Key=key, ChecksumMode="ENABLED")
    return verdict(h.get("ChecksumCRC64NVME") == crc64nvme(b"abc"), {x: h[x] for x in h if x.startswith("Checksum")})


@check("6j", "GetObjectAttributes: ETag, ObjectSize, Checksum, ObjectParts")
def _():
    key = new_key()
    u = s3.create_multipart_upload(Bucket=BUCKET, Key=key, ChecksumAlgorithm="SHA256")["UploadId"]
    b = random_bytes(5 * MiB)
    e1 = upload_part(key, u, 1, b, ChecksumSHA256=sha256(b))
    e2 = upload_part(key, u, 2, b"x", ChecksumSHA256=sha256(b"x"))
    complete(key, u, [part(1, e1["ETag"], ChecksumSHA256=sha256(b)), part(2, e2["ETag"], ChecksumSHA256=sha256(b"x"))])
    r = s3.get_object_attributes(
        Bucket=BUCKET, Key=key, ObjectAttributes=["ETag", "ObjectSize", "Checksum", "ObjectParts"]
    )
    op = r.get("ObjectParts", {})
    return verdict(
        r.get("ObjectSize") == len(b) + 1 and op.get("TotalPartsCount") == 2 and len(op.get("Parts", [])) == 2,
        f"size={r.get('ObjectSize')} etag={r.get('ETag')} ck={r.get('Checksum')} parts={op.get('TotalPartsCount')}/{len(op.get('Parts', []))}",
    )
