//! MP4 (ISO/IEC 14496-12).

pub(crate) mod boxes;
mod entry;
pub(crate) mod fragment;
pub(crate) mod movie;
pub(crate) mod table;
