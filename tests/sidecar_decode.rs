//! What the decoder of sidecars takes and what it refuses: round trips, damage, and forgeries with a valid checksum.

use blake3::hazmat::HasherExt;
use hugesync::delta::{BadBlockLen, BlockLen, BlockSum, Signature, SignatureError, StrongSum, WeakSum};
use hugesync::sidecar::{
    Claim, DecodeError, Difference, EncodeError, Entry, MAX_BLOCKS, MAX_ENTRIES, MAX_ETAG_LEN, Mismatch,
    ObjectIdentity, Refusal, Sidecar, encode, encoded_len, max_encoded_len, signature_for,
};
use proptest::prelude::*;

const HEADER_LEN: usize = 24;
const CHECKSUM_LEN: usize = 32;
const SUMS_LEN: usize = 40;

/// A signature that proves itself. The weak sums and the CRC64NVME, which nothing here can prove, are made up.
fn signature(block_len: u64, content: &[u8]) -> Signature {
    let blake3 = *blake3::hash(content).as_bytes();
    let one_block = content.len() as u64 <= block_len;
    let blocks = content.chunks(block_len as usize).zip(0..).map(|(block, i)| {
        let mut hasher = blake3::Hasher::new();
        let strong =
            if one_block { blake3 } else { hasher.set_input_offset(i * block_len).update(block).finalize_non_root() };
        BlockSum { weak: WeakSum(0x0123_4567_89AB_CDEF ^ i), strong: StrongSum(strong) }
    });
    let blocks = blocks.collect();
    let block_len = BlockLen::new(block_len).unwrap();
    Signature::new(block_len, content.len() as u64, blocks, blake3, 0xFEDC_BA98_7654_3210 ^ content.len() as u64)
        .unwrap()
}

/// `len` bytes that tell versions apart.
fn content(len: usize, version: u8) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8 ^ version).collect()
}

/// What HEAD says of the object that `entry` is of, from a store that reports no CRC64NVME.
fn object(entry: &Entry<'_>) -> ObjectIdentity {
    ObjectIdentity { len: entry.signature.len(), etag: entry.etag.map(String::from), crc64nvme: None }
}

/// Makes length and checksum right again, so that a deeper check has to find what is wrong.
fn reseal(mut bytes: Vec<u8>) -> Vec<u8> {
    let len = bytes.len();
    bytes[16..24].copy_from_slice(&(len as u64).to_le_bytes());
    let checksum = blake3::hash(&bytes[..len - CHECKSUM_LEN]);
    bytes[len - CHECKSUM_LEN..].copy_from_slice(checksum.as_bytes());
    bytes
}

/// `bytes` with `patch` at `offset`, resealed.
fn patched(bytes: &[u8], offset: usize, patch: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[offset..offset + patch.len()].copy_from_slice(patch);
    reseal(bytes)
}

/// `bytes` with `more` put in at `offset`, resealed.
fn widened(bytes: &[u8], offset: usize, more: &[u8]) -> Vec<u8> {
    reseal([&bytes[..offset], more, &bytes[offset..]].concat())
}

/// Every signature of a sidecar.
fn decode_all(bytes: &[u8]) -> Result<Vec<(Claim, Signature)>, DecodeError> {
    let sidecar = Sidecar::decode(bytes)?;
    let claims = sidecar.claims().iter().cloned().enumerate();
    claims.map(|(i, claim)| Ok((claim, sidecar.signature(i)?))).collect()
}

/// The bytes that the decoded signatures are encoded to.
fn encode_all(decoded: &[(Claim, Signature)]) -> Vec<u8> {
    let entry = |(claim, signature): &'_ (Claim, Signature)| (claim.etag.clone(), signature.clone());
    let owned: Vec<_> = decoded.iter().map(entry).collect();
    let entries: Vec<_> = owned.iter().map(|(etag, signature)| Entry { etag: etag.as_deref(), signature }).collect();
    encode(&entries).unwrap()
}

/// Whether `decoded` is all that `bytes` say: they are what it is encoded to, unless a claim has more than is known here.
fn says_all(decoded: &[(Claim, Signature)], bytes: &[u8]) -> bool {
    let again = encode_all(decoded);
    again == bytes || again.len() < bytes.len()
}

/// A sidecar as a writer leaves it before it replaces an object: the new version of three blocks, the old of two.
///
/// Claims at 24 (104 bytes, ETag of 38 at 84) and 128 (64 bytes, no ETag); sums at 192 and 312; checksum at 392.
struct Pair {
    new: Signature,
    old: Signature,
    bytes: Vec<u8>,
}

const NEW_ETAG: &str = "9b2cf535f27731c974343645a3985328-10000";
const NEW_CLAIM: usize = HEADER_LEN;
const OLD_CLAIM: usize = NEW_CLAIM + 104;
const NEW_SUMS: usize = OLD_CLAIM + 64;
const OLD_SUMS: usize = NEW_SUMS + 3 * SUMS_LEN;
const END: usize = OLD_SUMS + 2 * SUMS_LEN;

fn pair() -> Pair {
    let (new, old) = (signature(1024, &content(2050, 1)), signature(1024, &content(1025, 0)));
    let entries = [Entry { etag: Some(NEW_ETAG), signature: &new }, Entry { etag: None, signature: &old }];
    let bytes = encode(&entries).unwrap();
    assert_eq!(bytes.len(), END + CHECKSUM_LEN);
    Pair { new, old, bytes }
}

fn arbitrary_entries() -> impl Strategy<Value = Vec<(Option<String>, Signature)>> {
    let etag = proptest::option::of(any::<[char; 7]>().prop_map(String::from_iter));
    let sum = (0..=2u32, 0..5000usize, any::<u8>())
        .prop_map(|(power, len, version)| signature(1024 << power, &content(len, version)));
    proptest::collection::vec((etag, sum), 1..=MAX_ENTRIES)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn what_is_encoded_is_decoded(owned in arbitrary_entries()) {
        let entries: Vec<_> = owned.iter().map(|(etag, signature)| Entry { etag: etag.as_deref(), signature }).collect();
        let bytes = encode(&entries).unwrap();
        prop_assert_eq!(bytes.len() as u64, encoded_len(&entries));
        let decoded = decode_all(&bytes).unwrap();
        prop_assert_eq!(decoded.len(), entries.len());
        for ((claim, signature), entry) in decoded.iter().zip(&entries) {
            prop_assert_eq!(signature, entry.signature);
            prop_assert_eq!(claim.etag.as_deref(), entry.etag);
            prop_assert_eq!(claim.len, signature.len());
            prop_assert_eq!(claim.block_len, signature.block_len());
            prop_assert_eq!(&claim.blake3, signature.blake3());
            prop_assert_eq!(claim.crc64nvme, signature.crc64nvme());
            let object = ObjectIdentity { crc64nvme: Some(claim.crc64nvme), ..object(entry) };
            let found = signature_for(&bytes, &object).unwrap();
            prop_assert_eq!((found.len(), found.crc64nvme()), (object.len, claim.crc64nvme));
        }
        prop_assert_eq!(encode_all(&decoded), bytes);
    }

    /// Damage that the checksum does not see is either refused or is what the bytes now say: nothing is passed over.
    #[test]
    fn forged_bytes_are_refused_or_mean_what_they_say(
        owned in arbitrary_entries(),
        patches in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
        cut in 0..3usize,
    ) {
        let entries: Vec<_> = owned.iter().map(|(etag, signature)| Entry { etag: etag.as_deref(), signature }).collect();
        let mut bytes = encode(&entries).unwrap();
        // Half of them among the claims, where there is more to get wrong.
        let len = bytes.len();
        for (i, (at, value)) in patches.iter().enumerate() {
            bytes[at.index(if i % 2 == 0 { len.min(300) } else { len })] = *value;
        }
        bytes.truncate(len - cut * 4);
        let bytes = reseal(bytes);
        if let Ok(decoded) = decode_all(&bytes) {
            prop_assert!(says_all(&decoded, &bytes));
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Sidecar::decode(&bytes).is_err());
    }

    #[test]
    fn arbitrary_claims_do_no_harm(body in proptest::collection::vec(any::<u8>(), 0..400), entries in 1..=4u32) {
        let mut bytes = pair().bytes[..HEADER_LEN].to_vec();
        bytes[12..16].copy_from_slice(&entries.to_le_bytes());
        bytes.extend(body);
        bytes.extend([0; CHECKSUM_LEN]);
        prop_assert!(Sidecar::decode(&reseal(bytes)).is_err());
    }
}

#[test]
fn truncation_is_refused_at_every_length() {
    let bytes = pair().bytes;
    let whole = bytes.len();
    for len in 0..whole {
        // Without its header it cannot say how long it should be: at least header and checksum.
        let expected = if len < HEADER_LEN + CHECKSUM_LEN { HEADER_LEN + CHECKSUM_LEN } else { whole } as u64;
        let error = DecodeError::Truncated { expected, found: len as u64 };
        assert_eq!(Sidecar::decode(&bytes[..len]).unwrap_err(), error);
    }
    for len in HEADER_LEN + CHECKSUM_LEN..whole {
        let error = Sidecar::decode(&reseal(bytes[..len].to_vec())).unwrap_err();
        assert!(
            matches!(error, DecodeError::ClaimLen { .. } | DecodeError::SumsLen { .. }),
            "{len} bytes, resealed: {error}"
        );
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    let bytes = pair().bytes;
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(Sidecar::decode(&flipped).is_err(), "bit {bit}");
    }
}

#[test]
fn every_flipped_bit_under_a_valid_checksum_is_refused_or_means_what_it_says() {
    let Pair { bytes, .. } = pair();
    let mut accepted = Vec::new();
    for bit in 0..END * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        // The length is made right again, so that a flip in it is none.
        let flipped = reseal(flipped);
        if let Ok(decoded) = decode_all(&flipped) {
            assert!(says_all(&decoded, &flipped), "bit {bit}");
            accepted.push(bit / 8);
        }
    }
    accepted.dedup();
    // What no proof covers: the length field (see above), the length of a short last block, the CRC64NVME, the ETag and
    // its length, and the weak sums. None of them can do worse than to name another object, or to hide or to suggest a match that
    // the strong sum then decides.
    let provable = |byte: &usize| {
        let in_claim = |claim: usize, etag_len: usize| {
            (claim + 8..claim + 24).contains(byte) || (claim + 56..claim + 60 + etag_len).contains(byte)
        };
        let in_weak_sum = *byte >= NEW_SUMS && (byte - NEW_SUMS) % SUMS_LEN < 8;
        let in_len = (16..24).contains(byte);
        !(in_len || in_claim(NEW_CLAIM, NEW_ETAG.len()) || in_claim(OLD_CLAIM, 0) || in_weak_sum)
    };
    assert_eq!(
        accepted.into_iter().filter(provable).collect::<Vec<_>>(),
        Vec::<usize>::new(),
        "bytes whose flips were accepted"
    );
}

#[test]
fn forgeries_are_refused_by_the_check_that_is_meant_for_them() {
    let bytes = &pair().bytes;
    let block_len = |value: u32| patched(bytes, OLD_CLAIM + 4, &value.to_le_bytes());
    let object_len = |value: u64| patched(bytes, OLD_CLAIM + 8, &value.to_le_bytes());
    let entries = |value: u32| patched(bytes, 12, &value.to_le_bytes());
    let claim_len = |claim: usize, value: u32| patched(bytes, claim, &value.to_le_bytes());
    let etag_len = |claim: usize, value: u32| patched(bytes, claim + 56, &value.to_le_bytes());
    let bad_block_len = |value| DecodeError::BlockLen { entry: 1, source: BadBlockLen(value) };
    let bad_claim_len = |entry, len, min, max| DecodeError::ClaimLen { entry, len, min, max };
    // What is left for the claims from the first and from the second on.
    let (first, second) = (END - NEW_CLAIM, END - OLD_CLAIM);

    let cases = [
        ("no magic", patched(bytes, 0, b"PK"), DecodeError::NotASidecar),
        ("magic through a text conversion", patched(bytes, 6, b"\n\n"), DecodeError::NotASidecar),
        ("version 0", patched(bytes, 8, &[0]), DecodeError::NotASidecar),
        ("version 2", patched(bytes, 8, &[2]), DecodeError::NewerVersion(2)),
        ("last version", patched(bytes, 8, &[255; 4]), DecodeError::NewerVersion(u32::MAX)),
        ("no entries", entries(0), DecodeError::EntryCount(0)),
        ("one entry too many", entries(5), DecodeError::EntryCount(5)),
        ("huge count of entries", entries(u32::MAX), DecodeError::EntryCount(u32::MAX)),
        ("an entry hidden", entries(1), DecodeError::SumsLen { blocks: 3, found: second as u64 }),
        ("sums read as a claim", entries(3), bad_claim_len(2, 0x89AB_CDEF, 64, END - NEW_SUMS)),
        ("block length 0", block_len(0), bad_block_len(0)),
        ("block length no power of two", block_len(1536), bad_block_len(1536)),
        ("block length below a chunk", block_len(512), bad_block_len(512)),
        ("block length of 8 MiB", block_len(8 << 20), bad_block_len(8 << 20)),
        ("huge block length", block_len(u32::MAX), bad_block_len(u64::from(u32::MAX))),
        ("one block too few", block_len(2048), DecodeError::SumsLen { blocks: 4, found: 200 }),
        ("empty object with sums", object_len(0), DecodeError::SumsLen { blocks: 3, found: 200 }),
        ("one block too many", object_len(2049), DecodeError::SumsLen { blocks: 6, found: 200 }),
        (
            "as many blocks as are allowed",
            object_len(MAX_BLOCKS * 1024),
            DecodeError::SumsLen { blocks: 3 + MAX_BLOCKS, found: 200 },
        ),
        (
            "one block more than is allowed",
            object_len(MAX_BLOCKS * 1024 + 1),
            DecodeError::TooManyBlocks { entry: 1, blocks: MAX_BLOCKS + 1 },
        ),
        ("huge object", object_len(u64::MAX), DecodeError::TooManyBlocks { entry: 1, blocks: 1 << 54 }),
        ("claim of no length", claim_len(NEW_CLAIM, 0), bad_claim_len(0, 0, 64, first)),
        ("claim shorter than itself", claim_len(NEW_CLAIM, 56), bad_claim_len(0, 56, 64, first)),
        ("claim shorter than its ETag", claim_len(NEW_CLAIM, 96), bad_claim_len(0, 96, 104, first)),
        ("claim of odd length", claim_len(NEW_CLAIM, 105), bad_claim_len(0, 105, 64, first)),
        ("claim past the end", claim_len(OLD_CLAIM, 272), bad_claim_len(1, 272, 64, second)),
        ("huge claim", claim_len(NEW_CLAIM, u32::MAX), bad_claim_len(0, u32::MAX, 64, first)),
        (
            "claim above the limit",
            widened(&claim_len(OLD_CLAIM, 4104), OLD_CLAIM + 64, &[0; 4040]),
            bad_claim_len(1, 4104, 64, 4096),
        ),
        ("ETag longer than its claim", etag_len(OLD_CLAIM, 5), bad_claim_len(1, 64, 72, second)),
        ("ETag above the limit", etag_len(OLD_CLAIM, 1025), DecodeError::EtagLen { entry: 1, len: 1025 }),
        ("huge ETag", etag_len(OLD_CLAIM, u32::MAX), DecodeError::EtagLen { entry: 1, len: u32::MAX }),
        (
            "ETag that is no text",
            patched(bytes, NEW_CLAIM + 60 + 7, &[0xFF]),
            DecodeError::EtagText { entry: 0, valid: 7 },
        ),
        ("padding that is used", patched(bytes, OLD_CLAIM + 63, &[1]), DecodeError::Padding { entry: 1 }),
        ("ETag cut into the padding", etag_len(NEW_CLAIM, 37), DecodeError::Padding { entry: 0 }),
        ("sums too many", widened(bytes, END, &[0; 40]), DecodeError::SumsLen { blocks: 5, found: 240 }),
        ("garbage behind the sums", widened(bytes, END, &[0]), DecodeError::SumsLen { blocks: 5, found: 201 }),
    ];
    for (name, forged, expected) in cases {
        assert_eq!(Sidecar::decode(&forged).map(|_| ()), Err(expected), "{name}");
    }
}

#[test]
fn sums_that_do_not_merge_to_the_root_are_refused_and_the_other_signature_is_not() {
    let Pair { new, old, bytes } = pair();
    let refused = Err(DecodeError::Proof { entry: 1, source: SignatureError::Root });
    let swapped = [&bytes[OLD_SUMS + SUMS_LEN..END], &bytes[OLD_SUMS..OLD_SUMS + SUMS_LEN]].concat();
    let cases = [
        ("wrong root", patched(&bytes, OLD_CLAIM + 24, &[old.blake3()[0] ^ 1])),
        ("root of the other", patched(&bytes, OLD_CLAIM + 24, new.blake3())),
        ("wrong strong sum", patched(&bytes, OLD_SUMS + 8, &[old.blocks()[0].strong.0[0] ^ 1])),
        ("sums in another order", patched(&bytes, OLD_SUMS, &swapped)),
        ("sums of zero", patched(&bytes, OLD_SUMS, &[0; 80])),
    ];
    for (name, forged) in cases {
        let sidecar = Sidecar::decode(&forged).unwrap();
        assert_eq!(sidecar.signature(1), refused, "{name}");
        assert_eq!(sidecar.signature(0).as_ref(), Ok(&new), "{name}");
    }
}

#[test]
fn wrong_root_of_a_single_block_and_of_an_empty_file_is_refused() {
    for len in [0, 1, 1024] {
        let signature = signature(1024, &content(len, 0));
        let bytes = encode(&[Entry { etag: None, signature: &signature }]).unwrap();
        let forged = patched(&bytes, NEW_CLAIM + 24, &[signature.blake3()[0] ^ 1]);
        let refused = Err(DecodeError::Proof { entry: 0, source: SignatureError::Root });
        assert_eq!(Sidecar::decode(&forged).unwrap().signature(0), refused, "{len} bytes");
    }
}

#[test]
fn bytes_behind_the_end_are_refused() {
    let mut bytes = pair().bytes;
    let expected = bytes.len() as u64;
    bytes.push(0);
    let error = DecodeError::TrailingBytes { expected, found: expected + 1 };
    assert_eq!(Sidecar::decode(&bytes).unwrap_err(), error);
}

#[test]
fn wrong_checksum_is_refused() {
    let mut bytes = pair().bytes;
    *bytes.last_mut().unwrap() ^= 1;
    assert_eq!(Sidecar::decode(&bytes).unwrap_err(), DecodeError::Checksum(END as u64));
}

#[test]
fn what_a_later_version_adds_to_a_claim_is_skipped() {
    let Pair { new, old, bytes } = pair();
    let longer = patched(&bytes, OLD_CLAIM, &88u32.to_le_bytes());
    let longer = widened(&longer, OLD_CLAIM + 64, b"an added field of 24 b. ");
    let sidecar = Sidecar::decode(&longer).unwrap();
    assert_eq!(sidecar.signature(0), Ok(new));
    assert_eq!(sidecar.signature(1), Ok(old));

    let longest = patched(&bytes, OLD_CLAIM, &4096u32.to_le_bytes());
    assert!(Sidecar::decode(&widened(&longest, OLD_CLAIM + 64, &[7; 4032])).is_ok());
}

#[test]
fn the_object_that_stands_gets_its_signature_before_and_after_it_is_replaced() {
    let Pair { new, old, bytes } = pair();
    let before = ObjectIdentity { len: 1025, etag: Some("old".into()), crc64nvme: Some(old.crc64nvme()) };
    let after = ObjectIdentity { len: 2050, etag: Some(NEW_ETAG.into()), crc64nvme: None };
    assert_eq!(signature_for(&bytes, &before), Ok(old));
    assert_eq!(signature_for(&bytes, &after), Ok(new));
}

#[test]
fn a_sidecar_of_another_object_is_refused_and_says_why() {
    let Pair { new, old, bytes } = pair();
    let object = ObjectIdentity { len: 2050, etag: Some("\u{7}".into()), crc64nvme: None };
    let refusal = signature_for(&bytes, &object).unwrap_err();
    let differences = vec![
        Difference::Etag { claimed: NEW_ETAG.into(), object: "\u{7}".into() },
        Difference::Len { claimed: old.len(), object: 2050 },
    ];
    assert_eq!(refusal, Refusal::Foreign(Mismatch(differences)));
    assert_eq!(
        refusal.to_string(),
        "no signature in the sidecar is of the object that stands: \
         its ETag is \"9b2cf535f27731c974343645a3985328-10000\", not \"\\u{7}\"; its length is 1025, not 2050"
    );

    // The old version of the same length with the ETag that the writer foresaw for the new one: the content decides.
    let object = ObjectIdentity { len: 2050, etag: Some(NEW_ETAG.into()), crc64nvme: Some(!new.crc64nvme()) };
    assert!(matches!(signature_for(&bytes, &object), Err(Refusal::Foreign(_))));
}

#[test]
fn a_newer_sidecar_says_so() {
    let refusal =
        signature_for(&patched(&pair().bytes, 8, &[2]), &object(&Entry { etag: None, signature: &pair().old }));
    assert_eq!(
        refusal.unwrap_err().to_string(),
        "made by a newer hugesync: format version 2, and this one reads up to version 1"
    );
}

#[test]
fn what_fits_into_no_sidecar_is_not_encoded() {
    let signature = signature(1024, b"abc");
    let entry = Entry { etag: None, signature: &signature };
    assert_eq!(encode(&[]), Err(EncodeError::EntryCount(0)));
    assert_eq!(encode(&[entry; MAX_ENTRIES + 1]), Err(EncodeError::EntryCount(5)));
    assert!(encode(&[entry; MAX_ENTRIES]).is_ok());
    assert_eq!(encode(&[Entry { etag: Some(""), ..entry }]), Err(EncodeError::EtagLen(0)));
    let long = "e".repeat(MAX_ETAG_LEN + 1);
    assert_eq!(encode(&[Entry { etag: Some(&long), ..entry }]), Err(EncodeError::EtagLen(1025)));
    let longest = Entry { etag: Some(&long[1..]), ..entry };
    let bytes = encode(&[longest]).unwrap();
    assert_eq!(signature_for(&bytes, &object(&longest)), Ok(signature));
}

#[test]
fn a_sidecar_in_the_shortest_blocks_may_be_fetched() {
    let signature = signature(1024, &content(5000, 0));
    let etag = "e".repeat(MAX_ETAG_LEN);
    let entry = Entry { etag: Some(&etag), signature: &signature };
    assert!(encoded_len(&[entry; 2]) <= max_encoded_len(signature.len()));
}
