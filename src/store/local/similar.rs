//! A file that may be an earlier version of another one, by its name.

use rustix::fs::{AtFlags, Dir, FileType, statat};

use super::below::Place;
use crate::store::{FolderError, is_unfinished};

/// From how much on names are like each other: versions and dates differ, what comes before and behind them does not.
const ALIKE: f64 = 0.6;

/// The name of the regular file in the folder of `place` that is most like its own; of those alike, the one changed last.
pub(super) fn most_like(place: &Place) -> Result<Option<String>, FolderError> {
    let read = |errno: rustix::io::Errno| FolderError::Io(errno.into());
    let mut best: Option<(f64, i64, String)> = None;
    for entry in Dir::read_from(&place.folder).map_err(read)? {
        let Ok(name) = entry.map_err(read)?.file_name().to_str().map(str::to_owned) else { continue };
        let likeness = strsim::normalized_levenshtein(&name, &place.name);
        if name == place.name || is_unfinished(&name) || likeness < ALIKE {
            continue;
        }
        let Ok(stat) = statat(&place.folder, name.as_str(), AtFlags::SYMLINK_NOFOLLOW) else { continue };
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            continue;
        }
        let rank = (likeness, stat.st_mtime);
        if best.as_ref().is_none_or(|(likeness, changed, _)| rank > (*likeness, *changed)) {
            best = Some((likeness, stat.st_mtime, name));
        }
    }
    Ok(best.map(|(_, _, name)| name))
}
