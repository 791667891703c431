//! The delta: which ranges of the new file lie where in the basis, and which are new.
//!
//! Literals are ranges, never bytes: whoever needs them reads the new file.

/// One run of the new file. Runs follow one another without gap, so an operation needs no offset in the new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `len` bytes that lie in the basis from `from` on.
    Copy {
        /// Where the bytes start in the basis.
        from: u64,
        /// How many bytes.
        len: u64,
    },
    /// `len` bytes that the basis does not have.
    Literal {
        /// How many bytes.
        len: u64,
    },
}

impl Op {
    /// How many bytes of the new file the operation makes.
    pub const fn len(&self) -> u64 {
        match *self {
            Self::Copy { len, .. } | Self::Literal { len } => len,
        }
    }

    /// Whether it makes none; a [`Delta`] holds no such operation.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How to make the new file out of the basis: operations in the order of the new file.
///
/// Normal form: no operation is empty, two literals never touch, and two copies that touch in both files are one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delta {
    ops: Vec<Op>,
    len: u64,
}

impl Delta {
    /// Adds an operation at the end, merging it with the one before where they are one run. An empty one is dropped.
    pub fn push(&mut self, op: Op) {
        if op.is_empty() {
            return;
        }
        self.len += op.len();
        match (self.ops.last_mut(), op) {
            (Some(Op::Literal { len }), Op::Literal { len: more }) => *len += more,
            (Some(Op::Copy { from, len }), Op::Copy { from: next, len: more }) if *from + *len == next => *len += more,
            _ => self.ops.push(op),
        }
    }

    /// The operations in the order of the new file.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// The length of the new file in bytes.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether the new file is empty.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes of the new file the basis does not have.
    pub fn literal_bytes(&self) -> u64 {
        self.ops.iter().filter(|op| matches!(op, Op::Literal { .. })).map(Op::len).sum()
    }

    /// Whether the new file is the basis, which is `basis_len` bytes long, byte for byte.
    pub fn is_identity(&self, basis_len: u64) -> bool {
        self.len == basis_len && matches!(self.ops[..], [] | [Op::Copy { from: 0, .. }])
    }
}

impl FromIterator<Op> for Delta {
    fn from_iter<I: IntoIterator<Item = Op>>(ops: I) -> Self {
        let mut delta = Self::default();
        ops.into_iter().for_each(|op| delta.push(op));
        delta
    }
}
