//! The list of names that `--files-from` reads.
//!
//! It does not know which of them exist, nor what the rules select of them.

use thiserror::Error;

use super::lines::entries;

/// The paths that `--files-from` names, cleaned, sorted and without duplicates.
///
/// As in rsync, rules are asked about a listed path itself ([`Rules::selects`](super::Rules::selects)) and about all
/// that a walk finds below it, but not about the folders that lead to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileList {
    paths: Vec<Vec<u8>>,
}

/// An entry that is no path to transfer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {entry:?} {problem}")]
pub struct BadFileList {
    /// The number of the line or the NUL-separated entry, from 1.
    pub line: usize,
    /// The entry as it was written; what is no UTF-8 is replaced.
    pub entry: String,
    /// What is wrong with it.
    pub problem: FileListProblem,
}

/// What can be wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FileListProblem {
    /// It has a NUL byte, which no name has: the list is NUL-separated and is read as lines.
    #[error("has a NUL byte")]
    Nul,
    /// It has `/./` behind a name. To rsync that is the place where the path at the destination starts, and not just a
    /// dot to drop.
    #[error("has \"/./\" inside, which is not supported")]
    DotInside,
}

impl FileList {
    /// Reads a list of one path a line (ended by LF, CR or CR LF) or, if `nul_separated`, of paths each ended by NUL.
    ///
    /// As in rsync, blank entries and those that begin with `#` or `;` are ignored, in both forms; slashes at the
    /// start, doubled or at the end are dropped, and `.` components; `..` takes back the name before it, and nothing
    /// at the start, so that no path leads out of the source. A name need not be UTF-8.
    ///
    /// # Errors
    /// With the number of the line.
    pub fn parse(text: &[u8], nul_separated: bool) -> Result<Self, BadFileList> {
        let mut paths = entries(text, nul_separated)
            .map(|(line, entry)| {
                clean(entry).map_err(|problem| BadFileList {
                    line,
                    entry: String::from_utf8_lossy(entry).into_owned(),
                    problem,
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        paths.sort_unstable();
        paths.dedup();
        Ok(Self { paths })
    }

    /// The paths in byte order, `/` between components and none at either end. The empty one is the source itself.
    pub fn paths(&self) -> &[Vec<u8>] {
        &self.paths
    }

    /// Whether `path` is listed, or a folder above it: a listed folder means all that is in it, as with rsync's `-r`.
    pub fn lists(&self, path: &[u8]) -> bool {
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        [0, path.len()].into_iter().chain(ends).any(|end| self.has(&path[..end]))
    }

    /// Whether something listed lies below this folder.
    pub fn leads_to(&self, folder: &[u8]) -> bool {
        let below = if folder.is_empty() { Vec::new() } else { [folder, b"/"].concat() };
        // The first path after `below`, which no path equals unless it is empty.
        let next = self.paths.partition_point(|path| *path <= below);
        self.paths.get(next).is_some_and(|path| path.starts_with(&below))
    }

    fn has(&self, path: &[u8]) -> bool {
        self.paths.binary_search_by(|listed| listed.as_slice().cmp(path)).is_ok()
    }
}

/// The path that an entry means.
fn clean(entry: &[u8]) -> Result<Vec<u8>, FileListProblem> {
    if entry.contains(&0) {
        return Err(FileListProblem::Nul);
    }
    let mut names: Vec<&[u8]> = Vec::new();
    let mut components = entry.split(|&byte| byte == b'/').peekable();
    while let Some(component) = components.next() {
        match component {
            b"" => {}
            b"." if !names.is_empty() && components.peek().is_some() => return Err(FileListProblem::DotInside),
            b"." => {}
            b".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    Ok(names.join(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::{FileList, FileListProblem};

    fn list(text: &[u8]) -> FileList {
        FileList::parse(text, false).unwrap()
    }

    #[track_caller]
    fn check(entry: &str, path: &str) {
        assert_eq!(list(entry.as_bytes()).paths(), [path.as_bytes()], "{entry}");
    }

    #[test]
    fn slashes_and_dots_are_dropped() {
        for entry in ["d/a", "/d/a", "./d/a", "//d//a//", ".//./d/a/.", "d/a/"] {
            check(entry, "d/a");
        }
        check("...", "...");
        check(" a ", " a ");
    }

    #[test]
    fn dot_dot_takes_back_a_name_and_stays_inside() {
        check("d/../a", "a");
        check("d/e/..", "d");
        check("../../a", "a");
        check("/../d/x/../../../a", "a");
        check("d/..a", "d/..a");
    }

    #[test]
    fn the_source_itself_is_the_empty_path() {
        for entry in [".", "/", "..", "./", "d/.."] {
            check(entry, "");
        }
        let all = list(b".");
        assert!(all.lists(b"") && all.lists(b"d/a") && !all.leads_to(b"") && !all.leads_to(b"d"));
    }

    #[test]
    fn paths_are_sorted_and_different() {
        assert_eq!(list(b"b\na/x\n./b\n\xff\na\na-x\n").paths(), [b"a".as_slice(), b"a-x", b"a/x", b"b", b"\xff"]);
        assert!(list(b"# a\n\n;b\n").paths().is_empty());
    }

    #[test]
    fn entries_end_at_lines_or_at_nul() {
        assert_eq!(list(b"a\r\nb\rc\n").paths(), [b"a", b"b", b"c"]);
        let list = FileList::parse(b"b\nc\0\0#x\0a\r\0", true).unwrap();
        assert_eq!(list.paths(), [b"a\r".as_slice(), b"b\nc"]);
    }

    #[test]
    fn a_listed_folder_means_all_in_it() {
        let list = list(b"d/e\nb\n");
        for (path, listed) in
            [("d/e", true), ("d/e/a", true), ("d/e/f/a", true), ("d", false), ("d/ex", false), ("", false)]
        {
            assert_eq!(list.lists(path.as_bytes()), listed, "{path}");
        }
    }

    #[test]
    fn the_folders_above_lead_to_what_is_listed() {
        // `-` sorts before the slash, `0` after it.
        let list = list(b"d-x\nd/e/a\nd0\n");
        for (folder, leads) in
            [("", true), ("d", true), ("d/e", true), ("d/e/a", false), ("d-", false), ("e", false), ("d-x", false)]
        {
            assert_eq!(list.leads_to(folder.as_bytes()), leads, "{folder}");
        }
        assert!(!FileList::default().leads_to(b""));
    }

    #[test]
    fn what_is_no_path_is_refused_with_its_line() {
        let error = FileList::parse(b"a\n\nd/./a\n", false).unwrap_err();
        assert_eq!((error.line, error.problem), (3, FileListProblem::DotInside));
        assert_eq!(error.to_string(), "line 3: \"d/./a\" has \"/./\" inside, which is not supported");
        assert!(FileList::parse(b"d/./", false).is_err() && FileList::parse(b"./d/.", false).is_ok());
        let error = FileList::parse(b"a\nb\0c\0", false).unwrap_err();
        assert_eq!((error.line, error.problem), (2, FileListProblem::Nul));
    }
}
