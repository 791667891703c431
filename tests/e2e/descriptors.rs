//! A run keeps to the number of files that it may have open.

use std::process::Command;

use super::support::{Target, run};

/// The command with this many descriptors, or up to `hard` if it asks for more.
fn with_limit(command: &Command, soft: u32, hard: u32) -> Command {
    let mut limited = Command::new("/bin/sh");
    limited.arg("-c").arg(format!("ulimit -Sn {soft} && ulimit -Hn {hard} && exec \"$@\"")).arg("sh");
    limited.arg(command.get_program()).args(command.get_args());
    limited.env_clear().current_dir(command.get_current_dir().expect("a folder"));
    limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited
}

#[test]
fn of_which_there_are_few_are_enough() {
    let target = Target::start();
    for number in 0..2_000 {
        target.file(&format!("tree/{:02}/{number}", number % 40), number.to_string());
    }
    for (soft, hard) in [(64, 64), (64, 4_096)] {
        let prefix = format!("s3://bucket/{soft}-{hard}/");
        for options in [&["--json"][..], &["--json", "--jobs=200", "--list-jobs=200", "--delete"]] {
            let command = target.sync_command("tree/", &prefix, options);
            let run = run(&mut with_limit(&command, soft, hard)).ok();
            assert_eq!((run.number("files_total"), run.number("files_failed")), (2_000, 0), "{}", run.text());
        }
    }
    assert_eq!(target.double().keys("bucket").iter().filter(|key| !key.ends_with(".hssig")).count(), 4_000);
}

/// Large files are open while their parts are sent and copied.
#[test]
fn are_enough_for_large_files_too() {
    let target = Target::start();
    for number in 0..40 {
        target.file(&format!("tree/{number}"), super::support::noise(number, 1_100_000));
    }
    let command =
        target.sync_command("tree/", "s3://bucket/large/", &["--json", "--delta-threshold=1MB", "--jobs=200"]);
    let run = run(&mut with_limit(&command, 64, 64)).ok();
    assert_eq!(run.number("files_failed"), 0, "{}", run.text());
}
