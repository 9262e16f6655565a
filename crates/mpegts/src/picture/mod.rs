//! Pictures: H.264 (ISO/IEC 14496-10) and H.265 (ISO/IEC 23008-2).

mod bits;
pub(crate) mod codec;
pub(crate) mod description;
mod h264;
mod h265;
mod parameters;
pub(crate) mod track;
mod unit;
mod units;
