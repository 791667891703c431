"""What is told of parts and uploads: ETags, ListParts, ListMultipartUploads; scratch objects."""

import hashlib

from .base import (
    BUCKET,
    MiB,
    abort,
    check,
    complete,
    copy_part,
    create_upload,
    error_of,
    get,
    md5,
    new_key,
    part,
    put,
    random_bytes,
    s3,
    upload_part,
    verdict,
)


@check("7a", "ETag: md5 for PUT, md5-of-md5s-N for MPU (incl. copied parts)")
def _():
    d = random_bytes(6 * MiB)
    e = put("et/a", d)["ETag"]
    u = create_upload("et/b")
    x = upload_part("et/b", u, 1, d)["ETag"]
    y = copy_part("et/b", u, 2, "et/a", (0, 1000))["CopyPartResult"]["ETag"]
    r = complete("et/b", u, [part(1, x), part(2, y)])
    want = '"%s-2"' % md5(hashlib.md5(d).digest() + hashlib.md5(d[:1000]).digest())
    h = s3.head_object(Bucket=BUCKET, Key="et/b")["ETag"]
    return verdict(
        e == f'"{md5(d)}"' and r["ETag"] == want and h == want,
        f"put:{e == chr(34) + md5(d) + chr(34)} mpu complete:{r['ETag']} head:{h} want:{want}",
    )


@check("7b", "ListParts: ETag/Size/LastModified, paging by max-parts/marker")
def _():
    key = new_key()
    u = create_upload(key)
    es = [upload_part(key, u, i, b"p%d" % i)["ETag"] for i in range(1, 6)]
    bad = []
    r = s3.list_parts(Bucket=BUCKET, Key=key, UploadId=u)
    if [(p["PartNumber"], p["ETag"], p["Size"]) for p in r.get("Parts", [])] != [(i + 1, es[i], 2) for i in range(5)]:
        bad.append(str(r.get("Parts"))[:100])
    r = s3.list_parts(Bucket=BUCKET, Key=key, UploadId=u, MaxParts=2, PartNumberMarker=1)
    if (
        [p["PartNumber"] for p in r.get("Parts", [])] != [2, 3]
        or not r.get("IsTruncated")
        or int(r.get("NextPartNumberMarker") or 0) != 3
    ):
        bad.append(
            f"paging {[p['PartNumber'] for p in r.get('Parts', [])]} trunc={r.get('IsTruncated')} next={r.get('NextPartNumberMarker')}"
        )
    abort(key, u)
    return verdict(not bad, bad)


@check("7c", "ListMultipartUploads prefix, key-marker paging; Abort removes")
def _():
    us = [
        ("lm/a", create_upload("lm/a")),
        ("lm/a", create_upload("lm/a")),
        ("lm/b", create_upload("lm/b")),
        ("lmx", create_upload("lmx")),
    ]
    bad = []
    r = s3.list_multipart_uploads(Bucket=BUCKET, Prefix="lm/")
    got = sorted((x["Key"], x["UploadId"]) for x in r.get("Uploads", []))
    if got != sorted(us[:3]):
        bad.append(f"prefix got {len(got)}")
    if got and not r["Uploads"][0].get("Initiated"):
        bad.append("no Initiated")
    seen, km, um = [], None, None
    for _ in range(6):
        kw = {a: b for a, b in (("KeyMarker", km), ("UploadIdMarker", um)) if km and b}
        r = s3.list_multipart_uploads(Bucket=BUCKET, Prefix="lm/", MaxUploads=1, **kw)
        seen += [(x["Key"], x["UploadId"]) for x in r.get("Uploads", [])]
        km, um = r.get("NextKeyMarker"), r.get("NextUploadIdMarker")
        if not r.get("IsTruncated"):
            break
    if sorted(seen) != sorted(us[:3]):
        bad.append(f"paging saw {len(seen)}")
    for x, u in us:
        s3.abort_multipart_upload(Bucket=BUCKET, Key=x, UploadId=u)
    r = s3.list_multipart_uploads(Bucket=BUCKET, Prefix="lm")
    if r.get("Uploads"):
        bad.append("still listed after abort")
    return verdict(not bad, bad)


@check("7d", "MPU carries Metadata/ContentType/Content-Encoding/tags from Create")
def _():
    key = new_key()
    u = create_upload(key, Metadata={"mode": "0755"}, ContentType="a/b", CacheControl="max-age=5", Tagging="a=1")
    complete(key, u, [part(1, upload_part(key, u, 1, b"x")["ETag"])])
    h = s3.head_object(Bucket=BUCKET, Key=key)
    try:
        tg = s3.get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"]
    except Exception as e:
        tg = error_of(e)
    return verdict(
        h["Metadata"] == {"mode": "0755"}
        and h["ContentType"] == "a/b"
        and h.get("CacheControl") == "max-age=5"
        and tg == [{"Key": "a", "Value": "1"}],
        f"{h['Metadata']} {h['ContentType']} {h.get('CacheControl')} tags={tg}",
    )


@check("7e", "HEAD/GET partNumber=1 of MPU object => PartsCount, part bytes")
def _():
    key = new_key()
    u = create_upload(key)
    d = random_bytes(5 * MiB)
    complete(key, u, [part(1, upload_part(key, u, 1, d)["ETag"]), part(2, upload_part(key, u, 2, b"xy")["ETag"])])
    h = s3.head_object(Bucket=BUCKET, Key=key, PartNumber=1)
    g = get(key, PartNumber=2)
    return verdict(
        h.get("PartsCount") == 2 and h["ContentLength"] == len(d) and g == b"xy",
        f"PartsCount={h.get('PartsCount')} len={h['ContentLength']} p2={len(g)}B",
    )


@check("8", "scratch trick: [copy 5MiB+][1 KB last] -> source of PartCopy in final")
def _():
    d = random_bytes(20 * MiB)
    put("sc/old", d)
    tail = random_bytes(1024)
    u = create_upload("sc/scratch")
    complete(
        "sc/scratch",
        u,
        [
            part(1, copy_part("sc/scratch", u, 1, "sc/old", (3, 3 + 5 * MiB))["CopyPartResult"]["ETag"]),
            part(2, upload_part("sc/scratch", u, 2, tail)["ETag"]),
        ],
    )
    f = create_upload("sc/final")
    r1 = copy_part("sc/final", f, 1, "sc/scratch")["CopyPartResult"]["ETag"]
    r2 = copy_part("sc/final", f, 2, "sc/old", (9 * MiB + 1, 20 * MiB))["CopyPartResult"]["ETag"]
    s3.delete_object(Bucket=BUCKET, Key="sc/scratch")
    complete("sc/final", f, [part(1, r1), part(2, r2)])
    return verdict(get("sc/final") == d[3 : 3 + 5 * MiB] + tail + d[9 * MiB + 1 :])
