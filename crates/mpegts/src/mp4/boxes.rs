//! Writes boxes.

/// Writes boxes one after another.
pub(crate) struct Boxes<'a>(pub(crate) &'a mut Vec<u8>);

impl Boxes<'_> {
    /// A box with what `content` writes.
    pub(crate) fn put(&mut self, kind: &[u8; 4], content: impl FnOnce(&mut Boxes<'_>)) {
        let start = self.0.len();
        self.u32(0);
        self.bytes(kind);
        content(&mut Boxes(self.0));
        let size = u32::try_from(self.0.len() - start).unwrap_or(u32::MAX);
        self.set_u32(start, size);
    }

    /// A box with a version and flags.
    pub(crate) fn full(
        &mut self,
        kind: &[u8; 4],
        version: u8,
        flags: u32,
        content: impl FnOnce(&mut Boxes<'_>),
    ) {
        self.put(kind, |boxes| {
            boxes.u32(u32::from(version) << 24 | flags);
            content(boxes);
        });
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn zeros(&mut self, count: usize) {
        self.0.resize(self.0.len() + count, 0);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes(&value.to_be_bytes());
    }

    /// A time of a box: 32 bits in version 0, 64 in version 1.
    pub(crate) fn time(&mut self, version: u8, value: u64) {
        match version {
            0 => self.u32(u32::try_from(value).unwrap_or(u32::MAX)),
            _ => self.u64(value),
        }
    }

    /// Overwrites a number.
    pub(crate) fn set_u32(&mut self, at: usize, value: u32) {
        if let Some(bytes) = self.0.get_mut(at..at + 4) {
            bytes.copy_from_slice(&value.to_be_bytes());
        }
    }

    pub(crate) fn matrix(&mut self) {
        for value in [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000] {
            self.u32(value);
        }
    }
}

/// The version of a box that takes this time.
pub(crate) fn version(time: u64) -> u8 {
    u8::from(time > u64::from(u32::MAX))
}
