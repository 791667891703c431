//! The help is a reference that people read: `tests/cli/help.txt` holds it to the letter. `HUGESYNC_BLESS=1` rewrites it.

use std::fs;

use super::support::{bare_command, run};

#[test]
fn is_the_reference() {
    let mut found = String::new();
    for arguments in [&["--help"][..], &["sync", "--help"], &["sign", "--help"]] {
        let help = run(bare_command().args(arguments)).ok();
        found += &format!("$ hugesync {}\n{}\n", arguments.join(" "), help.stdout);
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/help.txt");
    if std::env::var_os("HUGESYNC_BLESS").is_some() {
        fs::write(path, &found).expect("the reference is written");
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert!(found == expected, "{path} is not what the program says; HUGESYNC_BLESS=1 takes it over:\n{found}");
}
