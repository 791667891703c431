//! Whether the user's rules would leave out what a foreign key is called.
//!
//! Such a key may be anything. Nothing is looked at but folders of the source, one component below the other, and the
//! ignore files in them; links are entered only where the walk enters them too.

use std::sync::Arc;

use rustix::io::Errno;

use super::folder::Reader;
use super::ignores::{self, Ignores};
use super::selection::Choice;

/// The folders above the name that was asked for last, from the top down; the first is the source itself.
#[derive(Debug, Default)]
pub(super) struct Descent {
    /// The name of the last of the folders, as they all start: empty, or with a slash at its end.
    path: String,
    levels: Vec<Level>,
}

/// A folder, existing or not.
#[derive(Debug)]
struct Level {
    /// Where its name ends in [`Descent::path`], with the slash.
    end: usize,
    /// The patterns that count in it.
    ignores: Option<Arc<Ignores>>,
    /// Whether it was there: what lies in one that was not is not looked for.
    exists: bool,
    /// Whether everything in it is left out.
    left_out: bool,
}

impl Descent {
    /// Whether a file of this name is left out. A key that cannot be a name below a folder is not.
    pub(super) fn leaves_out(&mut self, reader: &Reader, relative: &str) -> bool {
        if relative.split('/').any(|component| matches!(component, "" | "." | "..")) {
            return false;
        }
        if self.levels.is_empty() {
            let left_out = !reader.selection.selects_root();
            self.levels.push(Level::look_at(reader, "", None, left_out, true));
        }
        let folder = relative.rfind('/').map_or("", |slash| &relative[..=slash]);
        while let Some(level) = self.levels.pop_if(|level| !folder.starts_with(&self.path[..level.end])) {
            drop(level);
        }
        self.path.truncate(self.levels.last().map_or(0, |level| level.end));
        loop {
            let above = self.levels.last().expect("the source's own level starts every name");
            if above.left_out {
                return true;
            }
            let Some(slash) = relative[above.end..].find('/') else {
                return !is_selected(reader, relative, false, above.ignores.as_ref());
            };
            let end = above.end + slash + 1;
            let folder = &relative[..end];
            let left_out = !is_selected(reader, &relative[..end - 1], true, above.ignores.as_ref());
            let level = Level::look_at(reader, folder, above.ignores.as_ref(), left_out, above.exists);
            self.path.push_str(&relative[above.end..end]);
            self.levels.push(level);
        }
    }
}

impl Level {
    /// Looks for a folder where that can matter, and reads its ignore files. Where one cannot be read everything counts as
    /// left out, which is what is not deleted.
    fn look_at(reader: &Reader, folder: &str, above: Option<&Arc<Ignores>>, left_out: bool, may_exist: bool) -> Self {
        let end = folder.len();
        let absent = Self { end, ignores: above.cloned(), exists: false, left_out };
        if left_out || !may_exist || reader.ignore_files.is_empty() {
            return absent;
        }
        let descriptor = match reader.open(folder) {
            Ok(descriptor) => descriptor,
            // INVAL: a name with a zero byte, which no file has.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG | Errno::INVAL) => return absent,
            // What its ignore files say is not known.
            Err(_) => return Self { left_out: true, ..absent },
        };
        match ignores::read(&reader.ignore_files, &descriptor, folder, above) {
            Ok(ignores) => Self { end, ignores, exists: true, left_out },
            Err(_) => Self { left_out: true, ..absent },
        }
    }
}

fn is_selected(reader: &Reader, relative: &str, is_dir: bool, ignores: Option<&Arc<Ignores>>) -> bool {
    let path = reader.selection.path_buffer(relative);
    reader.selection.choose(&path, is_dir, ignores) == Choice::Selected
}
