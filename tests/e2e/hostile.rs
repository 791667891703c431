//! Sidecars that lie: each costs a whole upload and a warning that says why, and nothing else.

use super::support::{Target, noise, side_by_side};

/// Bytes of the checksum at a sidecar's end (docs/FORMAT.md).
const CHECKSUM_LEN: usize = 32;
/// Where the fields of the first claim lie (docs/FORMAT.md).
const VERSION: usize = 8;
const ENTRIES: usize = 12;
const SIDECAR_LEN: usize = 16;
const CLAIM_LEN: usize = 24;
const BLOCK_LEN: usize = 28;
const OBJECT_LEN: usize = 32;
const CRC64NVME: usize = 40;
const BLAKE3: usize = 48;
const ETAG_LEN: usize = 80;

const LEN: usize = 12 << 20;

/// A change to a sound sidecar that keeps its checksum right.
fn forged(sidecar: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut forged = sidecar.to_vec();
    forged[at..at + bytes.len()].copy_from_slice(bytes);
    resealed(forged)
}

fn resealed(mut sidecar: Vec<u8>) -> Vec<u8> {
    let end = sidecar.len() - CHECKSUM_LEN;
    let checksum = *blake3::hash(&sidecar[..end]).as_bytes();
    sidecar[end..].copy_from_slice(&checksum);
    sidecar
}

#[test]
fn are_refused_with_the_reason() {
    let target = Target::start();
    let old = noise(1, LEN);
    let new = [b"?", &old[..]].concat();
    let sound = sidecar_of(&target, &old);
    let foreign = sidecar_of(&target, &noise(2, LEN + 5));
    let same_len = sidecar_of(&target, &noise(3, LEN));
    let first_sum = CLAIM_LEN + u32::from_le_bytes(sound[CLAIM_LEN..CLAIM_LEN + 4].try_into().unwrap()) as usize;
    let mut flipped = sound.clone();
    flipped[sound.len() / 2] ^= 1;
    let huge = u64::MAX.to_le_bytes();
    let rows: Vec<(Vec<u8>, &str)> = vec![
        (forged(&sound, BLAKE3, &[0; 32]), "does not prove itself"),
        (forged(&sound, first_sum + 8, &[0; 32]), "does not prove itself"),
        (forged(&sound, BLOCK_LEN, &[0; 4]), "impossible block length"),
        (forged(&sound, BLOCK_LEN, &3000u32.to_le_bytes()), "impossible block length"),
        (forged(&sound, OBJECT_LEN, &huge), "blocks where at most"),
        (forged(&sound, OBJECT_LEN, &(1u64 << 33).to_le_bytes()), "bytes of sums"),
        (forged(&sound, ENTRIES, &u32::MAX.to_le_bytes()), "signatures where a sidecar holds 1 to"),
        (forged(&sound, ENTRIES, &[0; 4]), "0 signatures where a sidecar holds 1 to"),
        (forged(&sound, SIDECAR_LEN, &huge), "truncated"),
        (forged(&sound, CLAIM_LEN, &u32::MAX.to_le_bytes()), "claim of signature 0"),
        (forged(&sound, ETAG_LEN, &u32::MAX.to_le_bytes()), "ETag of signature 0"),
        (forged(&sound, CRC64NVME, &[0; 8]), "its CRC64NVME is 0000000000000000, not"),
        (forged(&sound, VERSION, &2u32.to_le_bytes()), "made by a newer hugesync: format version 2"),
        (sound[..sound.len() / 2].to_vec(), "truncated"),
        (sound[..5].to_vec(), "truncated"),
        ([&sound[..], b"more"].concat(), "bytes where the sidecar says"),
        (flipped, "the checksum over"),
        (foreign, "no signature in the sidecar is of the object that stands: its length is"),
        (same_len, "no signature in the sidecar is of the object that stands: its CRC64NVME is"),
        (Vec::new(), "truncated"),
        (noise(4, 20_000), "does not begin as a sidecar"),
        (vec![0; 100_000_000], "longer than"),
    ];
    let path = target.file("new.img", &new);
    let whys: Vec<&str> = rows.iter().map(|(_, why)| *why).collect();
    side_by_side(&whys, |index, why| {
        let key = format!("{index:02}.img");
        target.put(&key, &old);
        target.put(&format!("{key}.hssig"), &rows[index].0);
        let run = target.sync(&path, &key, &[]).ok();
        assert_eq!(run.number("bytes_uploaded"), new.len() as u64, "{}", run.text());
        assert!(run.verified(), "{}", run.text());
        assert!(run.warnings().contains(why), "{}", run.text());
        assert!(run.stderr.contains(why), "a person sees it too: {}", run.text());
        assert!(run.number("bytes_sidecar_down") < 10_000_000, "what is too long is not fetched");
        target.assert_holds(&key, &new);
        // Cured: the next run finds a good one.
        let run = target.sync(&path, &key, &[]).ok();
        assert_eq!((run.of_file("action").as_str(), run.warnings().as_str()), ("unchanged", ""), "{}", run.text());
    });
}

/// A sidecar that proves itself and names the object by length and CRC64NVME, but is of other bytes: what the store
/// copies is compared with the local file, and found out.
#[test]
fn of_other_bytes_are_found_out_by_the_copies() {
    let target = Target::start();
    let (old, claimed) = (noise(1, LEN), noise(2, LEN));
    let new = [b"?", &claimed[..]].concat();
    let lie = bound_to(&sidecar_of(&target, &claimed), &sidecar_of(&target, &old));
    target.put("x.img", &old);
    target.put("x.img.hssig", &lie);
    let run = target.sync(target.file("new.img", &new), "x.img", &[]).ok();
    assert!(run.verified() && run.warnings().contains("uploading the whole file instead"), "{}", run.text());
    target.assert_holds("x.img", &new);
    assert_eq!(target.unfinished(), [""; 0]);
}

/// The same lie, of exactly the bytes that the local file has: every block seems to be there already. The store's
/// CRC64NVME of the object says otherwise.
#[test]
fn of_the_local_file_itself_do_not_make_it_unchanged() {
    let target = Target::start();
    let (old, new) = (noise(1, LEN), noise(2, LEN));
    let lie = bound_to(&sidecar_of(&target, &new), &sidecar_of(&target, &old));
    target.put("x.img", &old);
    target.put("x.img.hssig", &lie);
    let run = target.sync(target.file("new.img", &new), "x.img", &[]).ok();
    assert!(run.verified(), "{}", run.text());
    assert_eq!(run.number("bytes_uploaded"), LEN as u64, "{}", run.text());
    assert!(run.warnings().contains("the sidecar is not of the object"), "{}", run.text());
    target.assert_holds("x.img", &new);
}

/// Weak sums prove nothing and are not proved: wrong ones hide matches, and that is all.
#[test]
fn with_wrong_weak_sums_only_cost() {
    let target = Target::start();
    let old = noise(1, LEN);
    let new = [b"?", &old[..]].concat();
    let mut lie = sidecar_of(&target, &old);
    let end = lie.len() - CHECKSUM_LEN;
    let first_sum = CLAIM_LEN + u32::from_le_bytes(lie[CLAIM_LEN..CLAIM_LEN + 4].try_into().unwrap()) as usize;
    for sums in lie[first_sum..end].chunks_mut(40) {
        sums[..8].fill(7);
    }
    target.put("x.img", &old);
    target.put("x.img.hssig", resealed(lie));
    let run = target.sync(target.file("new.img", &new), "x.img", &[]).ok();
    assert!(run.verified(), "{}", run.text());
    target.assert_holds("x.img", &new);
}

/// `sidecar` with the length, CRC64NVME and ETag that another one claims.
fn bound_to(sidecar: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bound = forged(sidecar, OBJECT_LEN, &other[OBJECT_LEN..BLAKE3]);
    if sidecar[ETAG_LEN..ETAG_LEN + 4] == other[ETAG_LEN..ETAG_LEN + 4] {
        let len = u32::from_le_bytes(other[ETAG_LEN..ETAG_LEN + 4].try_into().unwrap()) as usize;
        bound = forged(&bound, ETAG_LEN + 4, &other[ETAG_LEN + 4..ETAG_LEN + 4 + len]);
    }
    bound
}

/// The sidecar that a first upload of these bytes writes.
fn sidecar_of(target: &Target, bytes: &[u8]) -> Vec<u8> {
    target.double().delete("bucket", "made");
    target.double().delete("bucket", "made.hssig");
    target.sync(target.file("made", bytes), "made", &[]).ok();
    target.get("made.hssig").expect("a sidecar")
}
