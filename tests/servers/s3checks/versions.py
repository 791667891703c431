"""Versioned buckets and batch deletes."""

import time

from .base import BUCKET, check, fails_with, fill, new_key, part, put, s3, s3_default, verdict


@check("9", "versioning: ids, old get, delete marker, list versions, delete version, MPU versionId")
def _():
    vb = BUCKET + "-v"
    key = new_key("v/")
    bad = []
    st = s3.get_bucket_versioning(Bucket=vb).get("Status")
    if st != "Enabled":
        return "FAIL", f"status {st}"
    a = s3.put_object(Bucket=vb, Key=key, Body=b"1").get("VersionId")
    b = s3.put_object(Bucket=vb, Key=key, Body=b"2").get("VersionId")
    if not a or a == b:
        bad.append(f"ids {a} {b}")
    if s3.get_object(Bucket=vb, Key=key, VersionId=a)["Body"].read() != b"1":
        bad.append("old get")
    r = s3.delete_object(Bucket=vb, Key=key)
    if not r.get("DeleteMarker"):
        bad.append("no marker in response")
    o, t = fails_with(lambda: s3.get_object(Bucket=vb, Key=key), "NoSuchKey", "404")
    bad += [] if o else [t]
    lv = s3.list_object_versions(Bucket=vb, Prefix=key)
    if len(lv.get("Versions", [])) != 2 or len(lv.get("DeleteMarkers", [])) != 1:
        bad.append(f"versions {len(lv.get('Versions', []))}+{len(lv.get('DeleteMarkers', []))}")
    if r.get("VersionId"):
        s3.delete_object(Bucket=vb, Key=key, VersionId=r["VersionId"])
    if s3.get_object(Bucket=vb, Key=key)["Body"].read() != b"2":
        bad.append("undelete")
    u = s3.create_multipart_upload(Bucket=vb, Key=key)["UploadId"]
    e = s3.upload_part(Bucket=vb, Key=key, UploadId=u, PartNumber=1, Body=b"3")["ETag"]
    c = s3.complete_multipart_upload(Bucket=vb, Key=key, UploadId=u, MultipartUpload={"Parts": [part(1, e)]})
    if not c.get("VersionId"):
        bad.append("MPU no VersionId")
    return verdict(not bad, bad)


@check("10", "DeleteObjects batch of 1000 (quiet + verbose); 1001 => MalformedXML")
def _():
    fill(1000, "dl/")
    t0 = time.time()
    r = s3.delete_objects(
        Bucket=BUCKET, Delete={"Objects": [{"Key": f"dl/{i:05d}"} for i in range(1000)], "Quiet": True}
    )
    dt = time.time() - t0
    bad = []
    if r.get("Deleted") or r.get("Errors"):
        bad.append(f"quiet returned {len(r.get('Deleted', []))}/{len(r.get('Errors', []))}")
    if s3.list_objects_v2(Bucket=BUCKET, Prefix="dl/").get("KeyCount"):
        bad.append("left over")
    r = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": f"dl/{i:05d}"} for i in range(1000)]})
    if len(r.get("Deleted", [])) != 1000:
        bad.append(f"delete of missing keys: deleted {len(r.get('Deleted', []))} errors {len(r.get('Errors', []))}")
    o, t = fails_with(
        lambda: s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": f"dl/{i:05d}"} for i in range(1001)]}),
        "MalformedXML",
        "400",
    )
    return verdict(not bad and o, f"{bad} {dt:.2f}s/1000; 1001:{t}")


@check("10b", "DeleteObjects with checksum header only (SDK default CRC, no Content-MD5)")
def _():
    put("dm/1")
    r = s3_default.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "dm/1"}]}, ChecksumAlgorithm="CRC64NVME")
    return verdict(not r.get("Errors"), "")
