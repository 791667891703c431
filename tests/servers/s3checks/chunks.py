"""Bodies in aws-chunked encoding, signed and unsigned."""

import hashlib
import hmac
import urllib.parse

import requests
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .base import (
    BUCKET,
    MiB,
    abort,
    args,
    check,
    complete,
    crc32,
    crc32c,
    crc64nvme,
    create_upload,
    error_code,
    get,
    md5,
    new_key,
    part,
    random_bytes,
    s3,
    s3_default,
    sha256,
    verdict,
)


def signed_request(method, path, headers, body, sha="UNSIGNED-PAYLOAD", query=""):
    url = args.endpoint.rstrip("/") + urllib.parse.quote(path) + query
    cr = Credentials(args.ak, args.sk)
    headers = dict(headers)
    headers["x-amz-content-sha256"] = sha
    rq = AWSRequest(method=method, url=url, headers=headers, data=None)

    class Au(S3SigV4Auth):
        def payload(self, request):
            return sha

        def _modify_request_before_signing(self, request):
            super()._modify_request_before_signing(request)
            if "X-Amz-Content-SHA256" in request.headers:
                del request.headers["X-Amz-Content-SHA256"]
            request.headers["X-Amz-Content-SHA256"] = sha

    au = Au(cr, "s3", args.region)
    au.add_auth(rq)
    h = dict(rq.headers)
    return requests.request(method, url, headers=h, data=body, timeout=60, verify=False), h


def aws_chunked(d, algo, val, size=65536):
    out = b"".join(b"%x\r\n" % len(d[i : i + size]) + d[i : i + size] + b"\r\n" for i in range(0, len(d), size))
    return out + b"0\r\n" + f"x-amz-checksum-{algo}:{val}\r\n\r\n".encode()


@check("11a", "aws-chunked STREAMING-UNSIGNED-PAYLOAD-TRAILER crc64nvme/crc32/sha256 right, bytes ok")
def _():
    d = random_bytes(200_000)
    bad = []
    for algo, f in (("crc64nvme", crc64nvme), ("crc32", crc32), ("crc32c", crc32c), ("sha256", sha256)):
        key = new_key("ch/")
        body = aws_chunked(d, algo, f(d))
        r, _ = signed_request(
            "PUT",
            f"/{BUCKET}/{key}",
            {
                "Content-Encoding": "aws-chunked",
                "x-amz-decoded-content-length": str(len(d)),
                "x-amz-trailer": f"x-amz-checksum-{algo}",
                "Content-Length": str(len(body)),
            },
            body,
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        )
        if r.status_code != 200:
            bad.append(f"{algo}: {error_code(r)}")
            continue
        if get(key) != d:
            bad.append(
                f"{algo}: stored bytes differ ({s3.head_object(Bucket=BUCKET, Key=key)['ContentLength']} vs {len(d)})"
            )
        h = s3.head_object(Bucket=BUCKET, Key=key, ChecksumMode="ENABLED")
        if h.get("ContentEncoding") not in (None, ""):
            bad.append(f"{algo}: ContentEncoding={h.get('ContentEncoding')!r} leaked")
        if h.get("Checksum" + algo.upper()) != f(d):
            bad.append(f"{algo}: not stored")
    return verdict(not bad, bad)


@check("11b", "aws-chunked trailer with WRONG checksum => BadDigest, object not written")
def _():
    d = random_bytes(100_000)
    key = new_key("ch/")
    body = aws_chunked(d, "crc64nvme", crc64nvme(b"zz"))
    r, _ = signed_request(
        "PUT",
        f"/{BUCKET}/{key}",
        {
            "Content-Encoding": "aws-chunked",
            "x-amz-decoded-content-length": str(len(d)),
            "x-amz-trailer": "x-amz-checksum-crc64nvme",
            "Content-Length": str(len(body)),
        },
        body,
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    )
    return verdict(r.status_code == 400, error_code(r) if r.status_code != 200 else "accepted (200)")


@check("11c", "aws-chunked UNSIGNED trailer on UploadPart")
def _():
    d = random_bytes(100_000)
    key = new_key("ch/")
    u = create_upload(key, ChecksumAlgorithm="CRC64NVME", ChecksumType="FULL_OBJECT")
    body = aws_chunked(d, "crc64nvme", crc64nvme(d))
    r, _ = signed_request(
        "PUT",
        f"/{BUCKET}/{key}",
        {
            "Content-Encoding": "aws-chunked",
            "x-amz-decoded-content-length": str(len(d)),
            "x-amz-trailer": "x-amz-checksum-crc64nvme",
            "Content-Length": str(len(body)),
        },
        body,
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        f"?partNumber=1&uploadId={urllib.parse.quote(u, safe='')}",
    )
    if r.status_code != 200:
        abort(key, u)
        return "FAIL", error_code(r)
    complete(key, u, [part(1, r.headers["ETag"])])
    return verdict(get(key) == d, f"etag md5={r.headers['ETag'].strip(chr(34)) == md5(d)}")


@check("11d", "boto3 default (when_supported) put_object + upload_fileobj 20 MiB")
def _():
    import io

    d = random_bytes(20 * MiB)
    s3_default.put_object(Bucket=BUCKET, Key="ch/def", Body=d[:100])
    s3_default.upload_fileobj(io.BytesIO(d), BUCKET, "ch/fo")
    h = s3.head_object(Bucket=BUCKET, Key="ch/fo", ChecksumMode="ENABLED")
    return verdict(get("ch/fo") == d, {x: h[x] for x in h if x.startswith("Checksum")})


@check("11e", "signed chunks STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
def _():
    d = random_bytes(150_000)
    key = new_key("ch/")
    cs = 65536
    pieces = [d[i : i + cs] for i in range(0, len(d), cs)] + [b""]
    blen = sum(len(b"%x;chunk-signature=" % len(p)) + 64 + 2 + len(p) + 2 for p in pieces)
    url = f"{args.endpoint.rstrip('/')}/{BUCKET}/{key}"
    sha = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    rq = AWSRequest(
        method="PUT",
        url=url,
        headers={
            "Content-Encoding": "aws-chunked",
            "x-amz-decoded-content-length": str(len(d)),
            "Content-Length": str(blen),
            "X-Amz-Content-SHA256": sha,
        },
    )

    class Au(S3SigV4Auth):
        def payload(self, request):
            return sha

        def _modify_request_before_signing(self, request):
            super()._modify_request_before_signing(request)
            del request.headers["X-Amz-Content-SHA256"]
            request.headers["X-Amz-Content-SHA256"] = sha

    Au(Credentials(args.ak, args.sk), "s3", args.region).add_auth(rq)
    h = dict(rq.headers)
    date = h["X-Amz-Date"]
    day = date[:8]
    scope = f"{day}/{args.region}/s3/aws4_request"
    prev = h["Authorization"].split("Signature=")[1]
    sk = ("AWS4" + args.sk).encode()
    for x in (day, args.region, "s3", "aws4_request"):
        sk = hmac.new(sk, x.encode(), hashlib.sha256).digest()
    out = b""
    for p in pieces:
        sts = "\n".join(
            [
                "AWS4-HMAC-SHA256-PAYLOAD",
                date,
                scope,
                prev,
                hashlib.sha256(b"").hexdigest(),
                hashlib.sha256(p).hexdigest(),
            ]
        )
        prev = hmac.new(sk, sts.encode(), hashlib.sha256).hexdigest()
        out += b"%x;chunk-signature=%s\r\n" % (len(p), prev.encode()) + p + b"\r\n"
    r = requests.put(url, data=out, headers=h, timeout=60)
    return verdict(r.status_code == 200 and get(key) == d, error_code(r) if r.status_code != 200 else "200")
