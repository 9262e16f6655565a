//! Checks and measures MPEG transport streams, the format of Meraki's clips, and writes them as MP4.
//!
//! | to | use |
//! | --- | --- |
//! | decide whether bytes are a clip | [`Checker`] |
//! | learn what is in a clip, and what is missing | [`scan`], [`Scanner`] |
//! | write MP4 with the index in front, in two passes | [`Indexer`], [`Index`], [`Mp4Writer`] |
//! | write fragmented MP4, in one pass | [`Fragmenter`] |
//! | write a transport stream | [`mux`] |
//!
//! Everything takes bytes in pieces of any size, does no I/O, reads no clock, and holds a bounded amount of memory
//! whatever the bytes are ([`Limit`]). The result does not depend on the pieces.
//!
//! # What is written
//!
//! H.264 (`avc1`) or H.265 (`hvc1`), and AAC. Pictures and sound are copied as they are. Other sound is left out, and
//! [`Summary::notes`] says so. The video is that of the first program that has one.
//!
//! - The file starts with the first picture that can be shown by itself.
//! - Pictures and sound keep their distance in time. The first of them is at zero.
//! - The clock of a stream is a counter of 33 bits. Where it wraps, the time line goes on. Where it jumps, by more than
//!   300 s or back, the time line goes on too, and a [`Note`] tells the jump. A shorter step forward is a [`Hole`], which
//!   stays as long as it is.
//! - Damaged pictures are kept, as other programs do: a player shows what is left of them. [`Losses`] counts them.

#![forbid(unsafe_code)]

mod check;
mod clock;
mod error;
mod fragments;
mod index;
mod kind;
mod mp4;
pub mod mux;
mod picture;
mod rate;
mod reader;
mod sample;
mod scan;
mod sound;
mod summary;
mod transport;

pub use self::check::{Checker, NotMpegTs};
pub use self::error::{Error, Limit};
pub use self::fragments::Fragmenter;
pub use self::index::{Index, Indexer, Mp4Writer};
pub use self::kind::StreamType;
pub use self::scan::{Scanner, scan};
pub use self::sound::kind::SoundCodec;
pub use self::summary::{ClockJump, Direction, Hole, Losses, Note, Program, Sound, Summary, Video};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
