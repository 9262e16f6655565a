//! The transport stream (ISO/IEC 13818-1): packets, tables and PES packets.

pub(crate) mod demux;
pub(crate) mod framing;
pub(crate) mod packet;
pub(crate) mod pes;
pub(crate) mod section;
pub(crate) mod tables;
