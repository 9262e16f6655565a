//! MP4 with the index in front, in two passes over the stream.

use std::sync::Arc;

use crate::error::Error;
use crate::mp4::boxes::Boxes;
use crate::mp4::movie::{Samples, TrackInfo, file_type, movie, timescale, to_movie};
use crate::mp4::table::Table;
use crate::reader::Reader;
use crate::sample::{Described, Sample, Sink, Track};
use crate::summary::Summary;

/// The first pass over a stream: measures it, and makes the index of its MP4.
///
/// It takes bytes in pieces of any size, and does no I/O. The second pass takes the same bytes again: see
/// [`Index::writer`].
///
/// # Memory
///
/// One picture of at most [`Limit::PICTURE_BYTES`](crate::Limit::PICTURE_BYTES), and at most 40 bytes for each
/// sample, of which footage takes 5 to 9. [`finish`](Self::finish) needs about as much again for the index.
///
/// # Examples
///
/// ```
/// use mv_clip_mpegts::{Error, Indexer};
///
/// fn to_mp4(clip: &[u8]) -> Result<Vec<u8>, Error> {
///     let mut indexer = Indexer::new();
///     for piece in clip.chunks(64 * 1024) {
///         indexer.push(piece)?;
///     }
///     let index = indexer.finish()?;
///
///     let mut mp4 = Vec::new();
///     let mut writer = index.writer();
///     for piece in clip.chunks(64 * 1024) {
///         writer.push(piece, &mut mp4)?;
///     }
///     writer.finish(&mut mp4)?;
///     assert_eq!(mp4.len() as u64, index.size());
///     Ok(mp4)
/// }
/// # assert!(to_mp4(b"no clip").is_err());
/// ```
pub struct Indexer {
    reader: Reader,
    order: Order,
}

/// What the first pass found: the size of the MP4, its start, and a summary of the stream.
#[derive(Clone, Debug)]
pub struct Index {
    head: Arc<[u8]>,
    order: Arc<Order>,
    size: u64,
    summary: Summary,
    codecs: String,
}

/// The second pass: writes the MP4.
pub struct Mp4Writer {
    reader: Reader,
    output: Output,
}

/// The samples of both tracks, in the order of the stream.
#[derive(Clone, Debug, Default)]
struct Order {
    pictures: Table,
    sound: Table,
    chunks: Vec<Chunk>,
}

/// Samples of one track and one description that follow each other.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    is_sound: bool,
    description: u8,
    samples: u16,
}

impl Sink for Order {
    fn sample(
        &mut self,
        sample: Sample,
        _data: &[u8],
        _described: &Described<'_>,
    ) -> Result<(), Error> {
        let is_sound = sample.track == Track::Sound;
        let description = u8::try_from(sample.description).unwrap_or(u8::MAX);
        match self.chunks.last_mut() {
            Some(chunk)
                if (chunk.is_sound, chunk.description) == (is_sound, description)
                    && chunk.samples < u16::MAX =>
            {
                chunk.samples += 1;
            }
            _ => self.chunks.push(Chunk {
                is_sound,
                description,
                samples: 1,
            }),
        }
        let table = match sample.track {
            Track::Pictures => &mut self.pictures,
            Track::Sound => &mut self.sound,
        };
        Ok(table.add(&sample)?)
    }
}

impl Order {
    /// The size of the samples.
    fn payload(&self) -> u64 {
        let sizes = self.pictures.sizes().iter().chain(self.sound.sizes());
        sizes.map(|size| u64::from(*size)).sum()
    }

    /// Where each chunk of pictures and of sound starts, and its number of samples.
    fn chunks(&self, mut start: u64) -> [Vec<(u64, u32)>; 2] {
        let mut sizes = [&self.pictures, &self.sound].map(|table| table.sizes().iter());
        let mut chunks = [Vec::new(), Vec::new()];
        let [picture_sizes, sound_sizes] = &mut sizes;
        let [picture_chunks, sound_chunks] = &mut chunks;
        for chunk in &self.chunks {
            let (sizes, chunks) = match chunk.is_sound {
                false => (&mut *picture_sizes, &mut *picture_chunks),
                true => (&mut *sound_sizes, &mut *sound_chunks),
            };
            chunks.push((start, u32::from(chunk.samples)));
            let sizes = sizes.take(usize::from(chunk.samples));
            start += sizes.map(|size| u64::from(*size)).sum::<u64>();
        }
        chunks
    }
}

impl Default for Indexer {
    fn default() -> Self {
        Self::new()
    }
}

impl Indexer {
    /// Starts before the first byte.
    pub fn new() -> Self {
        Self {
            reader: Reader::new(false),
            order: Order::default(),
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`], or [`Error::NotMpegTs`] if no stream starts.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.reader.push(bytes, &mut self.order)
    }

    /// Ends the first pass.
    ///
    /// # Errors
    ///
    /// [`Error`] if there is nothing that can be written as MP4.
    pub fn finish(mut self) -> Result<Index, Error> {
        self.reader.finish(&mut self.order)?;
        self.reader.check()?;
        let usual = u32::try_from(self.reader.interval()).unwrap_or(0);
        self.order
            .pictures
            .finish(Some(usual).filter(|usual| *usual > 0));
        self.order.sound.finish(None);
        let described = self.reader.described();
        let head = head(&self.order, &described);
        Ok(Index {
            size: head.len() as u64 + self.order.payload(),
            codecs: codecs(&described, !self.order.sound.is_empty()),
            summary: self.reader.summary(),
            head: head.into(),
            order: Arc::new(self.order),
        })
    }
}

/// The value of `codecs` in a MIME type.
pub(crate) fn codecs(described: &Described<'_>, has_sound: bool) -> String {
    let mut codecs = described
        .pictures
        .first()
        .map_or_else(String::new, |first| first.codecs().to_owned());
    if let Some(config) = described.sound.filter(|_| has_sound) {
        codecs.push_str(&format!(",mp4a.40.{}", config.object_type));
    }
    codecs
}

/// The file up to its first sample.
fn head(order: &Order, described: &Described<'_>) -> Vec<u8> {
    const HEADER: u64 = 8;
    const LARGE_HEADER: u64 = 16;
    let payload = order.payload();
    // Room for the index: less than 48 bytes a sample.
    let samples = (order.pictures.sizes().len() + order.sound.sizes().len()) as u64;
    let is_large = payload + samples * 48 + (1 << 20) > u64::from(u32::MAX);
    let write = |start: u64| {
        let mut head = Vec::new();
        let boxes = &mut Boxes(&mut head);
        file_type(boxes, false);
        let [pictures, sound] = order.chunks(start);
        let info = |track, table, chunks, zero| {
            track_info(
                track,
                timescale(track, described.sound),
                zero,
                Samples::Table {
                    table,
                    chunks,
                    is_large,
                },
                table,
            )
        };
        let sound_scale = timescale(Track::Sound, described.sound);
        let has_sound = !order.sound.is_empty();
        let mut zero = order.pictures.shown_from();
        if has_sound {
            zero = zero.min(to_movie(order.sound.shown_from(), sound_scale));
        }
        let mut tracks = vec![info(Track::Pictures, &order.pictures, &pictures, zero)];
        if has_sound {
            tracks.push(info(Track::Sound, &order.sound, &sound, zero));
        }
        movie(boxes, &tracks, described);
        if is_large {
            boxes.u32(1);
            boxes.bytes(b"mdat");
            boxes.u64(payload + LARGE_HEADER);
        } else {
            boxes.u32(u32::try_from(payload + HEADER).unwrap_or(u32::MAX));
            boxes.bytes(b"mdat");
        }
        head
    };
    // The size does not depend on where the samples are.
    let size = write(0).len() as u64;
    write(size)
}

fn track_info<'a>(
    track: Track,
    timescale: u32,
    zero: i64,
    samples: Samples<'a>,
    table: &Table,
) -> TrackInfo<'a> {
    let start = to_movie(table.shown_from(), timescale) - zero;
    let shown = i64::try_from(table.shown_for()).unwrap_or(i64::MAX);
    TrackInfo {
        track,
        timescale,
        start: u64::try_from(start).unwrap_or(0),
        from: table.delay(),
        shown: u64::try_from(to_movie(shown, timescale)).unwrap_or(0),
        duration: table.duration(),
        samples,
    }
}

impl Index {
    /// The size of the MP4 in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The start of the MP4, up to its first sample: what a player needs to begin.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// What is in the stream.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The value of `codecs` in the MIME type of the MP4, such as `avc1.42c01e,mp4a.40.2` (RFC 6381).
    pub fn codecs(&self) -> &str {
        &self.codecs
    }

    /// Starts the second pass: writes the whole MP4.
    pub fn writer(&self) -> Mp4Writer {
        self.writer_from(0)
    }

    /// Like [`writer`](Self::writer), but leaves out the first `offset` bytes of the MP4. It takes the whole stream
    /// nonetheless.
    pub fn writer_from(&self, offset: u64) -> Mp4Writer {
        Mp4Writer {
            reader: Reader::new(true),
            output: Output {
                head: Some(self.head.clone()),
                skip: offset,
                order: self.order.clone(),
                samples: [0, 0],
                data: Vec::new(),
            },
        }
    }
}

/// Takes the samples of the second pass.
struct Output {
    head: Option<Arc<[u8]>>,
    /// The bytes that are still left out.
    skip: u64,
    order: Arc<Order>,
    /// The samples of each track so far.
    samples: [usize; 2],
    data: Vec<u8>,
}

impl Output {
    fn write(&mut self, bytes: &[u8]) {
        let skip = usize::try_from(self.skip)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        self.skip -= skip as u64;
        self.data
            .extend_from_slice(bytes.get(skip..).unwrap_or_default());
    }
}

impl Sink for Output {
    fn sample(
        &mut self,
        sample: Sample,
        data: &[u8],
        _described: &Described<'_>,
    ) -> Result<(), Error> {
        let [pictures, sound] = &mut self.samples;
        let (count, table) = match sample.track {
            Track::Pictures => (pictures, &self.order.pictures),
            Track::Sound => (sound, &self.order.sound),
        };
        if table.sizes().get(*count) != Some(&sample.size) {
            return Err(Error::Changed);
        }
        *count += 1;
        self.write(data);
        Ok(())
    }
}

impl Mp4Writer {
    /// Takes the next bytes of the stream, and appends to `mp4` what comes of them: hardly more than the bytes and one
    /// picture, and at first the index.
    ///
    /// # Errors
    ///
    /// [`Error::Changed`] if the stream is not that of the first pass.
    pub fn push(&mut self, bytes: &[u8], mp4: &mut Vec<u8>) -> Result<(), Error> {
        self.write_head();
        let result = self.reader.push(bytes, &mut self.output);
        mp4.append(&mut self.output.data);
        result
    }

    /// Appends the rest of the MP4.
    ///
    /// # Errors
    ///
    /// [`Error::Changed`] if the stream is not that of the first pass.
    pub fn finish(mut self, mp4: &mut Vec<u8>) -> Result<(), Error> {
        self.write_head();
        self.reader.finish(&mut self.output)?;
        mp4.append(&mut self.output.data);
        let order = &self.output.order;
        let expected = [&order.pictures, &order.sound].map(|table| table.sizes().len());
        match self.output.samples == expected {
            true => Ok(()),
            false => Err(Error::Changed),
        }
    }

    fn write_head(&mut self) {
        if let Some(head) = self.output.head.take() {
            self.output.write(&head);
        }
    }
}
