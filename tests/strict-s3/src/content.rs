//! Where bytes live: immutable blobs on disk, and contents that are lists of extents of them.
//!
//! A copy shares extents, so it costs nothing; a blob's file goes away with the last content that uses it. Short
//! bodies stay in memory. Nothing here knows keys or requests.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use s3s::StdError;
use tokio::sync::mpsc;

use crate::digest::{Digests, Hasher};

/// Bodies up to this many bytes stay in memory: a file each would cost more than it saves.
const INLINE_MAX: usize = 16 << 10;
/// Bytes per read and per answer frame.
const READ_CHUNK: u64 = 256 << 10;
/// Frames between the connection and the writing thread, so that neither waits for each other's every step.
const FRAMES_IN_FLIGHT: usize = 16;

/// Immutable bytes; removed from disk when dropped.
#[derive(Debug)]
enum Blob {
    Memory(Bytes),
    /// With the number in its name, which is never given again.
    File(PathBuf, u64),
}

impl Drop for Blob {
    fn drop(&mut self) {
        if let Self::File(path, _) = self {
            // Best effort: the whole directory goes away with the server.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A range of one blob.
#[derive(Debug, Clone)]
struct Extent {
    blob: Arc<Blob>,
    offset: u64,
    len: u64,
}

impl Extent {
    /// Calls `each` with its bytes in order, in pieces.
    fn for_each(&self, each: &mut impl FnMut(Bytes) -> io::Result<()>) -> io::Result<()> {
        let path = match &*self.blob {
            Blob::File(path, _) => path,
            Blob::Memory(bytes) => {
                let start = usize::try_from(self.offset).map_err(io::Error::other)?;
                let end = start + usize::try_from(self.len).map_err(io::Error::other)?;
                return each(bytes.slice(start..end));
            }
        };
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut left = self.len;
        while left > 0 {
            let mut buffer = vec![0; usize::try_from(left.min(READ_CHUNK)).map_err(io::Error::other)?];
            file.read_exact(&mut buffer)?;
            left -= buffer.len() as u64;
            each(buffer.into())?;
        }
        Ok(())
    }
}

/// The bytes of an object or part: extents in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Content {
    extents: Vec<Extent>,
    len: u64,
}

impl Content {
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Names its bytes where they are one range of one file: the file's number, offset, length.
    pub(crate) fn identity(&self) -> Option<(u64, u64, u64)> {
        match (self.extents.as_slice(), self.extents.first()?.blob.as_ref()) {
            ([only], Blob::File(_, number)) => Some((*number, only.offset, only.len)),
            _ => None,
        }
    }

    fn push(&mut self, extent: Extent) {
        if extent.len == 0 {
            return;
        }
        self.len += extent.len;
        if let Some(last) = self.extents.last_mut()
            && Arc::ptr_eq(&last.blob, &extent.blob)
            && last.offset + last.len == extent.offset
        {
            last.len += extent.len;
            return;
        }
        self.extents.push(extent);
    }

    /// Puts `other` behind this.
    pub(crate) fn append(&mut self, other: &Content) {
        for extent in &other.extents {
            self.push(extent.clone());
        }
    }

    /// The part of it within `range`, which must lie inside.
    pub(crate) fn slice(&self, range: Range<u64>) -> Content {
        let mut out = Content::default();
        let mut start = 0;
        for extent in &self.extents {
            let end = start + extent.len;
            if range.start < end && start < range.end {
                let from = range.start.max(start) - start;
                let to = range.end.min(end) - start;
                out.push(Extent { blob: Arc::clone(&extent.blob), offset: extent.offset + from, len: to - from });
            }
            start = end;
        }
        out
    }

    /// Calls `each` with all bytes in order, in pieces.
    pub(crate) fn for_each(&self, mut each: impl FnMut(Bytes) -> io::Result<()>) -> io::Result<()> {
        self.extents.iter().try_for_each(|extent| extent.for_each(&mut each))
    }

    /// All bytes at once; for tests and short contents.
    pub(crate) fn to_vec(&self) -> io::Result<Vec<u8>> {
        let mut out = Vec::with_capacity(usize::try_from(self.len).map_err(io::Error::other)?);
        self.for_each(|bytes| {
            out.extend_from_slice(&bytes);
            Ok(())
        })?;
        Ok(out)
    }

    /// Runs a hashing pass over it.
    pub(crate) fn digest(&self, mut hasher: Hasher) -> io::Result<Digests> {
        self.for_each(|bytes| {
            hasher.update(&bytes);
            Ok(())
        })?;
        Ok(hasher.finish())
    }

    /// A body that reads as it is sent. Short ones are read here and now.
    pub(crate) fn body(&self) -> io::Result<s3s::Body> {
        if self.len <= READ_CHUNK {
            return Ok(self.to_vec()?.into());
        }
        let (send, receive) = mpsc::channel(4);
        let content = self.clone();
        tokio::task::spawn_blocking(move || {
            let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
            let sent = content.for_each(|bytes| send.blocking_send(Ok(bytes)).map_err(|_| gone()));
            if let Err(error) = sent {
                let _ = send.blocking_send(Err(error));
            }
        });
        Ok(s3s::Body::http_body_unsync(Channel { receive, left: self.len }))
    }
}

/// A body of known length fed by a reading thread.
struct Channel {
    receive: mpsc::Receiver<io::Result<Bytes>>,
    left: u64,
}

impl http_body::Body for Channel {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, StdError>>> {
        let polled = self.receive.poll_recv(cx);
        polled.map(|next| {
            next.map(|result| {
                let bytes = result?;
                self.left -= bytes.len() as u64;
                Ok(http_body::Frame::data(bytes))
            })
        })
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.left)
    }
}

/// The directory new blobs are written into.
#[derive(Debug)]
pub(crate) struct Spool {
    dir: PathBuf,
    next: AtomicU64,
}

impl Spool {
    pub(crate) fn new(dir: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&dir)?;
        Ok(Self { dir, next: AtomicU64::new(0) })
    }

    fn create(&self) -> io::Result<(File, Arc<Blob>)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.dir.join(format!("{number:08}.blob"));
        let file = File::create(&path)?;
        Ok((file, Arc::new(Blob::File(path, number))))
    }

    /// Stores bytes that are already in memory.
    pub(crate) fn store(&self, bytes: Bytes, mut hasher: Hasher) -> io::Result<(Content, Digests)> {
        hasher.update(&bytes);
        let len = bytes.len() as u64;
        let blob = if bytes.len() <= INLINE_MAX {
            Arc::new(Blob::Memory(bytes))
        } else {
            let (mut file, blob) = self.create()?;
            file.write_all(&bytes)?;
            blob
        };
        let mut content = Content::default();
        content.push(Extent { blob, offset: 0, len });
        Ok((content, hasher.finish()))
    }

    /// Stores all that a reader gives.
    pub(crate) fn store_reader(&self, mut from: impl Read, mut hasher: Hasher) -> io::Result<(Content, Digests)> {
        let mut head = Vec::new();
        from.by_ref().take(INLINE_MAX as u64 + 1).read_to_end(&mut head)?;
        if head.len() <= INLINE_MAX {
            return self.store(head.into(), hasher);
        }
        let mut from = head.chain(from);
        let (mut file, blob) = self.create()?;
        let mut buffer = vec![0; usize::try_from(READ_CHUNK).map_err(io::Error::other)?];
        let mut len = 0;
        loop {
            let read = from.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            file.write_all(&buffer[..read])?;
            hasher.update(&buffer[..read]);
            len += read as u64;
        }
        let mut content = Content::default();
        content.push(Extent { blob, offset: 0, len });
        Ok((content, hasher.finish()))
    }

    /// Stores a body as it arrives, hashing and writing on a thread of its own once it is longer than fits inline.
    pub(crate) async fn receive<S>(&self, mut stream: S, mut hasher: Hasher) -> Result<(Content, Digests), StdError>
    where
        S: Stream<Item = Result<Bytes, StdError>> + Unpin,
    {
        let mut head = Vec::new();
        loop {
            match stream.next().await.transpose()? {
                // Not as a vector, whose spare capacity would stay as long as the object does.
                None => return Ok(self.store(head.into_boxed_slice().into(), hasher)?),
                Some(bytes) => head.extend_from_slice(&bytes),
            }
            if head.len() > INLINE_MAX {
                break;
            }
        }
        let (mut file, blob) = self.create()?;
        let (send, mut receive) = mpsc::channel::<Bytes>(FRAMES_IN_FLIGHT);
        let writer = tokio::task::spawn_blocking(move || -> io::Result<(u64, Digests)> {
            let mut len = 0;
            while let Some(bytes) = receive.blocking_recv() {
                file.write_all(&bytes)?;
                hasher.update(&bytes);
                len += bytes.len() as u64;
            }
            Ok((len, hasher.finish()))
        });
        let mut next = Some(Bytes::from(head));
        while let Some(bytes) = next {
            // A closed channel means the disk failed: the join below says how.
            if send.send(bytes).await.is_err() {
                break;
            }
            next = stream.next().await.transpose()?;
        }
        drop(send);
        let (len, digests) = writer.await??;
        let mut content = Content::default();
        content.push(Extent { blob, offset: 0, len });
        Ok((content, digests))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(spool: &Spool, bytes: Vec<u8>) -> Content {
        spool.store(bytes.into(), Hasher::new(None, true)).unwrap().0
    }

    #[test]
    fn slices_and_appends_like_a_byte_string() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(dir.path().into()).unwrap();
        let pieces: Vec<Vec<u8>> = [5, INLINE_MAX, INLINE_MAX + 1, 3 * READ_CHUNK as usize + 7, 1]
            .iter()
            .map(|len| (0..*len).map(|i| (i * 7 + len) as u8).collect())
            .collect();
        let mut content = Content::default();
        pieces.iter().for_each(|piece| content.append(&store(&spool, piece.clone())));
        let whole = pieces.concat();
        for range in [0..0, 0..1, 4..6, 3..40_000, 5..whole.len(), whole.len() - 2..whole.len(), 0..whole.len()] {
            let got = content.slice(range.start as u64..range.end as u64);
            assert_eq!(got.len(), range.len() as u64);
            assert!(got.to_vec().unwrap() == whole[range.clone()], "{range:?}");
        }
    }

    #[test]
    fn the_file_goes_with_the_last_extent() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(dir.path().into()).unwrap();
        let content = store(&spool, vec![7; INLINE_MAX * 2]);
        let files = || std::fs::read_dir(dir.path()).unwrap().count();
        let copy = content.slice(100..200);
        drop(content);
        assert_eq!(files(), 1);
        assert_eq!(copy.to_vec().unwrap(), [7; 100]);
        drop(copy);
        assert_eq!(files(), 0);
    }
}
