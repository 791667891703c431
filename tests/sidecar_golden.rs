//! The golden vectors: sidecars that the second implementation of the format, in `vectors/sidecar.py`, wrote.

use std::path::Path;

use hugesync::delta::{BlockLen, Signature, SignatureBuilder, sum_range};
use hugesync::sidecar::{Claim, Entry, Sidecar, encode};

/// One signature of a vector.
struct Expected {
    /// Length of the object, of which byte i is i modulo 251.
    len: usize,
    /// Length of its blocks.
    block_len: u64,
    etag: Option<&'static str>,
    /// In hex; those of BLAKE3's own test vectors, but for the object of 5000 bytes.
    blake3: &'static str,
    crc64nvme: u64,
}

const VECTORS: [(&str, &[Expected]); 5] = [
    (
        "sidecar-empty.hssig",
        &[Expected {
            len: 0,
            block_len: 65_536,
            etag: Some("d41d8cd98f00b204e9800998ecf8427e"),
            blake3: "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
            crc64nvme: 0,
        }],
    ),
    (
        "sidecar-1023.hssig",
        &[Expected {
            len: 1023,
            block_len: 1024,
            etag: Some("7437d7a881387db7c41cf6930ab5e35d"),
            blake3: "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11",
            crc64nvme: 0xDD84_E1FE_F491_AC87,
        }],
    ),
    (
        "sidecar-1024.hssig",
        &[Expected {
            len: 1024,
            block_len: 1024,
            etag: None,
            blake3: "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
            crc64nvme: 0xFEE9_5DC7_ADAC_063F,
        }],
    ),
    (
        "sidecar-1025.hssig",
        &[Expected {
            len: 1025,
            block_len: 1024,
            etag: Some("3f3789452b88cb32b8cbfbafe715e29a"),
            blake3: "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
            crc64nvme: 0x034A_BA81_0177_91D2,
        }],
    ),
    (
        "sidecar-two.hssig",
        &[
            Expected {
                len: 8193,
                block_len: 2048,
                etag: Some("d70940b0f2d0a8ac92655d222ce0ecd5-2"),
                blake3: "bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b",
                crc64nvme: 0xF211_00D1_6C4D_3446,
            },
            Expected {
                len: 5000,
                block_len: 1024,
                etag: None,
                blake3: "ee78d92070de3df1c57c37002abf0a6b1a6589acdeef4d8ffac7cf3d9e8f2836",
                crc64nvme: 0xC100_C135_01F5_957A,
            },
        ],
    ),
];

/// A file of this package.
fn file(path: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sign(expected: &Expected) -> Signature {
    let content: Vec<u8> = (0..expected.len).map(|i| (i % 251) as u8).collect();
    let block_len = BlockLen::new(expected.block_len).unwrap();
    let mut builder = SignatureBuilder::new(block_len, content.len() as u64);
    builder.add(sum_range(&content, 0, content.len() as u64, block_len));
    builder.finish().unwrap().0
}

#[test]
fn vectors_decode_to_what_they_are_of() {
    for (name, expected) in VECTORS {
        let bytes = file(&format!("tests/vectors/{name}"));
        let sidecar = Sidecar::decode(&bytes).unwrap();
        assert_eq!(sidecar.claims().len(), expected.len(), "{name}");
        for (entry, expected) in expected.iter().enumerate() {
            let signature = sidecar.signature(entry).unwrap();
            assert_eq!(signature, sign(expected), "{name}, signature {entry}");
            assert_eq!(hex(signature.blake3()), expected.blake3, "{name}, signature {entry}");
            let claim = Claim {
                block_len: BlockLen::new(expected.block_len).unwrap(),
                len: expected.len as u64,
                blake3: *signature.blake3(),
                crc64nvme: expected.crc64nvme,
                etag: expected.etag.map(String::from),
            };
            assert_eq!(sidecar.claims()[entry], claim, "{name}, signature {entry}");
        }
    }
}

#[test]
fn what_vectors_are_of_encodes_to_them() {
    for (name, expected) in VECTORS {
        let signatures: Vec<_> = expected.iter().map(sign).collect();
        let etags = expected.iter().map(|expected| expected.etag);
        let entries: Vec<_> = etags.zip(&signatures).map(|(etag, signature)| Entry { etag, signature }).collect();
        assert_eq!(hex(&encode(&entries).unwrap()), hex(&file(&format!("tests/vectors/{name}"))), "{name}");
    }
}

/// The example in the description of the format is the vector, byte for byte and at the offsets that it gives.
#[test]
fn the_documented_example_is_the_vector() {
    let document = String::from_utf8(file("docs/FORMAT.md")).unwrap();
    let example = document.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let mut documented = Vec::new();
    for line in example.lines() {
        let (offset, rest) = line.trim_start().split_once("  ").unwrap();
        assert_eq!(offset, documented.len().to_string(), "{line}");
        let bytes = rest.split("  ").next().unwrap();
        documented.extend(bytes.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()));
    }
    assert_eq!(hex(&documented), hex(&file("tests/vectors/sidecar-1025.hssig")));
}
