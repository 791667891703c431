//! The weak sum: a polynomial over the bytes, modulo 2^64, that rolls over a file and combines.
//!
//! `sum(b[0..n]) = b[0] * M^(n-1) + b[1] * M^(n-2) + .. + b[n-1]`, in wrapping arithmetic. It is no cryptographic hash,
//! and with a modulus of 2^64 colliding blocks can be made on purpose (Thue-Morse words collide for every multiplier):
//! whoever finds a block by its weak sum has to check the strong one and to bound how often that may fail.
//! Its high bits are well mixed; its low bits see only the low bits of the bytes. Tables index by the high bits.
//!
//! Method: Rabin and Karp, "Efficient randomized pattern-matching algorithms", 1987.

use super::block::WeakSum;

/// The multiplier: 2^64 divided by the golden ratio, made odd; being 5 modulo 8, its powers repeat only after 2^62. The
/// bytes of a sidecar depend on it.
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

/// The weak sum of bytes.
pub(super) fn sum(bytes: &[u8]) -> WeakSum {
    WeakSum(extend(0, bytes))
}

/// The weak sum of two runs of bytes, one after the other, from the sum of each and the length of the second.
pub(super) fn combine(first: WeakSum, second: WeakSum, second_len: u64) -> WeakSum {
    WeakSum(first.0.wrapping_mul(power(second_len)).wrapping_add(second.0))
}

/// The multiplier to the power of `exponent`.
pub(super) const fn power(mut exponent: u64) -> u64 {
    let (mut result, mut square) = (1u64, MULTIPLIER);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result.wrapping_mul(square);
        }
        square = square.wrapping_mul(square);
        exponent >>= 1;
    }
    result
}

/// The sum of what `sum` is the sum of, and `bytes` after it.
pub(super) fn extend(mut sum: u64, bytes: &[u8]) -> u64 {
    let (rows, rest) = bytes.as_chunks::<ROW>();
    for row in rows {
        sum = sum.wrapping_mul(const { power(ROW as u64) }).wrapping_add(row_sum(row));
    }
    extend_slowly(sum, rest)
}

#[cfg(not(target_arch = "x86_64"))]
fn row_sum(row: &[u8; ROW]) -> u64 {
    extend_slowly(0, row)
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
fn row_sum(row: &[u8; ROW]) -> u64 {
    // SAFETY: every x86-64 processor has SSE2.
    unsafe { row_sum_sse2(row) }
}

/// The same, eight bytes at a time.
fn extend_slowly(mut sum: u64, bytes: &[u8]) -> u64 {
    const POWERS: [u64; 9] = [power(8), power(7), power(6), power(5), power(4), power(3), power(2), power(1), power(0)];
    let (eights, rest) = bytes.as_chunks::<8>();
    for eight in eights {
        let products = eight.iter().zip(&POWERS[1..]).map(|(byte, power)| u64::from(*byte).wrapping_mul(*power));
        sum = products.fold(sum.wrapping_mul(POWERS[0]), u64::wrapping_add);
    }
    rest.iter().fold(sum, |sum, byte| sum.wrapping_mul(MULTIPLIER).wrapping_add(u64::from(*byte)))
}

/// How many bytes are summed at once: no more, so that the sum of their products with 16-bit numbers fits into 32 bits.
const ROW: usize = 256;

/// The sum of a row. The powers are cut into four signed 16-bit digits: even the oldest of these processors multiplies
/// and adds eight such numbers at once, and 64-bit ones one by one. Three times as fast as [`extend_slowly`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
fn row_sum_sse2(row: &[u8; ROW]) -> u64 {
    use std::arch::x86_64::{
        __m128i, _mm_add_epi32, _mm_cvtsi128_si32, _mm_madd_epi16, _mm_set_epi64x, _mm_setzero_si128,
        _mm_shuffle_epi32, _mm_unpackhi_epi8, _mm_unpacklo_epi8,
    };
    #[target_feature(enable = "sse2")]
    fn load(half: [u64; 2]) -> __m128i {
        _mm_set_epi64x(half[1] as i64, half[0] as i64)
    }
    let mut sums = [_mm_setzero_si128(); 4];
    let (pieces, _) = row.as_chunks::<16>();
    for (piece, powers) in pieces.iter().zip(&ROW_DIGITS) {
        let bytes = u128::from_le_bytes(*piece);
        let bytes = load([bytes as u64, (bytes >> 64) as u64]);
        let low = _mm_unpacklo_epi8(bytes, _mm_setzero_si128());
        let high = _mm_unpackhi_epi8(bytes, _mm_setzero_si128());
        for (sum, digits) in sums.iter_mut().zip(powers) {
            let products = _mm_add_epi32(_mm_madd_epi16(low, load(digits[0])), _mm_madd_epi16(high, load(digits[1])));
            *sum = _mm_add_epi32(*sum, products);
        }
    }
    sums.into_iter().rev().fold(0u64, |total, sum| {
        let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b01_00_11_10>(sum));
        let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b10_11_00_01>(sum));
        (total << 16).wrapping_add(_mm_cvtsi128_si32(sum) as u64)
    })
}

/// The powers for the bytes of a row, for every 16 bytes and each of the four digits, lowest first: sixteen numbers,
/// packed as they lie in memory.
#[cfg(target_arch = "x86_64")]
static ROW_DIGITS: [[[[u64; 2]; 2]; 4]; ROW / 16] = {
    let mut digits = [[[[0; 2]; 2]; 4]; ROW / 16];
    let mut i = 0;
    while i < ROW {
        let mut left = power((ROW - 1 - i) as u64);
        let mut digit = 0;
        while digit < 4 {
            let word = &mut digits[i / 16][digit][i % 16 / 8][i % 8 / 4];
            *word |= (left & 0xFFFF) << (i % 4 * 16);
            left = left.wrapping_sub(left as i16 as u64) >> 16;
            digit += 1;
        }
        i += 1;
    }
    digits
};

/// How sums of windows of one length roll on by a byte.
pub(super) struct Roller {
    /// What each byte value adds to the sum by the time it leaves: `byte * M^len`.
    leaving: [u64; 256],
    power: u64,
}

impl Roller {
    /// For windows of `len` bytes.
    pub(super) fn new(len: u64) -> Self {
        let power = power(len);
        let mut leaving = [0; 256];
        for (byte, entry) in leaving.iter_mut().enumerate() {
            *entry = power.wrapping_mul(byte as u64);
        }
        Self { leaving, power }
    }

    /// The sum one byte further on: `out` leaves the window in front, `next` enters it behind.
    #[inline(always)]
    pub(super) fn roll(&self, sum: u64, out: u8, next: u8) -> u64 {
        sum.wrapping_mul(MULTIPLIER).wrapping_add(u64::from(next).wrapping_sub(self.leaving[usize::from(out)]))
    }

    /// The sum of a window from the sum of everything up to its end and the sum of everything up to its start.
    #[inline]
    pub(super) fn between(&self, until_end: u64, until_start: u64) -> u64 {
        until_end.wrapping_sub(until_start.wrapping_mul(self.power))
    }
}

/// The distance of the places up to which a [`Prefix`] remembers the sum.
const PREFIX_STEP: usize = 1024;

/// Sums of everything from the start of some bytes up to each of many places, so that any window's sum is near.
pub(super) struct Prefix<'a> {
    bytes: &'a [u8],
    sums: Vec<u64>,
}

impl<'a> Prefix<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let mut sums = Vec::with_capacity(bytes.len() / PREFIX_STEP + 1);
        let mut sum = 0;
        sums.push(sum);
        for step in bytes.chunks_exact(PREFIX_STEP) {
            sum = extend(sum, step);
            sums.push(sum);
        }
        Self { bytes, sums }
    }

    /// The sum of the first `end` bytes.
    pub(super) fn until(&self, end: usize) -> u64 {
        let step = end / PREFIX_STEP;
        extend(self.sums[step], &self.bytes[step * PREFIX_STEP..end])
    }

    /// The sum of the window of the roller's length `len` that starts at `start`.
    pub(super) fn window(&self, roller: &Roller, start: usize, len: usize) -> u64 {
        roller.between(self.until(start + len), self.until(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the module says that the sum is, byte by byte.
    fn slow(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0, |sum, byte| sum.wrapping_mul(MULTIPLIER).wrapping_add(u64::from(*byte)))
    }

    fn bytes(len: usize) -> Vec<u8> {
        (0..len as u64).map(|i| (i.wrapping_mul(i) >> 3) as u8 ^ i as u8).collect()
    }

    /// The bytes of a sidecar depend on these.
    #[test]
    fn golden_values() {
        assert_eq!(sum(b"").0, 0);
        assert_eq!(sum(b"a").0, 0x61);
        assert_eq!(sum(b"ab").0, 0xf3051f493b390457);
        assert_eq!(sum(b"hugesync").0, 0x42ef3596d1a3c8ae);
        let bytes: Vec<u8> = (0..1000u32).map(|i| (i % 251) as u8).collect();
        assert_eq!(sum(&bytes).0, 0xd21f08e5d4ad44ba);
        assert_eq!(sum(&[255; 65_536]).0, 0xd5857c20eaa90000);
    }

    #[test]
    fn every_length_sums_like_the_definition() {
        let bytes = bytes(3000);
        for len in (0..600).chain([1023, 1024, 1025, 2047, 2999, 3000]) {
            assert_eq!(sum(&bytes[..len]).0, slow(&bytes[..len]), "{len} bytes");
            assert_eq!(sum(&vec![255; len]).0, slow(&vec![255; len]), "{len} bytes of 255");
            assert_eq!(extend_slowly(7, &bytes[..len]), extend(7, &bytes[..len]), "{len} bytes");
        }
    }

    #[test]
    fn sums_combine() {
        let bytes = bytes(700);
        for cut in [0, 1, 8, 350, 699, 700] {
            let (a, b) = bytes.split_at(cut);
            assert_eq!(combine(sum(a), sum(b), b.len() as u64), sum(&bytes));
        }
    }

    #[test]
    fn windows_roll_and_are_found_from_prefixes() {
        let bytes = bytes(5000);
        let roller = Roller::new(1500);
        let prefix = Prefix::new(&bytes);
        let mut rolling = sum(&bytes[..1500]).0;
        for start in 0..3500 {
            assert_eq!(rolling, sum(&bytes[start..start + 1500]).0);
            assert_eq!(rolling, prefix.window(&roller, start, 1500));
            rolling = roller.roll(rolling, bytes[start], bytes[start + 1500]);
        }
    }
}
