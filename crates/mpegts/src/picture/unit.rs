//! NAL units.

/// What a NAL unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// A part of a picture: whether it is one of a key frame, and where in the picture it starts.
    Slice { is_key: bool, first: u32 },
    /// A parameter set.
    Parameters(Kind),
    /// Information for the next slices. It comes before them.
    Information,
    /// Separates pictures, or fills up: it is left out.
    Filler {
        /// Whether a picture ends here.
        ends_picture: bool,
    },
    /// Anything else: whether it comes before the slices.
    Other { is_prefix: bool },
}

/// The kind of a parameter set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Video,
    Sequence,
    Picture,
}

impl Unit {
    /// Whether a picture with a slice cannot go on with this, given where its last slice starts.
    pub(super) fn starts_picture(self, last_first: u32) -> bool {
        match self {
            Self::Slice { first, .. } => first <= last_first,
            Self::Parameters(_) | Self::Information => true,
            Self::Filler { ends_picture } => ends_picture,
            Self::Other { is_prefix } => is_prefix,
        }
    }
}
