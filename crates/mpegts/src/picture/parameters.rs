//! The parameter sets that are in force.

use super::codec::Codec;
use super::unit::Kind;
use super::{h264, h265};
use crate::error::Limit;

/// The most sets of a kind that MP4 takes.
const MAX_SETS: usize = 31;

/// A parameter set.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Set {
    kind: Kind,
    id: u32,
    /// The sequence parameter set that a picture parameter set belongs to.
    parent: u32,
    bytes: Vec<u8>,
}

/// The parameter sets that are in force, ordered by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    sets: Vec<Set>,
}

impl Parameters {
    /// Puts a set into force. Says whether it changes anything. A set that cannot be read is left out.
    pub(super) fn update(&mut self, codec: Codec, kind: Kind, unit: &[u8]) -> Result<bool, Limit> {
        if self.contains(unit) {
            return Ok(false);
        }
        let Some((id, parent)) = identify(codec, kind, unit) else {
            return Ok(false);
        };
        if kind == Kind::Sequence {
            // The pictures of another sequence.
            self.sets
                .retain(|set| set.kind != Kind::Picture || set.parent != id);
        }
        self.sets.retain(|set| (set.kind, set.id) != (kind, id));
        let same_kind = self.sets.iter().filter(|set| set.kind == kind).count();
        let bytes = self.sets.iter().map(|set| set.bytes.len()).sum::<usize>();
        if same_kind == MAX_SETS || bytes + unit.len() > Limit::PARAMETER_BYTES {
            return Err(Limit::ParameterBytes);
        }
        let at = self
            .sets
            .partition_point(|set| (set.kind, set.id) < (kind, id));
        self.sets.insert(
            at,
            Set {
                kind,
                id,
                parent,
                bytes: unit.to_vec(),
            },
        );
        Ok(true)
    }

    /// Whether the set is in force.
    pub(super) fn contains(&self, unit: &[u8]) -> bool {
        self.sets.iter().any(|set| set.bytes == unit)
    }

    /// The sets of a kind.
    pub(super) fn of(&self, kind: Kind) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        let sets = self.sets.iter().filter(move |set| set.kind == kind);
        sets.map(|set| set.bytes.as_slice())
            .collect::<Vec<_>>()
            .into_iter()
    }
}

fn identify(codec: Codec, kind: Kind, unit: &[u8]) -> Option<(u32, u32)> {
    match (codec, kind) {
        (Codec::H264, Kind::Sequence) => Some((h264::sequence(unit)?.id, 0)),
        (Codec::H264, _) => h264::picture(unit),
        (Codec::H265, Kind::Video) => Some((h265::video(unit)?, 0)),
        (Codec::H265, Kind::Sequence) => Some((h265::sequence(unit)?.id, 0)),
        (Codec::H265, Kind::Picture) => h265::picture(unit),
    }
}
