//! The life of a file in a bucket, told once for any server: what changes locally is what moves, and what lies at the
//! destination is always read back.

use std::path::Path;
use std::time::Duration;

use super::support::{BLOCK, MIN_PART, Run, Target, first_claim, noise, set_age};

const LEN: usize = 40_000_123;
/// Names that have to survive URLs, XML and a listing.
const NAMES: [&str; 9] =
    ["two words", "ünïcödé €", "new\nline", "a+b", "%41", "a&b=c", "#hash?", "sub/'quoted' \"name\"", "empty"];

/// Everything that a user does to a file, one step after the other.
pub(crate) fn scenario(target: &Target) {
    let story = Story { target, key: "images/disk.img" };
    let first = noise(1, LEN);
    let run = story.sync(&first, "uploaded");
    assert_eq!(run.number("bytes_uploaded"), LEN as u64, "{}", run.text());

    story.unchanged(&first);

    // Pages at three places: each costs one minimum part at most.
    let mut edited = first.clone();
    for page in [3_000_000, 19_000_000, 36_000_000] {
        edited[page..page + 4096].copy_from_slice(&noise(page as u64, 4096));
    }
    let run = story.sync(&edited, "stitched");
    assert!(run.number("bytes_uploaded") <= 3 * MIN_PART, "{}", run.text());
    assert!(run.number("bytes_copied") > 0);

    let inserted = [b"?", &edited[..]].concat();
    let run = story.sync(&inserted, "stitched");
    assert!(run.number("bytes_uploaded") <= MIN_PART + BLOCK, "{}", run.text());

    let appended = [&inserted[..], &noise(2, 1_000_000)].concat();
    let run = story.sync(&appended, "stitched");
    assert!(run.number("bytes_uploaded") <= 1_000_000 + BLOCK, "{}", run.text());

    let truncated = appended[..27_000_001].to_vec();
    let run = story.sync(&truncated, "stitched");
    assert!(run.number("bytes_uploaded") <= BLOCK, "{}", run.text());

    let replaced = noise(3, 22_222_222);
    let run = story.sync(&replaced, "uploaded");
    assert_eq!(run.number("bytes_uploaded"), 22_222_222, "{}", run.text());

    // Somebody else writes the object: of the same length, and of another.
    for (seed, len) in [(4, replaced.len()), (5, 7_000_000)] {
        story.write_behind_our_back(&noise(seed, len));
        let run = story.sync(&replaced, "uploaded");
        assert_eq!(run.number("bytes_uploaded"), replaced.len() as u64, "{}", run.text());
        assert!(run.warnings().contains("sidecar"), "{}", run.text());
    }
    story.unchanged(&replaced);

    small_files(target);
}

struct Story<'a> {
    target: &'a Target,
    key: &'a str,
}

impl Story<'_> {
    /// Syncs these bytes and asserts what became of them: the object has them, and its sidecar is of them.
    #[track_caller]
    fn sync(&self, bytes: &[u8], action: &str) -> Run {
        let path = self.target.file("disk.img", bytes);
        let run = self.target.sync(&path, self.key, &[]).ok();
        assert_eq!(run.of_file("action"), action, "{}", run.text());
        assert!(run.verified(), "{}", run.text());
        let verification = run.of_file("verification");
        match self.target.verification {
            Some(expected) => assert_eq!(verification, expected, "{}", run.text()),
            None => assert!(["crc64nvme", "part-md5"].contains(&verification.as_str()), "{}", run.text()),
        }
        self.assert_stands(bytes);
        self.assert_comes_back(bytes, run.number("bytes_uploaded"));
        run
    }

    /// Fetches the object over the version that was fetched before: what was uploaded is what comes down, give or take the
    /// blocks that it lies in.
    #[track_caller]
    fn assert_comes_back(&self, bytes: &[u8], uploaded: u64) {
        let run = self.target.fetch(self.key, "back.img", &[]).ok();
        self.target.assert_file("back.img", bytes);
        assert!(run.verified(), "{}", run.text());
        let fetched = run.number("bytes_downloaded");
        assert!(fetched <= uploaded + 2 * BLOCK, "{fetched} of {uploaded}: {}", run.text());
    }

    /// Syncs what lies there already: nothing but signatures moves, whatever the file's time says.
    #[track_caller]
    fn unchanged(&self, bytes: &[u8]) {
        for age in [3600, 0] {
            let path = self.target.file("disk.img", bytes);
            set_age(&path, Duration::from_secs(age));
            let run = self.target.sync(&path, self.key, &[]).ok();
            assert_eq!(run.of_file("action"), "unchanged", "{}", run.text());
            assert_eq!(run.number("bytes_uploaded") + run.number("bytes_copied"), 0, "{}", run.text());
            assert!(run.verified(), "{}", run.text());
        }
        self.assert_stands(bytes);
    }

    #[track_caller]
    fn assert_stands(&self, bytes: &[u8]) {
        let object = download(self.target, self.key);
        assert_eq!(object.len(), bytes.len());
        assert_eq!(blake3::hash(&object), blake3::hash(bytes), "the object is not the file");
        let claim = first_claim(&download(self.target, &format!("{}.hssig", self.key)));
        assert_eq!((claim.len, claim.blake3), (bytes.len() as u64, *blake3::hash(bytes).as_bytes()));
    }

    fn write_behind_our_back(&self, bytes: &[u8]) {
        let (runtime, client) = self.target.client();
        let put = client.put_object().bucket(&self.target.bucket).key(self.key).body(bytes.to_vec().into());
        runtime.block_on(put.send()).expect("the object is written");
    }
}

/// A folder of files below the threshold, with names that are hard to get right.
fn small_files(target: &Target) {
    let bytes = |name: &str| if name == "empty" { Vec::new() } else { noise(name.len() as u64, 70_000) };
    for name in NAMES {
        target.file(&format!("small/{name}"), bytes(name));
    }
    let run = target.sync("small", "tree", &[]).ok();
    assert_eq!(run.number("files_uploaded"), NAMES.len() as u64, "{}", run.text());
    assert!(run.verified(), "{}", run.text());
    for name in NAMES {
        assert!(download(target, &format!("tree/small/{name}")) == bytes(name), "{name:?}");
    }
    for name in NAMES {
        set_age(&target.path("small").join(Path::new(name)), Duration::ZERO);
    }
    let run = target.sync("small", "tree", &[]).ok();
    assert_eq!(run.number("files_unchanged"), NAMES.len() as u64, "{}", run.text());
    assert_eq!(run.number("bytes_uploaded"), 0, "{}", run.text());

    let down = target.fetch("tree/small/", "back", &[]).ok();
    assert_eq!(down.number("files_downloaded"), NAMES.len() as u64, "{}", down.text());
    assert!(down.verified(), "{}", down.text());
    for name in NAMES {
        target.assert_file(&format!("back/{name}"), &bytes(name));
    }
    let again = target.fetch("tree/small/", "back", &[]).ok();
    assert_eq!((again.number("files_unchanged"), again.number("bytes_downloaded")), (NAMES.len() as u64, 0));

    target.file("small/two words", b"edited");
    let run = target.sync("small", "tree", &[]).ok();
    assert_eq!((run.number("files_uploaded"), run.number("bytes_uploaded")), (1, 6), "{}", run.text());
    assert_eq!(download(target, "tree/small/two words"), b"edited");
}

fn download(target: &Target, key: &str) -> Vec<u8> {
    let (runtime, client) = target.client();
    runtime.block_on(async {
        let answer = client.get_object().bucket(&target.bucket).key(key).send().await;
        let answer = answer.unwrap_or_else(|error| panic!("GET {key}: {error:?}"));
        answer.body.collect().await.expect("its bytes").to_vec()
    })
}
