//! Why there is no signature of the old version.

/// Why there is no signature of what the store has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoBasis {
    /// Nothing lies there.
    NewObject,
    /// The user wants no sidecars.
    SidecarsOff,
    /// The object has no sidecar.
    NoSidecar,
    /// The object cannot be copied from.
    Archived(String),
    /// There is a sidecar, and it is refused; why.
    Refused(String),
    /// What was copied from the old version was not what its sidecar promises.
    NotEqual,
    /// The user wants no delta.
    WholeFile,
}

impl NoBasis {
    /// For the report: why the file is uploaded whole.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::NewObject => "new object".to_owned(),
            Self::SidecarsOff => "changed, and sidecars are off".to_owned(),
            Self::NoSidecar => "the object has no sidecar yet".to_owned(),
            Self::Archived(_) => "the object is archived and cannot be copied from".to_owned(),
            Self::Refused(_) => "its sidecar was refused".to_owned(),
            Self::NotEqual => "its sidecar turned out to be wrong".to_owned(),
            Self::WholeFile => "changed, and a delta is not wanted".to_owned(),
        }
    }

    /// For the user at once: what is wrong with what was expected to be there.
    pub(crate) fn warning(&self) -> Option<String> {
        match self {
            Self::Archived(class) => Some(format!("the object is in {class}: nothing can be copied from it")),
            Self::Refused(why) => Some(format!("its sidecar is refused: {why}")),
            Self::NewObject | Self::SidecarsOff | Self::NoSidecar | Self::NotEqual | Self::WholeFile => None,
        }
    }
}
