"""ListObjectsV2: pages, prefixes, order."""

import time

from .base import BUCKET, check, fill, put, s3, verdict


@check("1g", "ListObjectsV2: 2,300 keys, pages of 1000, start-after, cap")
def _():
    fill(2300, "ls/f")
    t0 = time.time()
    pages = [p for p in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="ls/")]
    dt = time.time() - t0
    ks = [o["Key"] for p in pages for o in p.get("Contents", [])]
    want = [f"ls/f{i:05d}" for i in range(2300)]
    bad = []
    if ks != want:
        bad.append(f"got {len(ks)} keys sorted={ks == sorted(ks)}")
    if [p["KeyCount"] for p in pages] != [1000, 1000, 300]:
        bad.append(f"pages {[p.get('KeyCount') for p in pages]}")
    r = s3.list_objects_v2(Bucket=BUCKET, Prefix="ls/", StartAfter="ls/f01500", MaxKeys=7)
    if [o["Key"] for o in r["Contents"]] != want[1501:1508] or not r["IsTruncated"]:
        bad.append("start-after")
    r = s3.list_objects_v2(Bucket=BUCKET, Prefix="ls/", StartAfter="ls/f01500x")
    if r["Contents"][0]["Key"] != "ls/f01501":
        bad.append("start-after nonexistent")
    r = s3.list_objects_v2(Bucket=BUCKET, Prefix="ls/", MaxKeys=5000)
    if len(r["Contents"]) != 1000:
        bad.append(f"max-keys 5000 returned {len(r['Contents'])}")
    o = r["Contents"][0]
    if not (o.get("ETag") and "Size" in o and o.get("LastModified")):
        bad.append(f"fields {list(o)}")
    return verdict(not bad, f"{bad or 'ok'} 2300 keys in {dt:.2f}s")


@check("1h", "ListObjectsV2: delimiter/CommonPrefixes, paging over prefixes, UTF-8 byte order")
def _():
    keys = [
        "de/a/1",
        "de/a/2",
        "de/b",
        "de/c/1",
        "de/Z",
        "de/é",
        "de/\uff5e",
        "de/\U0001f600",
        "de/a-",
        "de/a0",
        "de/a.",
    ]
    for x in keys:
        put(x, b"")
    bad = []
    r = s3.list_objects_v2(Bucket=BUCKET, Prefix="de/", Delimiter="/")
    if [p["Prefix"] for p in r.get("CommonPrefixes", [])] != ["de/a/", "de/c/"]:
        bad.append(f"cp {r.get('CommonPrefixes')}")
    want = sorted(keys, key=lambda s: s.encode())
    got = [o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET, Prefix="de/")["Contents"]]
    if got != want:
        bad.append(f"order {got}")
    items, tok = [], None
    for _ in range(40):
        r = s3.list_objects_v2(
            Bucket=BUCKET, Prefix="de/", Delimiter="/", MaxKeys=2, **({"ContinuationToken": tok} if tok else {})
        )
        items += [o["Key"] for o in r.get("Contents", [])] + [p["Prefix"] for p in r.get("CommonPrefixes", [])]
        tok = r.get("NextContinuationToken")
        if not r["IsTruncated"]:
            break
    exp = sorted([x for x in keys if x.count("/") == 1] + ["de/a/", "de/c/"])
    if sorted(items) != exp:
        bad.append(f"paged {len(items)} vs {len(exp)}: dup/miss {sorted(items)}")
    return verdict(not bad, bad)
