//! The crate `mv-clip-mpegts`: streams written as MP4, which an independent reader reads.

use mp4_atom::{Any, Decode as _, Moof, Moov};
use mv_clip_mpegts::{Error, Fragmenter, Indexer};

use crate::pieces::Pieces;

/// Checks that the MP4 does not depend on the size of the pieces, and that its samples are all there.
pub fn check(pieces: Pieces<'_>) {
    let bytes = pieces.bytes;
    let indexed = index([bytes].into_iter(), [bytes].into_iter());
    assert_eq!(index(pieces.cut(), pieces.cut()), indexed);
    let fragmented = fragment([bytes].into_iter());
    assert_eq!(fragment(pieces.cut()), fragmented);
    match (indexed, fragmented) {
        (Ok(indexed), Ok(fragmented)) => {
            assert!(indexed.len() <= 2 * bytes.len() + 100_000);
            let (movie, data, _) = read(&indexed);
            assert_eq!(data, samples_of(&movie));
            let (_, data, runs) = read(&fragmented);
            assert_eq!(data, runs);
        }
        (Err(indexed), Err(fragmented)) => assert_eq!(indexed, fragmented),
        (indexed, fragmented) => {
            panic!("{:?}, {:?}", indexed.err(), fragmented.err());
        }
    }
}

fn index<'a>(
    first: impl Iterator<Item = &'a [u8]>,
    second: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<u8>, Error> {
    let mut indexer = Indexer::new();
    for piece in first {
        indexer.push(piece)?;
    }
    let index = indexer.finish()?;
    let (mut writer, mut mp4) = (index.writer(), Vec::new());
    for piece in second {
        writer.push(piece, &mut mp4)?;
    }
    writer.finish(&mut mp4)?;
    assert_eq!(mp4.len() as u64, index.size());
    Ok(mp4)
}

fn fragment<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Result<Vec<u8>, Error> {
    let (mut fragmenter, mut mp4) = (Fragmenter::new(), Vec::new());
    for piece in pieces {
        fragmenter.push(piece, &mut mp4)?;
    }
    fragmenter.finish(&mut mp4)?;
    Ok(mp4)
}

/// The movie, the number of bytes of data, and the number of bytes of samples in fragments.
fn read(mut mp4: &[u8]) -> (Moov, usize, usize) {
    let (mut movie, mut data, mut runs) = (None, 0, 0);
    while !mp4.is_empty() {
        match Any::decode(&mut mp4).unwrap() {
            Any::Moov(moov) => movie = Some(moov),
            Any::Mdat(mdat) => data += mdat.data.len(),
            Any::Moof(moof) => runs += samples_of_fragment(&moof),
            Any::Ftyp(_) => {}
            other => panic!("{other:?}"),
        }
    }
    (movie.unwrap(), data, runs)
}

fn samples_of(movie: &Moov) -> usize {
    let sizes = movie.trak.iter().map(|track| {
        let table = &track.mdia.minf.stbl;
        let durations = table.stts.entries.iter().map(|entry| entry.sample_count);
        let mp4_atom::StszSamples::Different { sizes } = &table.stsz.samples else {
            panic!("{:?}", table.stsz);
        };
        assert_eq!(durations.sum::<u32>() as usize, sizes.len());
        sizes.iter().map(|size| *size as usize).sum::<usize>()
    });
    sizes.sum()
}

fn samples_of_fragment(moof: &Moof) -> usize {
    let runs = moof.traf.iter().flat_map(|track| &track.trun);
    let samples = runs.flat_map(|run| &run.samples);
    samples.map(|sample| sample.size.unwrap() as usize).sum()
}
