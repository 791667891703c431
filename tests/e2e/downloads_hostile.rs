//! A bucket that wants to do harm: nothing outside the destination, no crash, nothing half-written under a final name.

use std::fs;
use std::os::unix::fs::symlink;

use strict_s3::{Fault, FaultAction};

use super::support::{Target, noise};

#[test]
fn names_lead_nowhere_else() {
    let target = Target::start();
    let long = "n".repeat(256);
    let names =
        ["../up", "a/../../up", "./dot", "a//b", "/root", "a/./b", long.as_str(), ".x.hspart", "sub/.y.hspart", "fine"];
    for name in names {
        target.put(&format!("p/{name}"), b"bytes");
    }
    let run = target.fetch("p/", "deep/out", &[]).exits(3);
    assert_eq!(target.names("deep/out"), ["fine"], "{}", run.text());
    assert_eq!(target.names("deep"), ["out/", "out/fine"]);
    assert_eq!(run.number("files_failed"), 9, "{}", run.text());
    for text in ["it leads through . or ..", "it has an empty component", "a component is longer than 255 bytes"] {
        assert!(run.stderr.contains(text), "{text}: {}", run.text());
    }
    assert!(!target.path("up").exists() && !target.path("deep/up").exists());
}

/// Links at the destination, whoever has put them there, are not written through.
#[test]
fn links_in_the_way_are_not_followed() {
    let target = Target::start();
    target.file("outside/secret", b"secret");
    target.put("p/link/x", b"bytes");
    target.put("p/secret", b"bytes");
    target.put("p/fine", b"bytes");
    fs::create_dir(target.path("out")).expect("a folder");
    symlink(target.path("outside"), target.path("out/link")).expect("a link");
    symlink(target.path("outside/secret"), target.path("out/secret")).expect("a link");
    let run = target.fetch("p/", "out", &[]).exits(3);
    assert!(run.stderr.contains("a symbolic link, where a folder should be, is in the way"), "{}", run.text());
    target.assert_file("outside/secret", b"secret");
    assert_eq!(target.names("outside"), ["secret"]);
    target.assert_file("out/secret", b"bytes");
    assert!(target.path("out/secret").symlink_metadata().expect("it").is_file(), "the link itself is replaced");
    // Deletes do not go through it either.
    target.double().delete("bucket", "p/link/x");
    target.fetch("p/", "out", &["--delete", "--max-delete=100%"]).ok();
    target.assert_file("outside/secret", b"secret");
    assert!(target.path("out/link").symlink_metadata().is_err(), "the link is what only the destination has");
}

/// A link that the bucket restores, and an object below its name, in either order.
#[test]
fn a_restored_link_is_not_written_through() {
    let target = Target::start();
    target.file("outside/x", b"secret");
    fs::create_dir(target.path("in")).expect("a folder");
    symlink("../outside", target.path("in/a")).expect("a link");
    target.sync(target.path("in/"), "p/", &["--links"]).ok();
    target.put("p/a/x", b"bytes");
    for _ in 0..2 {
        target.fetch("p/", "out", &["--links"]).exits(3);
        target.assert_file("outside/x", b"secret");
    }
}

#[test]
fn answers_that_lie_leave_the_old_version() {
    let old = noise(1, 3 << 20);
    let new = noise(2, 3 << 20);
    let target = Target::start();
    target.sync(target.file("new", &new), "large", &[]).ok();
    target.put("small", b"the new small one");
    for (what, action) in [
        ("a bit flipped", FaultAction::CorruptResponse),
        ("cut off", FaultAction::ResetResponseAfter(5)),
        ("another version", FaultAction::EtagLie),
    ] {
        for key in ["large", "small"] {
            target.file("large", &old);
            target.file("small", b"old");
            target.double().inject(Fault::next("GetObject", action.clone()).key(key).times(u64::MAX));
            let run = target.fetch(key, key, &["--jobs=2"]);
            target.double().clear_faults();
            let (before, after) =
                if key == "large" { (&old[..], &new[..]) } else { (&b"old"[..], &b"the new small one"[..]) };
            let found = target.read(key);
            match run.code {
                Some(0) => assert!(found == after, "{what} {key}: {}", run.text()),
                _ => assert!(found == before, "{what} {key}: {}", run.text()),
            }
            assert!(found == before || found == after);
        }
    }
}

/// One damaged answer is asked for again.
#[test]
fn a_damaged_answer_is_asked_for_again() {
    let target = Target::start();
    let new = noise(2, 12 << 20);
    target.sync(target.file("new", &new), "large", &[]).ok();
    target.put("small", b"bytes");
    for key in ["large", "small"] {
        for action in [FaultAction::CorruptResponse, FaultAction::ResetResponseAfter(3), FaultAction::LostResponse] {
            target.double().inject(Fault::next("GetObject", action.clone()).key(key).nth(if key == "large" {
                2
            } else {
                1
            }));
            let run = target.fetch(key, &format!("to/{key}"), &[]).ok();
            assert!(run.verified(), "{action:?} {key}: {}", run.text());
            let expected = target.get(key).expect("it");
            target.assert_file(&format!("to/{key}"), &expected);
            fs::remove_file(target.path(&format!("to/{key}"))).expect("gone");
        }
    }
    assert_eq!(target.names("to"), [""; 0]);
}

/// A name taken for a folder of its own kind by the reports: control characters do not reach the terminal.
#[test]
fn names_in_messages_are_harmless() {
    let target = Target::start();
    target.put("p/a\u{1b}[2J\nerror: x", b"bytes");
    let mut command = target.sync_command(target.url("p/"), "out", &["-v"]);
    let run = super::support::run(&mut command).ok();
    assert!(!run.stdout.contains('\u{1b}'), "{}", run.text());
    assert_eq!(target.names("out").len(), 1);
}
