//! The weak sum: a polynomial over the bytes, modulo 2^64, that rolls over a file and combines.
//!
//! `sum(b[0..n]) = b[0] * M^(n-1) + b[1] * M^(n-2) + .. + b[n-1]`, in wrapping arithmetic. It is no cryptographic hash,
//! and with a modulus of 2^64 colliding blocks can be made on purpose (Thue-Morse words collide for every multiplier):
//! whoever finds a block by its weak sum has to check the strong one and to bound how often that may fail.
//! Its high bits are well mixed; its low bits see only the low bits of the bytes. Tables index by the high bits.
//!
//! Method: Rabin and Karp, "Efficient randomized pattern-matching algorithms", 1987.

use super::signature::WeakSum;

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

/// How many bytes are summed at once: so few that the sum of their products with 16-bit numbers fits into 32 bits.
const ROW: usize = 128;
const POWER_OF_ROW: u64 = power(ROW as u64);
/// The powers for the bytes of a row, each cut into four signed 16-bit digits, lowest first: processors multiply and add
/// such numbers eight or more at once, and 64-bit ones one by one.
const ROW_DIGITS: [[i16; ROW]; 4] = {
    let mut digits = [[0; ROW]; 4];
    let mut i = 0;
    while i < ROW {
        let mut left = power((ROW - 1 - i) as u64);
        let mut digit = 0;
        while digit < 4 {
            digits[digit][i] = left as i16;
            left = left.wrapping_sub(left as i16 as u64) >> 16;
            digit += 1;
        }
        i += 1;
    }
    digits
};

fn row_sum(row: &[u8; ROW]) -> u64 {
    let row: [i16; ROW] = std::array::from_fn(|i| i16::from(row[i]));
    let mut sum = 0u64;
    for digits in ROW_DIGITS.iter().rev() {
        let products: i32 = row.iter().zip(digits).map(|(byte, digit)| i32::from(*byte) * i32::from(*digit)).sum();
        sum = (sum << 16).wrapping_add(products as u64);
    }
    sum
}

/// The sum of what `sum` is the sum of, and `bytes` after it.
pub(super) fn extend(mut sum: u64, bytes: &[u8]) -> u64 {
    let (rows, rest) = bytes.as_chunks::<ROW>();
    for row in rows {
        sum = sum.wrapping_mul(POWER_OF_ROW).wrapping_add(row_sum(row));
    }
    for byte in rest {
        sum = sum.wrapping_mul(MULTIPLIER).wrapping_add(u64::from(*byte));
    }
    sum
}

/// How sums of windows of one length roll on by a byte.
pub(super) struct Roller {
    /// What each byte value adds to the sum by the time it leaves: `byte * M^len`.
    leaving: Box<[u64; 256]>,
    power: u64,
}

impl Roller {
    /// For windows of `len` bytes.
    pub(super) fn new(len: u64) -> Self {
        let power = power(len);
        let mut leaving = Box::new([0; 256]);
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

    #[test]
    fn golden_values() {
        assert_eq!(sum(b"").0, 0);
        assert_eq!(sum(b"a").0, 0x61);
        assert_eq!(sum(b"ab").0, 0x61u64.wrapping_mul(MULTIPLIER).wrapping_add(0x62));
        assert_eq!(sum(b"hugesync").0, slow(b"hugesync"));
    }

    #[test]
    fn every_length_sums_like_the_definition() {
        let bytes = bytes(3000);
        for len in (0..600).chain([1023, 1024, 1025, 2047, 2999, 3000]) {
            assert_eq!(sum(&bytes[..len]).0, slow(&bytes[..len]), "{len} bytes");
            assert_eq!(sum(&vec![255; len]).0, slow(&vec![255; len]), "{len} bytes of 255");
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
