//! A new version put together beside the old one: blocks that an interrupted run has left, copies from the old version, and
//! what is fetched, each proved before the whole takes its name.

use std::collections::BTreeMap;
use std::sync::Arc;

use crc_fast::CrcAlgorithm;
use futures::future::FutureExt as _;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use md5::{Digest as _, Md5};

use super::compare::Bases;
use super::fetching::Fetching;
use super::notes;
use super::standing::Standing;
use super::work::Work;
use crate::delta::{BlockLen, ScanOptions, combine_crc64, sign, wrong_block};
use crate::stitch::{Part, PartSource};
use crate::store::{Assembly, FolderError, ObjectInfo, StoreError};
use crate::sync::error::FileError;
use crate::sync::evidence::restore;
use crate::sync::pace::blocking::blocking;
use crate::sync::report::{Stage, Verification};
use crate::sync::task::{Task, add};

/// How much of a copy is proved at once in bytes: a multiple of every block length.
const PIECE_LEN: u64 = 4 << 20;
/// Copies from the old version at once: they keep a disk busy, not a line.
const COPIES_AT_ONCE: usize = 4;
/// How often a range is fetched that arrives damaged.
const MAX_FETCHES: u32 = 3;
/// A shorter run of zeros is written like anything else, in bytes: what file systems allocate at the least.
const HOLE: usize = 4096;

/// Puts the new version together and gives it its name. Says who has proved it.
pub(crate) async fn build(
    fetching: &Fetching,
    task: &Task,
    object: &ObjectInfo,
    standing: Option<&Standing>,
    work: &Work,
) -> Result<Verification, FileError> {
    let (folder, relative, len) = (Arc::clone(&fetching.folder), task.entry.relative.clone(), object.len);
    let assembly: Arc<dyn Assembly> = blocking(move || Ok(Arc::from(folder.assemble(&relative, len)?))).await?;
    task.begin(Stage::Transferring, len);
    let built = Build { fetching, task, object, work, assembly: Arc::clone(&assembly) };
    let proved = tokio::select! {
        biased;
        () = task.context.cancel.cancelled() => Err(FileError::Interrupted),
        proved = built.run() => proved,
    };
    let committed = match proved {
        Ok(verification) => {
            let kept = restore::kept(task.context.options.attributes.preserve, &object.attributes);
            let (expected, assembly) = (standing.map(|standing| standing.version), Arc::clone(&assembly));
            blocking(move || Ok(assembly.commit(&kept, expected.as_ref(), true)?)).await.map(|()| verification)
        }
        Err(error) => Err(error),
    };
    if let Err(error) = &committed {
        // Where only the name has got another file, the next attempt takes it up at once.
        if error.is_passing() || matches!(error, FileError::Folder(FolderError::Changed)) {
            tracing::info!(key = %task.key, "the unfinished file is kept");
        } else {
            // The failure is what the user has to know.
            let _ = blocking(move || assembly.discard().map_err(FileError::Read)).await;
        }
    }
    committed
}

struct Build<'a> {
    fetching: &'a Fetching,
    task: &'a Task,
    object: &'a ObjectInfo,
    work: &'a Work,
    assembly: Arc<dyn Assembly>,
}

/// The CRC64NVME of ranges that are in place, by offset, each with its length.
type Sums = BTreeMap<u64, (u64, u64)>;

impl Build<'_> {
    async fn run(&self) -> Result<Verification, FileError> {
        let (mut sums, missing) = self.without_kept().await?;
        let (fetches, copies): (Vec<_>, Vec<_>) = missing.into_iter().partition(Part::is_upload);
        // Boxed: the compiler cannot see that a future which borrows its stream's items may change threads.
        let copied = stream::iter(copies)
            .map(|part| self.copy(part).boxed())
            .buffer_unordered(COPIES_AT_ONCE)
            .try_collect::<Vec<_>>();
        let fetched = stream::iter(fetches)
            .map(|part| self.fetch(part).boxed())
            .buffer_unordered(self.task.context.options.parts_in_memory.get() * 2)
            .try_collect::<Vec<_>>();
        let (copied, fetched) = futures::try_join!(copied, fetched)?;
        sums.extend(copied.into_iter().chain(fetched).map(|(part, crc)| (part.offset, (part.len, crc))));
        self.proved(&sums).await
    }

    /// Who has proved the whole.
    async fn proved(&self, sums: &Sums) -> Result<Verification, FileError> {
        let crc = sums.values().fold(0, |whole, (len, crc)| combine_crc64(whole, *crc, *len));
        match self.object.crc64nvme {
            Some(stored) if stored == crc => return Ok(Verification::Crc64nvme),
            Some(_) => {
                let url = self.task.url();
                return Err(FileError::NotEqual(format!(
                    "the bytes of {url} have another checksum than the store reports"
                )));
            }
            None => {}
        }
        if self.work.signature.is_some() {
            // Every block is the one that the sidecar promises, and those merge to the hash of the whole.
            return Ok(Verification::Sidecar);
        }
        if self.object.etag.as_md5().is_none() {
            self.task.warn("the store reports no checksum that could be compared: the file is not verified".to_owned());
            return Ok(Verification::None);
        }
        let (assembly, len) = (Arc::clone(&self.assembly), self.object.len);
        let md5 = blocking(move || md5_of(&*assembly, len).map_err(FileError::Read)).await?;
        // One that differs may be an ETag under SSE-KMS, which only looks like an MD5.
        Ok(if self.object.etag.as_md5() == Some(md5) { Verification::PartMd5 } else { Verification::None })
    }

    /// The sums of what an interrupted run has left, and what is still missing.
    async fn without_kept(&self) -> Result<(Sums, Vec<Part>), FileError> {
        let parts = self.work.parts.clone();
        let Some(signature) = self.work.signature.clone() else { return self.without_noted(parts).await };
        if !self.assembly.is_resumed() {
            return Ok((Sums::new(), parts));
        }
        let (assembly, threads) = (Arc::clone(&self.assembly), self.task.context.options.threads);
        let on_read = self.task.on_scanned();
        let (sums, missing) = blocking(move || {
            let on_read = |_| on_read(0);
            let (ours, crcs) = sign(&*assembly, signature.block_len(), &ScanOptions::threads(threads), &on_read)?;
            let blocks = ours.blocks().iter().zip(signature.blocks());
            let kept: Vec<bool> = blocks.map(|(ours, wanted)| ours.strong == wanted.strong).collect();
            let (kept, missing) = split(&parts, &kept, signature.block_len());
            let mut sums = Sums::new();
            for part in kept {
                let range = part.offset..part.offset + part.len;
                let crc = crcs.range(range, &*assembly).map_err(FileError::Read)?;
                sums.insert(part.offset, (part.len, crc));
            }
            Ok((sums, missing))
        })
        .await?;
        self.resumed(&sums);
        Ok((sums, missing))
    }

    /// The same where no signature tells blocks: by the sum that was noted of each part when it was in place.
    async fn without_noted(&self, parts: Vec<Part>) -> Result<(Sums, Vec<Part>), FileError> {
        let (assembly, identity) = (Arc::clone(&self.assembly), notes::identity(self.object));
        let (sums, missing) = blocking(move || {
            let mut sums = Sums::new();
            if !assembly.begin_notes(&identity).map_err(write_error)? {
                return Ok((sums, parts));
            }
            let mut missing = Vec::new();
            for part in parts {
                let noted = notes::read(&*assembly, &identity, &part).map_err(FileError::Read)?;
                match noted {
                    Some(crc) if crc_of(&*assembly, &part).map_err(FileError::Read)? == crc => {
                        sums.insert(part.offset, (part.len, crc));
                    }
                    _ => missing.push(part),
                }
            }
            Ok((sums, missing))
        })
        .await?;
        self.resumed(&sums);
        Ok((sums, missing))
    }

    fn resumed(&self, sums: &Sums) {
        let resumed = sums.values().map(|(len, _)| len).sum();
        add(&self.task.tally.resumed, resumed);
        self.task.advance(resumed);
    }

    async fn copy(&self, part: Part) -> Result<(Part, u64), FileError> {
        let (PartSource::Copy { from }, Some(signature)) = (part.source, self.work.signature.clone()) else {
            unreachable!("only a delta has copies")
        };
        let (assembly, bases) = (Arc::clone(&self.assembly), self.work.bases.clone());
        let crc = blocking(move || {
            copy(&*assembly, &bases, from, part.offset, part.len).map_err(not_copied)?;
            // Read back: what the file system has shared or copied is what counts, whatever was scanned before.
            let mut piece = vec![0; PIECE_LEN.min(part.len) as usize];
            let (mut crc, end) = (0, part.offset + part.len);
            for at in (part.offset..end).step_by(PIECE_LEN as usize) {
                let piece = &mut piece[..PIECE_LEN.min(end - at) as usize];
                assembly.read_exact_at(piece, at).map_err(FileError::Read)?;
                if wrong_block(&signature, piece, at).is_some() {
                    // It was right when it was scanned.
                    return Err(FolderError::Changed.into());
                }
                let sum = crc_fast::checksum(CrcAlgorithm::Crc64Nvme, piece);
                crc = combine_crc64(crc, sum, piece.len() as u64);
            }
            Ok(crc)
        })
        .await?;
        add(&self.task.tally.copied, part.len);
        self.task.advance(part.len);
        Ok((part, crc))
    }

    async fn fetch(&self, part: Part) -> Result<(Part, u64), FileError> {
        let pace = &self.task.context.pace;
        let _memory = pace.memory_for(part.len).await?;
        for _ in 0..MAX_FETCHES {
            let mut buffer = pace.buffers.take(part.len as usize);
            pace.in_turn_with(part.len, self.arrive(part, buffer.bytes_mut())).await??;
            add(&self.task.tally.downloaded, part.len);
            let bytes = buffer.into_bytes();
            let (assembly, signature) = (Arc::clone(&self.assembly), self.work.signature.clone());
            let sparse = self.fetching.sparse && !assembly.is_resumed();
            let identity = signature.is_none().then(|| notes::identity(self.object));
            let written = blocking(move || {
                if signature.is_some_and(|signature| wrong_block(&signature, &bytes, part.offset).is_some()) {
                    return Ok(None);
                }
                write(&*assembly, &bytes, part.offset, sparse).map_err(write_error)?;
                let crc = crc_fast::checksum(CrcAlgorithm::Crc64Nvme, &bytes);
                if let Some(identity) = identity {
                    notes::write(&*assembly, &identity, &part, crc).map_err(write_error)?;
                }
                Ok(Some(crc))
            })
            .await?;
            if let Some(crc) = written {
                return Ok((part, crc));
            }
            tracing::debug!(key = %self.task.key, offset = part.offset, "a block is not the promised one: fetching again");
        }
        let url = self.task.url();
        Err(FileError::NotEqual(format!("{url} does not have the bytes that its sidecar promises")))
    }

    /// Fills `buffer` with the bytes of a part.
    async fn arrive(&self, part: Part, buffer: &mut [u8]) -> Result<(), FileError> {
        let (store, task) = (&self.task.context.store, self.task);
        let range = part.offset..part.offset + part.len;
        let reading = store.read(&task.key, Some(&self.object.etag), Some(range)).await?;
        let Some(reading) = reading else { return Err(FileError::Gone) };
        let mut pieces = reading.pieces;
        let mut filled = 0;
        while let Some(piece) = pieces.try_next().await? {
            let Some(place) = buffer.get_mut(filled..filled + piece.len()) else {
                let message = format!("more than the {} bytes that were asked for", part.len);
                return Err(StoreError::wrong_range(task.url(), message).into());
            };
            place.copy_from_slice(&piece);
            filled += piece.len();
            task.advance(piece.len() as u64);
        }
        if filled < buffer.len() {
            let message = format!("{filled} of the {} bytes that were asked for", part.len);
            return Err(StoreError::wrong_range(task.url(), message).into());
        }
        Ok(())
    }
}

/// Copies from files that lie one behind the other.
fn copy(assembly: &dyn Assembly, bases: &Bases, from: u64, to: u64, len: u64) -> std::io::Result<()> {
    for (start, basis) in bases {
        let (first, end) = (from.max(*start), (from + len).min(start + basis.len()));
        if first < end {
            assembly.copy(&**basis, first - start, to + (first - from), end - first)?;
        }
    }
    Ok(())
}

/// Cuts parts into those whose blocks are `kept` already and the others.
fn split(parts: &[Part], kept: &[bool], block_len: BlockLen) -> (Vec<Part>, Vec<Part>) {
    let (mut there, mut missing): (Vec<Part>, Vec<Part>) = (Vec::new(), Vec::new());
    for part in parts {
        let end = part.offset + part.len;
        for offset in (part.offset..end).step_by(block_len.bytes() as usize) {
            let source = match part.source {
                PartSource::Copy { from } => PartSource::Copy { from: from + (offset - part.offset) },
                PartSource::Upload => PartSource::Upload,
            };
            let block = Part { offset, len: block_len.bytes().min(end - offset), source };
            let is_kept = kept.get((offset / block_len.bytes()) as usize).copied().unwrap_or_default();
            let list = if is_kept { &mut there } else { &mut missing };
            match list.last_mut() {
                // Only within one part: longer ones would be requests that are too long.
                Some(last) if last.offset >= part.offset && last.offset + last.len == offset => last.len += block.len,
                _ => list.push(block),
            }
        }
    }
    (there, missing)
}

/// Writes bytes, but with `sparse` no zeros: nothing has been written there yet.
fn write(assembly: &dyn Assembly, bytes: &[u8], offset: u64, sparse: bool) -> std::io::Result<()> {
    if !sparse {
        return assembly.write_at(bytes, offset);
    }
    let mut at = offset;
    let is_zero = |piece: &&[u8]| piece.iter().all(|byte| *byte == 0);
    for run in bytes.chunks(HOLE).collect::<Vec<_>>().chunk_by(|a, b| is_zero(a) == is_zero(b)) {
        let len: usize = run.iter().copied().map(<[u8]>::len).sum();
        if !is_zero(&run[0]) {
            let from = (at - offset) as usize;
            assembly.write_at(&bytes[from..from + len], at)?;
        }
        at += len as u64;
    }
    Ok(())
}

fn write_error(error: std::io::Error) -> FileError {
    FileError::Folder(error.into())
}

fn crc_of(assembly: &dyn Assembly, part: &Part) -> std::io::Result<u64> {
    let mut crc = crc_fast::Digest::new(CrcAlgorithm::Crc64Nvme);
    let mut piece = vec![0; PIECE_LEN.min(part.len) as usize];
    for at in (0..part.len).step_by(PIECE_LEN as usize) {
        let piece = &mut piece[..PIECE_LEN.min(part.len - at) as usize];
        assembly.read_exact_at(piece, part.offset + at)?;
        crc.update(piece);
    }
    Ok(crc.finalize())
}

/// A basis that ended early has changed.
fn not_copied(error: std::io::Error) -> FileError {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => FolderError::Changed.into(),
        _ => FileError::Folder(error.into()),
    }
}

fn md5_of(assembly: &dyn Assembly, len: u64) -> std::io::Result<[u8; 16]> {
    let mut md5 = Md5::new();
    let mut piece = vec![0; PIECE_LEN.min(len) as usize];
    for at in (0..len).step_by(PIECE_LEN as usize) {
        let piece = &mut piece[..PIECE_LEN.min(len - at) as usize];
        assembly.read_exact_at(piece, at)?;
        md5.update(piece);
    }
    Ok(md5.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(offset: u64, len: u64, from: Option<u64>) -> Part {
        Part { offset, len, source: from.map_or(PartSource::Upload, |from| PartSource::Copy { from }) }
    }

    #[test]
    fn what_is_kept_is_neither_fetched_nor_copied() {
        let block_len = BlockLen::new(1024).expect("a length");
        let parts = [part(0, 3072, None), part(3072, 2048, Some(7)), part(5120, 1024, None), part(6144, 100, None)];
        let (there, missing) = split(&parts, &[true, false, false, true, false, true, true], block_len);
        assert_eq!(
            there,
            [part(0, 1024, None), part(3072, 1024, Some(7)), part(5120, 1024, None), part(6144, 100, None)]
        );
        assert_eq!(missing, [part(1024, 2048, None), part(4096, 1024, Some(7 + 1024))]);
        let (there, missing) = split(&parts, &[], block_len);
        assert!(there.is_empty());
        assert_eq!(missing, parts);
    }
}
