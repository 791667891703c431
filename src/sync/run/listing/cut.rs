//! Guesses where unseen keys lie, from the keys of a page: how far one that is listed now would have to go, and where
//! to cut what lies before it.
//!
//! Pure, and only guesses: a bad one costs a request, never a key.
//!
//! What the keys of a page have in common changes the less often the further left it stands. So raising a character just
//! before the place where they begin to differ skips about a page, and each place further left skips many times as much.

/// Components of keys, and characters of a component, that are told apart; those behind are taken together.
const DEPTHS: usize = 8;
const OFFSETS: usize = 64;

/// Which ASCII characters the keys of a listing have at each place: so many slashes behind the prefix, and so many
/// characters behind the last one.
#[derive(Debug, Clone)]
pub(super) struct Alphabet {
    /// Where the keys begin to say something: the length of the prefix in bytes.
    base: usize,
    /// A bit for each character.
    seen: Vec<u128>,
}

impl Alphabet {
    /// Of keys that start with `base` bytes of prefix.
    pub(super) fn new(base: usize) -> Self {
        Self { base, seen: vec![0; DEPTHS * OFFSETS] }
    }

    /// Takes note of the characters of a key.
    pub(super) fn learn(&mut self, key: &str) {
        for (place, byte) in places(key, self.base) {
            if byte.is_ascii() {
                self.seen[place] |= 1 << byte;
            }
        }
    }

    /// The characters at a place, with all that lie between two of a class.
    fn likely(&self, place: usize) -> u128 {
        let seen = self.seen[place];
        let within = |first: u8, last: u8| {
            let class = seen & (below(last + 1) & !below(first));
            let Some(lowest) = class.checked_ilog2().map(|_| class.trailing_zeros()) else { return 0 };
            below(class.ilog2() as u8 + 1) & !below(lowest as u8)
        };
        seen | within(b'0', b'9') | within(b'A', b'Z') | within(b'a', b'z')
    }

    /// A character strictly between two others (or above the first): the middle one of those that are likely, else, for a
    /// `bold` guess, one that halves the class, else the first behind the class.
    fn between(&self, place: usize, low: u8, high: Option<u8>, bold: bool) -> Option<u8> {
        let high = high.unwrap_or(0x7f).min(0x7f);
        let mut likely = self.likely(place) & below(high) & !below(low + 1);
        if likely != 0 {
            for _ in 0..likely.count_ones() / 2 {
                likely &= likely - 1;
            }
            return Some(likely.trailing_zeros() as u8);
        }
        let end = class_end(low);
        let middle = low + (high.min(end + 1) - low) / 2;
        let raised = if end == b'~' || low == end { end + u8::from(low == end) } else { middle };
        (bold && low < raised && raised < high).then_some(raised)
    }

    /// Where `key` lies between 0 and 1 among those that agree before byte `from`.
    fn position(&self, key: &str, from: usize) -> f64 {
        let (mut position, mut unit) = (0.0, 1.0);
        for ((place, byte), _) in places(key, self.base).zip(self.base..).filter(|(_, at)| *at >= from) {
            let likely = self.likely(place);
            unit /= f64::from(likely.count_ones().max(1));
            position += f64::from((likely & below(byte.min(0x7f))).count_ones()) * unit;
            if unit < f64::EPSILON {
                break;
            }
        }
        position
    }

    /// About how many pages like the last one, from `before` to `last`, lie behind it and up to `until`.
    pub(super) fn pages(&self, before: &str, last: &str, until: &str) -> f64 {
        let from = common(before, until);
        let [before, last, until] = [before, last, until].map(|key| self.position(key, from));
        if last > before { (until - last) / (last - before) } else { f64::INFINITY }
    }

    /// `key` with the character at `at` raised and the rest cut off, strictly below `until`.
    fn raise(&self, key: &str, at: usize, until: Option<&str>, bold: bool) -> Option<String> {
        let low = *key.as_bytes().get(at)?;
        // What is not ASCII consists of bytes that cannot be raised one by one.
        if !low.is_ascii() {
            return None;
        }
        let bound = until.filter(|until| common(key, until) == at).and_then(|until| until.as_bytes().get(at));
        let place = places(key, self.base).nth(at - self.base)?.0;
        let mut raised = key[..at].to_owned();
        raised.push(char::from(self.between(place, low, bound.copied(), bold)?));
        (raised.as_str() > key && until.is_none_or(|until| raised.as_str() < until)).then_some(raised)
    }

    /// Where to cut what lies behind `last` and before `until`, and which byte was raised for that: the one at `at`, or
    /// one further left, or one further right and not behind `end`. A `bold` guess takes characters that nobody has seen.
    pub(super) fn cut(
        &self,
        last: &str,
        until: Option<&str>,
        at: usize,
        end: usize,
        bold: bool,
    ) -> Option<(String, usize)> {
        let left = (self.base..=at.min(end)).rev();
        let right = at.saturating_add(1).max(self.base)..=end;
        let mut places = left.chain(right);
        places.find_map(|at| Some((self.raise(last, at, until, bold)?, at)))
    }
}

/// The bytes of a key behind the prefix, each with its place.
fn places(key: &str, base: usize) -> impl Iterator<Item = (usize, u8)> {
    let (mut depth, mut offset) = (0, 0);
    key.bytes().skip(base).map(move |byte| {
        let place = depth * OFFSETS + offset;
        if byte == b'/' {
            depth = (depth + 1).min(DEPTHS - 1);
            offset = 0;
        } else {
            offset = (offset + 1).min(OFFSETS - 1);
        }
        (place, byte)
    })
}

/// The bits of the characters below `byte`.
fn below(byte: u8) -> u128 {
    1u128.checked_shl(u32::from(byte)).map_or(u128::MAX, |bit| bit - 1)
}

/// How many bytes two keys have in common at the start.
pub(super) fn common(one: &str, other: &str) -> usize {
    one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count()
}

/// The last character of a digit's, a letter's, or another character's class.
fn class_end(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => b'9',
        b'A'..=b'Z' => b'Z',
        b'a'..=b'z' => b'z',
        _ => b'~',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alphabet(keys: &[&str]) -> Alphabet {
        let mut alphabet = Alphabet::new(2);
        keys.iter().for_each(|key| alphabet.learn(key));
        alphabet
    }

    #[test]
    fn unseen_characters_are_guessed_by_class() {
        let alphabet = alphabet(&[]);
        let cut = |last, until, at| alphabet.cut(last, until, at, 9, true).map(|(cut, _)| cut);
        assert_eq!(cut("p/a001", None, 3), Some("p/a5".into()));
        assert_eq!(cut("p/a901", None, 3), Some("p/a:".into()), "behind the class");
        assert_eq!(cut("p/~~01", None, 3), Some("p/~~5".into()), "further right where nothing fits");
        assert_eq!(cut("p/aé01", None, 3), Some("p/n".into()), "further left of what is not ASCII");
        assert_eq!(cut("p/a001", Some("p/a1"), 3), Some("p/a05".into()), "below the bound");
        assert_eq!(cut("p/", None, 2), None);
        assert_eq!(cut("p/~", None, 2), None);
    }

    #[test]
    fn characters_are_likely_where_they_were_seen() {
        let alphabet = alphabet(&["p/d0/x", "p/d9/x", "p/da/x", "p/df/x"]);
        assert_eq!(alphabet.cut("p/d0/x", None, 3, 3, false), Some(("p/d8".into(), 3)));
        assert_eq!(alphabet.cut("p/d0/x", None, 2, 2, false), None, "nothing but d was seen there");
        let pages = alphabet.pages("p/d0/x", "p/d2/x", "p/da/x");
        assert!((3.9..=4.1).contains(&pages), "{pages}");
    }
}
