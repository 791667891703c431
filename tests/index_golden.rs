//! The golden vectors: indexes that the second implementation of the format, in `vectors/index.py`, wrote.

use std::path::Path;

use hugesync::sidecar::{Index, IndexBuilder, Remembered};

/// An object that a vector remembers: relative key, ETag, length, attributes. Byte i of its content is i modulo 251.
type Object = (&'static str, &'static str, usize, u64);

const VECTORS: [(&str, &[Object]); 3] = [
    ("index-empty.hssig", &[]),
    ("index-one.hssig", &[("index.html", "d41d8cd98f00b204e9800998ecf8427e", 0, 0)]),
    (
        "index-four.hssig",
        &[
            ("a/b.txt", "3f3789452b88cb32b8cbfbafe715e29a", 1025, 1),
            ("a/b.txt", "3f3789452b88cb32b8cbfbafe715e29a-1", 1025, 2),
            ("ä/ü\n.txt", "", 1, u64::MAX),
            ("a/c", "d70940b0f2d0a8ac92655d222ce0ecd5-2", 8193, 0x0123_4567_89AB_CDEF),
        ],
    ),
];

fn file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name)).unwrap()
}

fn hash(len: usize) -> [u8; 32] {
    let content: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
    *blake3::hash(&content).as_bytes()
}

#[test]
fn vectors_decode_to_what_they_remember() {
    for (name, objects) in VECTORS {
        let index = Index::decode(&file(name)).unwrap();
        assert_eq!(index.len(), objects.len() as u64, "{name}");
        for &(relative, etag, len, attributes) in objects {
            let content = *hash(len).first_chunk().unwrap();
            let found = index.get(relative, etag, len as u64);
            assert_eq!(found, Some(Remembered { content, attributes }), "{name}: {relative}");
        }
    }
}

#[test]
fn what_vectors_remember_encodes_to_them() {
    for (name, objects) in VECTORS {
        let mut builder = IndexBuilder::default();
        for &(relative, etag, len, attributes) in objects {
            builder.add(relative, etag, len as u64, &hash(len), attributes);
        }
        assert!(builder.encode() == file(name), "{name}");
    }
}
