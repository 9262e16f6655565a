//! Reads MP4 files, independently of what writes them: every box, every sample.

use mv_clip_mpegts::{Error, Fragmenter, Index, Indexer, Summary};

/// A sample as a player finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// In ticks of the track.
    pub dts: u64,
    pub offset: u32,
    pub duration: u32,
    pub is_key: bool,
    /// From 1.
    pub description: u32,
    pub data: Vec<u8>,
}

/// A track as a player finds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Track {
    pub is_sound: bool,
    pub timescale: u32,
    pub duration: u64,
    /// The kinds of the sample entries.
    pub entries: Vec<String>,
    /// Duration and media time of each edit; -1 shows nothing.
    pub edits: Vec<(u64, i64)>,
    pub samples: Vec<Sample>,
}

/// A file as a player finds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    pub timescale: u32,
    pub duration: u64,
    pub tracks: Vec<Track>,
    pub fragments: usize,
}

impl File {
    pub fn pictures(&self) -> &Track {
        self.tracks.iter().find(|track| !track.is_sound).unwrap()
    }

    pub fn sound(&self) -> Option<&Track> {
        self.tracks.iter().find(|track| track.is_sound)
    }
}

impl Track {
    /// When each sample is shown, in seconds of the movie.
    pub fn shown(&self, movie: u32) -> Vec<f64> {
        let (mut start, mut from) = (0, 0);
        for (duration, time) in &self.edits {
            match time {
                -1 => start += duration,
                time => from = *time,
            }
        }
        let shown = |sample: &Sample| {
            let ticks = sample.dts as i64 + i64::from(sample.offset) - from;
            start as f64 / f64::from(movie) + ticks as f64 / f64::from(self.timescale)
        };
        self.samples.iter().map(shown).collect()
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(bytes[at..at + 2].try_into().unwrap())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// The boxes in `bytes`: kind, where the box starts, and its content.
fn boxes(bytes: &[u8]) -> Vec<(String, usize, &[u8])> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let kind = String::from_utf8(bytes[at + 4..at + 8].to_vec()).unwrap();
        let (header, size) = match u32_at(bytes, at) {
            1 => (16, u64_at(bytes, at + 8) as usize),
            size => (8, size as usize),
        };
        found.push((kind, at, &bytes[at + header..at + size]));
        at += size;
    }
    assert_eq!(at, bytes.len(), "the boxes fill their parent");
    found
}

/// The content of a box in a box.
fn child<'a>(bytes: &'a [u8], path: &[&str]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |bytes, kind| {
        let found = boxes(bytes).into_iter().find(|(found, ..)| found == kind);
        found.map(|(_, _, content)| content)
    })
}

/// A list of entries of so many numbers, which a count precedes.
fn list<const N: usize>(content: &[u8]) -> Vec<[u32; N]> {
    let entries = content[8..]
        .chunks(4 * N)
        .map(|entry| std::array::from_fn(|index| u32_at(entry, 4 * index)));
    let entries: Vec<_> = entries.collect();
    assert_eq!(entries.len(), u32_at(content, 4) as usize);
    entries
}

/// Reads a file.
pub fn read(bytes: &[u8]) -> File {
    let top = boxes(bytes);
    assert_eq!(top[0].0, "ftyp");
    assert_eq!(top[1].0, "moov");
    let movie = top[1].2;
    let mvhd = child(movie, &["mvhd"]).unwrap();
    let mut file = match mvhd[0] {
        0 => File {
            timescale: u32_at(mvhd, 12),
            duration: u32_at(mvhd, 16).into(),
            ..File::default()
        },
        _ => File {
            timescale: u32_at(mvhd, 20),
            duration: u64_at(mvhd, 24),
            ..File::default()
        },
    };
    let tracks = boxes(movie).into_iter().filter(|(kind, ..)| kind == "trak");
    file.tracks = tracks
        .map(|(_, _, content)| track(content, bytes))
        .collect();
    for (kind, at, content) in &top {
        if kind == "moof" {
            file.fragments += 1;
            fragment(content, &bytes[*at..], &mut file.tracks);
        }
    }
    let data: usize = top
        .iter()
        .filter(|found| found.0 == "mdat")
        .map(|found| found.2.len())
        .sum();
    let samples = file.tracks.iter().flat_map(|track| &track.samples);
    assert_eq!(data, samples.map(|sample| sample.data.len()).sum::<usize>());
    file
}

fn track(trak: &[u8], file: &[u8]) -> Track {
    let mdia = child(trak, &["mdia"]).unwrap();
    let mdhd = child(mdia, &["mdhd"]).unwrap();
    let stbl = child(mdia, &["minf", "stbl"]).unwrap();
    let is_sound = &child(mdia, &["hdlr"]).unwrap()[8..12] == b"soun";
    let edits = child(trak, &["edts", "elst"]).map_or_else(Vec::new, |content| {
        assert_eq!(content[0], 0);
        let edits = list::<3>(content).into_iter();
        edits
            .map(|[duration, time, _]| (duration.into(), (time as i32).into()))
            .collect()
    });
    let stsd = child(stbl, &["stsd"]).unwrap();
    let (timescale, duration) = match mdhd[0] {
        0 => (u32_at(mdhd, 12), u32_at(mdhd, 16).into()),
        _ => (u32_at(mdhd, 20), u64_at(mdhd, 24)),
    };
    Track {
        is_sound,
        timescale,
        duration,
        entries: boxes(&stsd[8..])
            .into_iter()
            .map(|(kind, ..)| kind)
            .collect(),
        edits,
        samples: table(stbl, file),
    }
}

fn runs(content: Option<&[u8]>) -> impl Iterator<Item = u32> {
    let runs = content.map_or_else(Vec::new, list::<2>);
    runs.into_iter()
        .flat_map(|[count, value]| std::iter::repeat_n(value, count as usize))
}

fn table(stbl: &[u8], file: &[u8]) -> Vec<Sample> {
    let stsz = child(stbl, &["stsz"]).unwrap();
    let mut sizes = stsz[12..].chunks(4).map(|size| u32_at(size, 0) as usize);
    let keys = child(stbl, &["stss"]).map(list::<1>);
    let mut durations = runs(child(stbl, &["stts"]));
    let mut offsets = runs(child(stbl, &["ctts"]));
    let groups = list::<3>(child(stbl, &["stsc"]).unwrap());
    let starts = list::<1>(child(stbl, &["stco"]).unwrap());
    let mut samples = Vec::new();
    let mut dts = 0;
    for (chunk, [start]) in (1..).zip(starts) {
        let group = groups.iter().rev().find(|group| group[0] <= chunk).unwrap();
        let mut start = start as usize;
        for _ in 0..group[1] {
            let size = sizes.next().unwrap();
            let duration = durations.next().unwrap();
            let number = samples.len() as u32 + 1;
            samples.push(Sample {
                dts,
                offset: offsets.next().unwrap_or(0),
                duration,
                is_key: keys.as_ref().is_none_or(|keys| keys.contains(&[number])),
                description: group[2],
                data: file[start..start + size].to_vec(),
            });
            start += size;
            dts += u64::from(duration);
        }
    }
    assert_eq!(
        (sizes.next(), durations.next(), offsets.next()),
        (None, None, None)
    );
    samples
}

fn fragment(moof: &[u8], from_moof: &[u8], tracks: &mut [Track]) {
    for (_, _, traf) in boxes(moof).into_iter().filter(|(kind, ..)| kind == "traf") {
        let id = u32_at(child(traf, &["tfhd"]).unwrap(), 4);
        let track = &mut tracks[id as usize - 1];
        let mut dts = u64_at(child(traf, &["tfdt"]).unwrap(), 4);
        let trun = child(traf, &["trun"]).unwrap();
        let has_flags = u32_at(trun, 0) & 0x400 != 0;
        let mut start = u32_at(trun, 8) as usize;
        let entries = trun[12..].chunks(if has_flags { 16 } else { 8 });
        assert_eq!(entries.len(), u32_at(trun, 4) as usize);
        if let Some(last) = track.samples.last() {
            assert!(last.dts < dts, "fragments follow each other");
        }
        for entry in entries {
            let size = u32_at(entry, 4) as usize;
            let duration = u32_at(entry, 0);
            track.samples.push(Sample {
                dts,
                offset: if has_flags { u32_at(entry, 12) } else { 0 },
                duration,
                is_key: !has_flags || u16_at(entry, 8) == 0x0200,
                description: 1,
                data: from_moof[start..start + size].to_vec(),
            });
            start += size;
            dts += u64::from(duration);
        }
    }
}

/// The MP4 of a clip in two passes, in pieces of this size.
pub fn indexed_in(clip: &[u8], piece: usize) -> Result<(Index, Vec<u8>), Error> {
    let mut indexer = Indexer::new();
    clip.chunks(piece)
        .try_for_each(|piece| indexer.push(piece))?;
    let index = indexer.finish()?;
    let (mut writer, mut mp4) = (index.writer(), Vec::new());
    for piece in clip.chunks(piece) {
        writer.push(piece, &mut mp4)?;
    }
    writer.finish(&mut mp4)?;
    Ok((index, mp4))
}

/// The MP4 of a clip in one pass, in pieces of this size.
pub fn fragmented_in(clip: &[u8], piece: usize) -> Result<(Summary, Vec<u8>), Error> {
    let (mut fragmenter, mut mp4) = (Fragmenter::new(), Vec::new());
    for piece in clip.chunks(piece) {
        fragmenter.push(piece, &mut mp4)?;
    }
    let summary = fragmenter.finish(&mut mp4)?;
    Ok((summary, mp4))
}

/// The MP4 of a clip in both forms, which have to hold the same.
pub fn both(clip: &[u8]) -> Result<(Summary, File), Error> {
    let (index, mp4) = indexed_in(clip, 64 << 10)?;
    assert_eq!(index.size(), mp4.len() as u64);
    assert!(mp4.starts_with(index.head()));
    let indexed = read(&mp4);
    let (summary, mp4) = fragmented_in(clip, 64 << 10)?;
    assert_eq!(&summary, index.summary());
    let fragmented = read(&mp4);
    assert_eq!(indexed.tracks.len(), fragmented.tracks.len());
    for (one, other) in indexed.tracks.iter().zip(&fragmented.tracks) {
        let data = |track: &Track| -> Vec<_> {
            let samples = track
                .samples
                .iter()
                .map(|s| (s.data.clone(), s.is_key, s.offset));
            samples.collect()
        };
        assert!(data(one) == data(other), "the samples of both forms");
        let times = one.shown(indexed.timescale).into_iter();
        for (one, other) in times.zip(other.shown(fragmented.timescale)) {
            assert!((one - other).abs() < 0.001, "{one} s, {other} s");
        }
    }
    Ok((summary, indexed))
}
