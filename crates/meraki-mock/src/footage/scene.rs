//! The rooms that the cameras look at, as slices of H.264.

use std::sync::LazyLock;

/// Annex B: the parameter sets, and pictures one after another, each of slices of two rows of macroblocks.
static SOURCE: &[u8] = include_bytes!("../../fixtures/footage/scenes.h264");
/// The slices of a picture.
const SLICES: usize = 12;
/// The pictures of a scene: an even number. Two whole pictures, one after the other, must differ in `idr_pic_id`, which is
/// 0 and 1 in turn.
const PICTURES: usize = 6;

pub(crate) static SCENES: LazyLock<Scenes> = LazyLock::new(Scenes::read);

/// Start codes, and what they separate.
pub(crate) const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// All scenes.
#[derive(Debug, Default)]
pub(crate) struct Scenes {
    scenes: Vec<Scene>,
}

/// The pictures of one room, in Annex B: parameter sets, and all slices but the first, which is the caption's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scene {
    parameters: Vec<u8>,
    pictures: Vec<Vec<u8>>,
}

impl Scenes {
    fn read() -> Self {
        let units = units(SOURCE);
        let of_type = |kind: u8| {
            let has = move |unit: &&&[u8]| unit.first().is_some_and(|first| first & 0x1f == kind);
            units.iter().filter(has)
        };
        let joined = |units: &[&[u8]]| {
            let unit = |unit: &&[u8]| [START_CODE.as_slice(), unit].concat();
            units.iter().flat_map(unit).collect::<Vec<u8>>()
        };
        let parameters = [of_type(7).next(), of_type(8).next()];
        let parameters = joined(
            &parameters
                .into_iter()
                .flatten()
                .copied()
                .collect::<Vec<_>>(),
        );
        let slices: Vec<_> = of_type(5).copied().collect();
        let pictures: Vec<_> = slices
            .chunks_exact(SLICES)
            .map(|picture| joined(picture.get(1..).unwrap_or_default()))
            .collect();
        let scene = |pictures: &[Vec<u8>]| Scene {
            parameters: parameters.clone(),
            pictures: pictures.to_vec(),
        };
        Self {
            scenes: pictures.chunks_exact(PICTURES).map(scene).collect(),
        }
    }

    /// The scene of a camera: always the same.
    pub(crate) fn of(&self, camera: &str) -> &Scene {
        static NONE: Scene = Scene {
            parameters: Vec::new(),
            pictures: Vec::new(),
        };
        let number = camera.bytes().map(usize::from).sum::<usize>();
        let index = number.checked_rem(self.scenes.len()).unwrap_or_default();
        self.scenes.get(index).unwrap_or(&NONE)
    }

    /// The size of the largest picture, with its parameter sets.
    pub(crate) fn largest(&self) -> usize {
        let size = |scene: &Scene| {
            let largest = scene.pictures.iter().map(Vec::len).max();
            largest.unwrap_or_default() + scene.parameters.len()
        };
        self.scenes.iter().map(size).max().unwrap_or_default()
    }
}

impl Scene {
    pub(crate) fn parameters(&self) -> &[u8] {
        &self.parameters
    }

    /// A picture, and its `idr_pic_id`.
    pub(crate) fn picture(&self, number: u64) -> (&[u8], u32) {
        let index = usize::try_from(number % PICTURES as u64).unwrap_or_default();
        let picture = self.pictures.get(index).map_or(&[][..], Vec::as_slice);
        (picture, u32::from(index % 2 == 1))
    }
}

/// The NAL units of a stream in Annex B.
fn units(stream: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<_> = stream
        .windows(3)
        .enumerate()
        .filter_map(|(at, window)| (window == [0, 0, 1]).then_some(at))
        .collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    let unit = |(start, end): (&usize, usize)| stream.get(start + 3..end);
    let units = starts.iter().zip(ends).filter_map(unit);
    // A start code may have four bytes: the first is the end of no unit.
    units
        .map(|unit| unit.strip_suffix(&[0]).unwrap_or(unit))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_four_scenes() {
        assert_eq!(SCENES.scenes.len(), 4);
        for scene in &SCENES.scenes {
            assert_eq!(scene.pictures.len(), PICTURES);
            assert_eq!(units(&scene.parameters).len(), 2);
            for picture in &scene.pictures {
                assert_eq!(units(picture).len(), SLICES - 1);
            }
        }
    }
}
