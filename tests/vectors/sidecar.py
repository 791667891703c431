#!/usr/bin/env python3
"""Writes the golden vectors sidecar-*.hssig into this folder.

A second, slow writer of the format, after docs/FORMAT.md and the published definitions of BLAKE3 and
CRC64NVME, so that the vectors do not come from the code that they test. Needs nothing but Python.
"""

import hashlib
import struct
from pathlib import Path

WORD = 0xFFFFFFFF
LONG = 0xFFFFFFFFFFFFFFFF


# BLAKE3, after the reference implementation: only the plain hash mode, and 32 bytes of output.

IV = [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19]
PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]
CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8
COLUMNS_AND_DIAGONALS = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                         (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]


def rotate(x, n):
    return (x >> n | x << (32 - n)) & WORD


def compress(value, block, counter, flags):
    """The chaining value after a block of at most 64 bytes; value and result are 32 bytes."""
    m = list(struct.unpack("<16I", block.ljust(64, b"\0")))
    h = list(struct.unpack("<8I", value))
    v = h + IV[:4] + [counter & WORD, counter >> 32, len(block), flags]
    for _ in range(7):
        for i, (a, b, c, d) in enumerate(COLUMNS_AND_DIAGONALS):
            for x, left, right in ((m[2 * i], 16, 12), (m[2 * i + 1], 8, 7)):
                v[a] = (v[a] + v[b] + x) & WORD
                v[d] = rotate(v[d] ^ v[a], left)
                v[c] = (v[c] + v[d]) & WORD
                v[b] = rotate(v[b] ^ v[c], right)
        m = [m[i] for i in PERMUTATION]
    return struct.pack("<8I", *(v[i] ^ v[i + 8] for i in range(8)))


KEY = struct.pack("<8I", *IV)


def subtree(data, offset, root):
    """The value of the BLAKE3 subtree over `data`, which lies at `offset`; the hash itself if it is the root."""
    if len(data) > 1024:
        left = 1024
        while left * 2 < len(data):
            left *= 2
        pair = subtree(data[:left], offset, 0) + subtree(data[left:], offset + left, 0)
        return compress(KEY, pair, 0, PARENT | root)
    value, blocks = KEY, [data[i:i + 64] for i in range(0, len(data), 64)] or [b""]
    for i, block in enumerate(blocks):
        last = i == len(blocks) - 1
        flags = (CHUNK_START if i == 0 else 0) | (CHUNK_END | root if last else 0)
        value = compress(value, block, offset // 1024, flags)
    return value


def blake3(data):
    return subtree(data, 0, ROOT)


def crc64nvme(data):
    crc = LONG
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x9A6C9329AC4BC9B5 if crc & 1 else 0)
    return crc ^ LONG


# The format.


def weak_sum(block):
    total = 0
    for byte in block:
        total = (total * 0x9E3779B97F4A7C15 + byte) & LONG
    return total


def claim(data, block_len, etag):
    text = (etag or "").encode()
    length = (60 + len(text) + 7) // 8 * 8
    fixed = struct.pack("<IIQQ32sI", length, block_len, len(data), crc64nvme(data), blake3(data), len(text))
    return (fixed + text).ljust(length, b"\0")


def sums(data, block_len):
    whole = ROOT if len(data) <= block_len else 0
    for at in range(0, len(data), block_len):
        block = data[at:at + block_len]
        yield struct.pack("<Q32s", weak_sum(block), subtree(block, at, whole))


def sidecar(*entries):
    body = b"".join(claim(*entry) for entry in entries)
    body += b"".join(one for data, block_len, _ in entries for one in sums(data, block_len))
    body = struct.pack("<8sIIQ", b"\x89hssig\r\n", 1, len(entries), 24 + len(body) + 32) + body
    return body + blake3(body)


def content(length):
    return bytes(i % 251 for i in range(length))


def md5(data):
    return hashlib.md5(data).hexdigest()


assert crc64nvme(b"123456789") == 0xAE8B14860A799888
# From BLAKE3's own test vectors.
assert blake3(content(1024)).hex() == "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"
assert blake3(content(8193)).hex() == "bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b"

VECTORS = {
    "empty": [(b"", 65536, md5(b""))],
    "1023": [(content(1023), 1024, md5(content(1023)))],
    "1024": [(content(1024), 1024, None)],
    "1025": [(content(1025), 1024, md5(content(1025)))],
    "two": [(content(8193), 2048, md5(content(8193)) + "-2"), (content(5000), 1024, None)],
}

for name, entries in VECTORS.items():
    Path(__file__).with_name(f"sidecar-{name}.hssig").write_bytes(sidecar(*entries))
