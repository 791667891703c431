#!/usr/bin/env python3
"""Writes the golden vectors index-*.hssig into this folder.

A second writer of the index format, after docs/FORMAT.md, so that the vectors do not come from the code that they test.
Needs the package `blake3`.
"""

import struct
from pathlib import Path

from blake3 import blake3

CONTEXT = "hugesync 2026-11 hssig index v1 identity"


def identity(relative, etag, length):
    key = relative.encode()
    text = struct.pack("<QQ", length, len(key)) + key + etag.encode()
    return blake3(text, derive_key_context=CONTEXT).digest()[:16]


def index(*objects):
    entries = sorted(
        identity(relative, etag, len(content)) + blake3(content).digest()[:16] + struct.pack("<Q", attributes)
        for relative, etag, content, attributes in objects
    )
    body = struct.pack("<8sIIQ", b"\x89hsidx\r\n", 1, 0, len(entries)) + b"".join(entries)
    return body + blake3(body).digest()


def content(length):
    return bytes(i % 251 for i in range(length))


VECTORS = {
    "empty": [],
    "one": [("index.html", "d41d8cd98f00b204e9800998ecf8427e", b"", 0)],
    "four": [
        ("a/b.txt", "3f3789452b88cb32b8cbfbafe715e29a", content(1025), 1),
        ("a/b.txt", "3f3789452b88cb32b8cbfbafe715e29a-1", content(1025), 2),
        ("ä/ü\n.txt", "", content(1), 0xFFFFFFFFFFFFFFFF),
        ("a/c", "d70940b0f2d0a8ac92655d222ce0ecd5-2", content(8193), 0x0123456789ABCDEF),
    ],
}

for name, objects in VECTORS.items():
    Path(__file__).with_name(f"index-{name}.hssig").write_bytes(index(*objects))
