//! Reading by position: what the scan needs of a file, and reading that skips holes.
//!
//! It opens nothing: files implement [`ReadAt`] where they live.

use std::io;
use std::ops::Range;

/// Bytes that can be read at any offset, by several threads at once.
pub trait ReadAt: Sync {
    /// The length in bytes. It is asked once; a source that shrinks later answers reads with an error.
    fn len(&self) -> u64;

    /// Fills `buf` with the bytes from `offset` on, or fails with [`io::ErrorKind::UnexpectedEof`] where there are
    /// fewer.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()>;

    /// The first run of stored data that ends after `from`, cut to start no earlier than `from`; `None` where only a
    /// hole is left. Bytes outside of runs read as zero. A source that knows no holes answers `from..len`.
    fn data_extent(&self, from: u64) -> io::Result<Option<Range<u64>>>;

    /// Whether there are no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl ReadAt for [u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let bytes = usize::try_from(offset)
            .ok()
            .and_then(|start| self.get(start..start.checked_add(buf.len())?))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(bytes);
        Ok(())
    }

    fn data_extent(&self, from: u64) -> io::Result<Option<Range<u64>>> {
        let len = ReadAt::len(self);
        Ok((from < len).then_some(from..len))
    }
}

/// The same for types that are a slice inside.
macro_rules! read_as_slice {
    ($($slice:ty),*) => {$(
        impl ReadAt for $slice {
            fn len(&self) -> u64 {
                ReadAt::len(&self[..])
            }

            fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
                self[..].read_exact_at(buf, offset)
            }

            fn data_extent(&self, from: u64) -> io::Result<Option<Range<u64>>> {
                self[..].data_extent(from)
            }
        }
    )*};
}

read_as_slice!(&[u8], Vec<u8>);

/// Reads a source and fills in the zeros of its holes without reading them.
pub(super) struct SparseReader<'a> {
    source: &'a dyn ReadAt,
    /// What is known of the source: zeros up to `data.start`, data up to `data.end`.
    known: Range<u64>,
    data: Range<u64>,
}

impl<'a> SparseReader<'a> {
    pub(super) fn new(source: &'a dyn ReadAt) -> Self {
        Self { source, known: 0..0, data: 0..0 }
    }

    /// Fills `buf` with the bytes from `offset` on, which must lie within the source.
    pub(super) fn read(&mut self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset + buf.len() as u64;
        let mut at = offset;
        while at < end {
            if !self.known.contains(&at) {
                self.learn(at)?;
            }
            let until = end.min(self.known.end);
            let data = self.data.start.clamp(at, until);
            let piece = &mut buf[(at - offset) as usize..(until - offset) as usize];
            let (zeros, bytes) = piece.split_at_mut((data - at) as usize);
            zeros.fill(0);
            if !bytes.is_empty() {
                self.source.read_exact_at(bytes, data)?;
            } else if self.data.start == u64::MAX {
                // The hole at the end: a source that shrank has none either, so ask for one byte.
                self.source.read_exact_at(&mut [0], until - 1)?;
            }
            at = until;
        }
        Ok(())
    }

    fn learn(&mut self, at: u64) -> io::Result<()> {
        self.data = self.source.data_extent(at)?.unwrap_or(u64::MAX..u64::MAX);
        if self.data.start < at || self.data.end <= at {
            let run = &self.data;
            return Err(io::Error::other(format!("the data after byte {at} cannot lie at {}..{}", run.start, run.end)));
        }
        self.known = at..self.data.end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Data in the two runs, and anything but zeros where a hole is read.
    struct Holey([Range<u64>; 2], u64);

    impl ReadAt for Holey {
        fn len(&self) -> u64 {
            self.1
        }

        fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
            let end = offset + buf.len() as u64;
            let data = self.0.iter().any(|run| run.start <= offset && end <= run.end);
            assert!(data || buf.len() == 1, "{offset}..{end} is not data");
            buf.fill(7);
            if end > self.1 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
        }

        fn data_extent(&self, from: u64) -> io::Result<Option<Range<u64>>> {
            Ok(self.0.iter().find(|run| run.end > from).map(|run| run.start.max(from)..run.end))
        }
    }

    #[test]
    fn holes_are_zeros_and_are_not_read() {
        let file = Holey([10..20, 25..30], 40);
        let expected: Vec<u8> =
            (0..40).map(|i| if (10..20).contains(&i) || (25..30).contains(&i) { 7 } else { 0 }).collect();
        for start in 0..40 {
            for end in start..=40 {
                let mut reader = SparseReader::new(&file);
                let mut buf = vec![9; end - start];
                reader.read(&mut buf, start as u64).unwrap();
                assert_eq!(buf, expected[start..end]);
            }
        }
        let mut reader = SparseReader::new(&file);
        let mut all = Vec::new();
        for at in (0..40).step_by(4) {
            let mut buf = [9; 4];
            reader.read(&mut buf, at).unwrap();
            all.extend(buf);
        }
        assert_eq!(all, expected);
    }

    #[test]
    fn a_hole_past_the_end_is_an_error() {
        let file = Holey([10..20, 25..30], 40);
        let mut reader = SparseReader::new(&file);
        reader.read(&mut [9; 10], 30).unwrap();
        assert_eq!(reader.read(&mut [9; 10], 31).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn slices_end_where_they_end() {
        let bytes = vec![1u8, 2, 3];
        let mut buf = [0; 2];
        assert!(bytes.read_exact_at(&mut buf, 1).is_ok());
        assert_eq!(bytes.read_exact_at(&mut buf, 2).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(bytes.read_exact_at(&mut buf, u64::MAX).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(bytes.data_extent(3).unwrap(), None);
    }

    #[test]
    fn an_extent_that_goes_nowhere_is_an_error() {
        struct Liar;
        impl ReadAt for Liar {
            fn len(&self) -> u64 {
                9
            }
            fn read_exact_at(&self, _: &mut [u8], _: u64) -> io::Result<()> {
                Ok(())
            }
            fn data_extent(&self, from: u64) -> io::Result<Option<Range<u64>>> {
                Ok(Some(from..from))
            }
        }
        assert!(SparseReader::new(&Liar).read(&mut [0; 4], 2).is_err());
    }
}
