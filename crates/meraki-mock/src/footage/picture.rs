//! Pictures of H.264 with a caption. A caption is written as macroblocks without compression (`I_PCM`), so that what is
//! shown is exact and no encoder is needed. Where nothing changes, macroblocks are skipped.

use super::caption::{Caption, HEIGHT, LENGTH, WIDTH};
use super::scene::{START_CODE, Scene};

/// The macroblocks in a row, and of a picture.
const ROW: usize = LENGTH;
const ALL: usize = ROW * 23;
/// The rows of macroblocks of a character.
const ROWS: usize = HEIGHT / 16;
/// The bytes of a macroblock without compression: luma, and two parts of chroma.
const PCM: usize = 256 + 128;
/// The most bytes around a macroblock: what is skipped before it, and its type.
const AROUND: usize = 6;
/// The most bytes of a unit around its macroblocks, with what begins a picture.
const FRAME: usize = 24;

/// The access unit delimiter, for pictures of any type.
const DELIMITER: [u8; 2] = [9, 0xf0];
/// The NAL unit types, with the mark of a picture that others refer to.
const KEY: u8 = 0x65;
const OTHER: u8 = 0x61;

/// The most bytes of the caption in a whole picture, with what begins a picture.
pub(crate) const MOST_CAPTION: usize = FRAME + LENGTH * ROWS * (PCM + AROUND);

/// The most bytes of a picture in which so many characters changed.
pub(crate) const fn most_of_change(characters: usize) -> usize {
    FRAME + characters * ROWS * (PCM + AROUND)
}

/// A picture that can be decoded alone: the scene's picture of this number, with a caption.
pub(crate) fn key(scene: &Scene, number: u64, caption: &Caption) -> Vec<u8> {
    let (picture, idr_pic_id) = scene.picture(number);
    let mut bits = Bits::default();
    bits.unsigned(0); // first_mb_in_slice
    bits.unsigned(7); // slice_type: I
    bits.unsigned(0); // pic_parameter_set_id
    bits.fixed(0, 4); // frame_num
    bits.unsigned(idr_pic_id);
    bits.fixed(0, 1); // no_output_of_prior_pics_flag
    bits.fixed(0, 1); // long_term_reference_flag
    bits.unsigned(0); // slice_qp_delta
    bits.unsigned(1); // disable_deblocking_filter_idc
    for row in 0..ROWS {
        for place in 0..LENGTH {
            bits.unsigned(25); // mb_type: I_PCM
            bits.macroblock(caption, place, row);
        }
    }
    let caption = bits.unit(KEY);
    [
        &unit(&DELIMITER),
        scene.parameters(),
        &unit(&caption),
        picture,
    ]
    .concat()
}

/// A picture that differs from the one before in these characters. `since` is the number of pictures since the last whole
/// one.
pub(crate) fn change(since: u64, characters: &[usize], caption: &Caption) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.unsigned(0); // first_mb_in_slice
    bits.unsigned(5); // slice_type: P
    bits.unsigned(0); // pic_parameter_set_id
    bits.fixed((since % 16) as u32, 4); // frame_num
    bits.fixed(0, 1); // num_ref_idx_active_override_flag
    bits.fixed(0, 1); // ref_pic_list_modification_flag_l0
    bits.fixed(0, 1); // adaptive_ref_pic_marking_mode_flag
    bits.unsigned(0); // slice_qp_delta
    bits.unsigned(1); // disable_deblocking_filter_idc
    let mut next = 0;
    for row in 0..ROWS {
        for place in characters {
            let at = row * ROW + place;
            bits.unsigned((at - next) as u32); // mb_skip_run
            bits.unsigned(30); // mb_type: I_PCM
            bits.macroblock(caption, *place, row);
            next = at + 1;
        }
    }
    bits.unsigned((ALL - next) as u32);
    [unit(&DELIMITER), unit(&bits.unit(OTHER))].concat()
}

/// A NAL unit with its start code.
fn unit(unit: &[u8]) -> Vec<u8> {
    [START_CODE.as_slice(), unit].concat()
}

/// Writes bits, the highest one of a byte first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    /// The bits that are not in `bytes` yet, fewer than 8, and how many.
    open: u64,
    count: u32,
}

impl Bits {
    fn fixed(&mut self, value: u32, count: u32) {
        self.open = self.open << count | u64::from(value);
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            self.bytes.push((self.open >> self.count) as u8);
            self.open &= (1 << self.count) - 1;
        }
    }

    /// An Exp-Golomb code: `ue(v)`, and `se(v)` of zero.
    fn unsigned(&mut self, value: u32) {
        let code = value + 1;
        let length = u32::BITS - code.leading_zeros();
        self.fixed(0, length - 1);
        self.fixed(code, length);
    }

    /// The pixels of a half of a character.
    fn macroblock(&mut self, caption: &Caption, place: usize, row: usize) {
        // pcm_alignment_zero_bit
        self.fixed(0, (8 - self.count) % 8);
        let half = caption.glyph(place).chunks_exact(WIDTH * 16).nth(row);
        self.bytes.extend(half.unwrap_or_default());
        self.bytes.extend([128; PCM - 256]);
    }

    /// The NAL unit of these bits.
    fn unit(mut self, header: u8) -> Vec<u8> {
        self.fixed(1, 1);
        self.fixed(0, (8 - self.count) % 8);
        // A byte is inserted where a start code would come about.
        let mut unit = vec![header];
        let mut zeros = 0;
        for byte in self.bytes {
            if zeros >= 2 && byte <= 3 {
                unit.push(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            unit.push(byte);
        }
        unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits() {
        let mut bits = Bits::default();
        for value in [0, 1, 2, 3, 25] {
            bits.unsigned(value);
        }
        // 1 010 011 00100 000011010, then the stop bit.
        assert_eq!(
            bits.unit(OTHER),
            [OTHER, 0b1010_0110, 0b0100_0000, 0b1101_0100]
        );
        let mut bits = Bits::default();
        for value in [0, 0, 1, 0, 0, 4, 0, 0, 0] {
            bits.fixed(value, 8);
        }
        let expected = [KEY, 0, 0, 3, 1, 0, 0, 4, 0, 0, 3, 0, 0x80];
        assert_eq!(bits.unit(KEY), expected);
    }
}
