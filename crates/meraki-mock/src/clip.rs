//! The default clip.

/// The default clip of a media URL: four seconds of MPEG-TS with H.264 video and AAC audio.
/// `fixtures/README.md` says how it was made.
pub static CLIP: &[u8] = include_bytes!("../fixtures/clip.ts");
