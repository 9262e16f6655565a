//! The caption in each picture: the camera and the time.

use chrono::DateTime;

use super::{RATE, STEP};

/// The characters of a caption: as many as go into a picture.
pub(crate) const LENGTH: usize = 40;
/// The size of a character in pixels: one macroblock above another.
pub(crate) const WIDTH: usize = 16;
pub(crate) const HEIGHT: usize = 32;
/// The characters of the time, which ends the caption.
const TIME: usize = 22;
/// The place of the last digit of the seconds.
pub(crate) const SECOND: usize = LENGTH - 4;
/// The place of the tenths of a second.
pub(crate) const TENTH: usize = LENGTH - 2;

/// The characters that can be written, in the order of their pictures.
const CHARACTERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-:. ";
/// The pictures: the luma of each pixel, line by line, between 16 and 235.
static GLYPHS: &[u8] = include_bytes!("../../fixtures/footage/glyphs.y");

/// The characters of a caption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caption([u8; LENGTH]);

impl Caption {
    /// `at` is in tenths of a second since 1970.
    pub(crate) fn new(camera: &str, at: u64) -> Self {
        let seconds = i64::try_from(at / RATE).unwrap_or_default();
        let time = DateTime::from_timestamp(seconds, 0).unwrap_or_default();
        let tenths = at % RATE * (STEP / 100);
        let text = format!(
            "{:<width$.width$} {}.{tenths}Z",
            camera.to_ascii_uppercase(),
            time.format("%Y-%m-%d %H:%M:%S"),
            width = LENGTH - TIME - 1,
        );
        let mut characters = [b' '; LENGTH];
        for (place, character) in characters.iter_mut().zip(text.bytes()) {
            *place = character;
        }
        Self(characters)
    }

    /// The rows of pixels of a character. A character that cannot be written is a space.
    pub(crate) fn glyph(&self, place: usize) -> &'static [u8] {
        let character = self.0.get(place).copied().unwrap_or(b' ');
        let known = CHARACTERS.iter().position(|known| *known == character);
        let index = known.unwrap_or(CHARACTERS.len() - 1);
        glyphs().nth(index).unwrap_or_default()
    }
}

fn glyphs() -> impl Iterator<Item = &'static [u8]> {
    GLYPHS.chunks_exact(WIDTH * HEIGHT)
}

/// Reads the caption off a picture of the mock's own footage: the camera, as in `Q2MV-MOCK-0004.2`, and the time, as in
/// `2026-03-12 14:30:00.0Z`. `luma` has the luma of each pixel, line by line, 640 to a line. `None` if another picture is
/// given, or one that was encoded again.
pub fn read_caption(luma: &[u8]) -> Option<String> {
    let lines: Vec<_> = luma.chunks_exact(LENGTH * WIDTH).take(HEIGHT).collect();
    let text = (0..LENGTH).map(|place| {
        let pixels = lines.iter().flat_map(|line| {
            let part = line.chunks_exact(WIDTH).nth(place);
            part.unwrap_or_default().iter().copied()
        });
        let pixels: Vec<u8> = pixels.collect();
        let index = glyphs().position(|glyph| glyph == pixels)?;
        Some(char::from(*CHARACTERS.get(index)?))
    });
    let text = text.collect::<Option<String>>()?;
    let (camera, time) = text.split_at_checked(LENGTH - TIME)?;
    Some(format!("{} {time}", camera.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixels(caption: &Caption) -> Vec<u8> {
        let line = |line: usize| {
            (0..LENGTH).flat_map(move |place| &caption.glyph(place)[line * WIDTH..][..WIDTH])
        };
        (0..HEIGHT).flat_map(line).copied().collect()
    }

    #[test]
    fn what_is_written_can_be_read() {
        for (camera, at, expected) in [
            (
                "Q2MV-MOCK-0004.2",
                17_733_258_005,
                "Q2MV-MOCK-0004.2 2026-03-12 14:30:00.5Z",
            ),
            ("q2", 0, "Q2 1970-01-01 00:00:00.0Z"),
            ("a_b", 17_733_258_019, "A B 2026-03-12 14:30:01.9Z"),
            (
                "a name that is far too long",
                9,
                "A NAME THAT IS FA 1970-01-01 00:00:00.9Z",
            ),
        ] {
            let caption = Caption::new(camera, at);
            let found = read_caption(&pixels(&caption));
            assert_eq!(found.as_deref(), Some(expected));
        }
    }

    #[test]
    fn no_two_characters_look_alike() {
        let mut all: Vec<_> = glyphs().collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), CHARACTERS.len());
        assert_eq!(GLYPHS.len(), CHARACTERS.len() * WIDTH * HEIGHT);
    }

    #[test]
    fn another_picture_has_no_caption() {
        let mut picture = pixels(&Caption::new("Q2MV-MOCK-0001", 5));
        picture[7] ^= 1;
        for picture in [&picture[..], &picture[1..], &[]] {
            assert_eq!(read_caption(picture), None);
        }
    }
}
