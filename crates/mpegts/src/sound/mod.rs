//! Sound.

pub(crate) mod adts;
pub(crate) mod kind;
pub(crate) mod track;
