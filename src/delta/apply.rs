//! Applying a delta: the bytes of the new file out of the basis and the literals.

use std::io;

use super::difference::{Delta, Op};
use super::read::{ReadAt, SparseReader};

/// How many bytes are moved at once.
const BUFFER_BYTES: u64 = 1 << 20;

/// Writes the new file to `out`: copies come from `basis`, literals from `new`, which is asked for literals only, each at
/// its place in the new file.
///
/// # Errors
///
/// Those of reading and writing. A delta is not checked against the basis: one that reaches past its end gives
/// [`io::ErrorKind::UnexpectedEof`], and whether the bytes are right is for a hash of the whole to say.
pub fn apply(delta: &Delta, basis: &dyn ReadAt, new: &dyn ReadAt, out: &mut dyn io::Write) -> io::Result<()> {
    let (mut copies, mut literals) = (SparseReader::new(basis), SparseReader::new(new));
    let mut buffer = vec![0; delta.len().min(BUFFER_BYTES) as usize];
    let mut at = 0;
    for op in delta.ops() {
        let (source, mut from) = match *op {
            Op::Copy { from, .. } => (&mut copies, from),
            Op::Literal { .. } => (&mut literals, at),
        };
        at += op.len();
        let mut left = op.len();
        while left > 0 {
            let piece = &mut buffer[..left.min(BUFFER_BYTES) as usize];
            source.read(piece, from)?;
            out.write_all(piece)?;
            from += piece.len() as u64;
            left -= piece.len() as u64;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_and_literals_in_order() {
        let delta: Delta =
            [Op::Copy { from: 3, len: 4 }, Op::Literal { len: 2 }, Op::Copy { from: 0, len: 1 }].into_iter().collect();
        let mut out = Vec::new();
        apply(&delta, &&b"abcdefgh"[..], &&b"____XY_"[..], &mut out).unwrap();
        assert_eq!(out, b"defgXYa");
    }

    #[test]
    fn a_copy_past_the_end_of_the_basis_is_an_error() {
        let delta: Delta = [Op::Copy { from: 6, len: 4 }].into_iter().collect();
        let error = apply(&delta, &&b"abcdefgh"[..], &&b""[..], &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
