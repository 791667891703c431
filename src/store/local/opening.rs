//! Opening files and folders, with patience: where the process or the machine has too many open, that passes.
//!
//! Every descriptor of a file or folder comes from here.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::path::Arg;

/// How long to wait for a descriptor. The engine has no more open than there may be, so what is missing somebody else has, or
/// connections that are kept for 90 s after their last request (hyper).
const PATIENCE: Duration = Duration::from_secs(120);
/// How long the wait is not worth mentioning.
const QUIET: Duration = Duration::from_secs(2);
/// How long to wait before the second attempt, and at most before any other.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(100));

/// Opens `path` below `folder` for reading.
pub(super) fn open(folder: impl AsFd, path: impl Arg + Copy, flags: OFlags) -> Result<OwnedFd, Errno> {
    patiently(PATIENCE, || openat(&folder, path, flags | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()))
}

/// Opens `path` below `folder`, or makes it with `mode` where the flags say so.
pub(super) fn open_or_make(
    folder: impl AsFd,
    path: impl Arg + Copy,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    patiently(PATIENCE, || openat(&folder, path, flags | OFlags::CLOEXEC, mode))
}

/// Tries again while there is no descriptor to be had, and after a signal.
fn patiently<T>(patience: Duration, mut open: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    let (mut pause, longest) = PAUSES;
    let (mut began, mut told) = (None, false);
    loop {
        match open() {
            Err(Errno::INTR) => {}
            Err(errno @ (Errno::MFILE | Errno::NFILE)) => {
                let waited = began.get_or_insert_with(Instant::now).elapsed();
                if waited >= patience {
                    return Err(errno);
                }
                if waited >= QUIET && !std::mem::replace(&mut told, true) {
                    tracing::warn!("too many files are open: waiting until some are closed");
                }
                std::thread::sleep(pause);
                pause = (pause * 2).min(longest);
            }
            opened => return opened,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_descriptors_is_waited_for() {
        let mut answers =
            [Err(Errno::MFILE), Err(Errno::INTR), Err(Errno::NFILE), Ok(7), Err(Errno::NOENT)].into_iter();
        let mut open = || answers.next().expect("no more attempts than answers");
        assert_eq!(patiently(PATIENCE, &mut open), Ok(7));
        assert_eq!(patiently(PATIENCE, &mut open), Err(Errno::NOENT), "anything else is told at once");
    }

    #[test]
    fn patience_has_an_end() {
        let mut attempts = 0;
        let never = patiently(Duration::from_millis(20), || {
            attempts += 1;
            Err::<(), _>(Errno::MFILE)
        });
        assert_eq!(never, Err(Errno::MFILE));
        assert!(attempts > 2, "{attempts}");
    }
}
