//! Ignore files: files in the walked folders that say what in them is left out, read as git reads `.gitignore`.
//!
//! It lists no folder and knows no rules of the command line.
//!
//! A pattern counts from the folder that its file lies in. Deeper files win over those above, and in one folder files
//! named later over those named earlier. What lies in a left-out folder cannot be selected again, as in git.
//!
//! Other than in git, braces are alternatives (`*.{o,a}`), and a file with a line that is no pattern (`[z-a]`) is one that
//! cannot be read: what it was to leave out is not known, so nothing of its folder is selected.
//!
//! `.dockerignore` counts in the source's own folder only, and its patterns from there (`x` is git's `/x`), as Docker has
//! it. Other than there, `!a/b` selects nothing where a pattern leaves out `a` itself: less is uploaded, never more.

use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::opening;

/// Docker's ignore file.
const DOCKERIGNORE: &str = ".dockerignore";

/// The most bytes that an ignore file may have: tens of thousands of patterns, each of which costs hundreds of bytes when
/// it is compiled.
const MAX_LEN: u64 = 1 << 20;

/// The patterns that count in a folder.
#[derive(Debug)]
pub(super) struct Ignores {
    above: Option<Arc<Ignores>>,
    /// The length of what their folder's name takes of a path, in bytes, with the slash.
    depth: usize,
    patterns: Gitignore,
}

/// An ignore file that cannot be read: what it leaves out is not known.
#[derive(Debug)]
pub(super) struct BadIgnoreFile {
    pub(super) name: String,
    pub(super) error: io::Error,
}

/// The patterns that count in an open folder: those from above and those of its own ignore files. `relative` is the
/// folder's name below the source, empty or with a slash at its end.
pub(super) fn read(
    names: &[String],
    folder: impl AsFd,
    relative: &str,
    above: Option<&Arc<Ignores>>,
) -> Result<Option<Arc<Ignores>>, BadIgnoreFile> {
    // Paths are handed over relative to the folder.
    let mut builder = GitignoreBuilder::new("");
    for name in names {
        let docker = name == DOCKERIGNORE;
        if docker && !relative.is_empty() {
            continue;
        }
        let bad = |error| BadIgnoreFile { name: name.clone(), error };
        let Some(text) = contents(&folder, name).map_err(bad)? else { continue };
        add(&mut builder, &text, docker).map_err(bad)?;
    }
    let patterns = builder
        .build()
        .map_err(|error| BadIgnoreFile { name: names.join(", "), error: io::Error::other(error.to_string()) })?;
    Ok(if patterns.is_empty() {
        above.cloned()
    } else {
        Some(Arc::new(Ignores { above: above.cloned(), depth: relative.len(), patterns }))
    })
}

/// The bytes of an ignore file; `None` where there is none. A link is followed; what is no regular file is none.
fn contents(folder: impl AsFd, name: &str) -> io::Result<Option<Vec<u8>>> {
    let file: std::fs::File = match opening::open(&folder, name, OFlags::NONBLOCK) {
        Ok(file) => file.into(),
        Err(Errno::NOENT | Errno::NXIO) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    };
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut text = Vec::new();
    file.take(MAX_LEN + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_LEN {
        return Err(invalid(format!("ignore file has more than {MAX_LEN} bytes")));
    }
    Ok(Some(text))
}

fn add(builder: &mut GitignoreBuilder, text: &[u8], docker: bool) -> io::Result<()> {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
        if line.starts_with(b"#") {
            continue;
        }
        let number = index + 1;
        let line = std::str::from_utf8(line).map_err(|_| invalid(format!("line {number} is not UTF-8")))?;
        let anchored = docker.then(|| anchored(line));
        builder
            .add_line(None, anchored.as_deref().unwrap_or(line))
            .map_err(|error| invalid(format!("line {number} is no pattern: {error}")))?;
    }
    Ok(())
}

/// A line of `.dockerignore` as git would write it: Docker trims it, drops slashes at its ends, and matches it from the
/// folder on.
fn anchored(line: &str) -> String {
    let line = line.trim();
    let (sign, pattern) = match line.strip_prefix('!') {
        Some(pattern) => ("!", pattern.trim()),
        None => ("", line),
    };
    let pattern = pattern.trim_start_matches("./").trim_matches('/');
    // Docker passes over a lone dot.
    if matches!(pattern, "" | ".") { String::new() } else { format!("{sign}/{pattern}") }
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Whether something in a folder is left out by the patterns that count there. `path` is below the source; whether one of
/// its folders is left out is not looked at.
pub(super) fn leave_out(ignores: Option<&Arc<Ignores>>, path: &[u8], is_dir: bool) -> bool {
    let mut level = ignores;
    while let Some(ignores) = level {
        let below = Path::new(OsStr::from_bytes(&path[ignores.depth..]));
        match ignores.patterns.matched(below, is_dir) {
            Match::Ignore(_) => return true,
            Match::Whitelist(_) => return false,
            Match::None => level = ignores.above.as_ref(),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_in_folder(text: &[u8]) -> Result<Option<Arc<Ignores>>, BadIgnoreFile> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(".gitignore"), text).expect("a file");
        read(&[".gitignore".to_owned()], std::fs::File::open(folder.path()).expect("it opens"), "", None)
    }

    #[test]
    fn lines_are_read_as_git_reads_them() {
        let text = b"\xef\xbb\xbf*.o\r\n\n# \xff\n\\#x\ntrail  \nkeep\\ \n/top\nmid/dle\nf/\n**/any/z\nab/**\n!yes.o\n";
        let ignores = read_in_folder(text).expect("it can be read");
        for (path, is_dir, left_out) in [
            ("a.o", false, true),
            ("d/a.o", false, true),
            ("d/yes.o", false, false),
            ("#x", false, true),
            ("trail", false, true),
            ("keep ", false, true),
            ("keep", false, false),
            ("top", false, true),
            ("d/top", false, false),
            ("mid/dle", false, true),
            ("d/mid/dle", false, false),
            ("f", false, false),
            ("d/f", true, true),
            ("d/any/z", false, true),
            ("ab", true, false),
            ("ab/c", false, true),
        ] {
            assert_eq!(leave_out(ignores.as_ref(), path.as_bytes(), is_dir), left_out, "{path:?}");
        }
    }

    #[test]
    fn a_file_without_patterns_is_none() {
        assert!(read_in_folder(b"# nothing\n\n").expect("it can be read").is_none());
        let folder = tempfile::tempdir().expect("a folder");
        let folder = std::fs::File::open(folder.path()).expect("it opens");
        assert!(read(&[".gitignore".to_owned()], folder, "", None).expect("there is none").is_none());
    }

    #[test]
    fn what_is_no_ignore_file_says_so() {
        let problem = |text: &[u8]| {
            let bad = read_in_folder(text).expect_err("it is bad");
            assert_eq!((bad.name.as_str(), bad.error.kind()), (".gitignore", io::ErrorKind::InvalidData));
            bad.error.to_string()
        };
        assert_eq!(problem(b"a\nb\xff\n"), "line 2 is not UTF-8");
        assert!(problem(b"a\n\n[z-a]\n").starts_with("line 3 is no pattern: "));
        assert_eq!(problem(&b"a\n".repeat(600_000)), "ignore file has more than 1048576 bytes");
    }
}
