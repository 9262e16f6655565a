//! Sample entries: how the samples of a track are encoded.

use super::boxes::Boxes;
use crate::picture::description::Description;
use crate::sound::adts::AacConfig;

/// `avc1` or `hvc1`.
pub(super) fn pictures(boxes: &mut Boxes<'_>, description: &Description) {
    boxes.put(description.entry(), |boxes| {
        boxes.zeros(6);
        boxes.u16(1);
        boxes.zeros(16);
        let (width, height) = description.size;
        boxes.u16(width);
        boxes.u16(height);
        // 72 dots per inch.
        boxes.u32(0x48_0000);
        boxes.u32(0x48_0000);
        boxes.zeros(4);
        boxes.u16(1);
        boxes.zeros(32);
        boxes.u16(24);
        boxes.u16(0xffff);
        description.write_configuration(boxes);
    });
}

/// `mp4a`.
pub(super) fn sound(boxes: &mut Boxes<'_>, config: AacConfig) {
    boxes.put(b"mp4a", |boxes| {
        boxes.zeros(6);
        boxes.u16(1);
        boxes.zeros(8);
        boxes.u16(config.channels().map_or(2, u16::from));
        boxes.u16(16);
        boxes.zeros(4);
        boxes.u16(u16::try_from(config.rate).unwrap_or(0));
        boxes.u16(0);
        boxes.full(b"esds", 0, 0, |boxes| {
            // The descriptors of ISO/IEC 14496-1, section 7.2.6: each with its tag and length.
            boxes.bytes(&[3, 25, 0, 0, 0]);
            // MPEG-4 audio; the buffer and the bit rates are not known.
            boxes.bytes(&[4, 17, 0x40, 0x15]);
            boxes.zeros(11);
            boxes.bytes(&[5, 2]);
            boxes.bytes(&config.specific());
            boxes.bytes(&[6, 1, 2]);
        });
    });
}
