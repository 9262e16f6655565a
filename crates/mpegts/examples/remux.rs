//! Writes a transport stream as MP4, and prints how long that takes.
//!
//! ```sh
//! cargo run --release -p mv-clip-mpegts --example remux -- clip.ts clip.mp4
//! cargo run --release -p mv-clip-mpegts --example remux -- --fragmented clip.ts clip.mp4
//! ```

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "a program, which prints, reads its arguments and looks at the clock"
)]

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::time::Instant;

use mv_clip_mpegts::{Checker, Fragmenter, Indexer, Summary};

type Failure = Box<dyn std::error::Error>;

/// The size of the pieces.
const PIECE: usize = 256 << 10;

fn main() -> Result<(), Failure> {
    let mut arguments: Vec<_> = std::env::args().skip(1).collect();
    let is_fragmented = arguments
        .first()
        .is_some_and(|first| first == "--fragmented");
    if is_fragmented {
        arguments.remove(0);
    }
    let [clip, mp4] = arguments.as_slice() else {
        return Err("usage: remux [--fragmented] CLIP.ts CLIP.mp4".into());
    };
    let size = fs::metadata(clip)?.len();
    let started = Instant::now();
    let summary = match is_fragmented {
        true => fragment(clip, mp4)?,
        false => index(clip, mp4)?,
    };
    let seconds = started.elapsed().as_secs_f64();
    println!("{summary}: {size} bytes in {seconds:.3} s");
    println!("{summary:#?}");
    measure(clip)?;
    Ok(())
}

fn pieces(clip: &str, mut take: impl FnMut(&[u8]) -> Result<(), Failure>) -> Result<(), Failure> {
    let mut file = File::open(clip)?;
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(()),
            read => take(piece.get(..read).unwrap_or_default())?,
        }
    }
}

fn flush(file: &mut File, mp4: &mut Vec<u8>) -> io::Result<()> {
    file.write_all(mp4)?;
    mp4.clear();
    Ok(())
}

fn index(clip: &str, mp4: &str) -> Result<Summary, Failure> {
    let mut indexer = Indexer::new();
    pieces(clip, |piece| Ok(indexer.push(piece)?))?;
    let index = indexer.finish()?;
    let (mut file, mut output) = (File::create(mp4)?, Vec::new());
    let mut writer = index.writer();
    pieces(clip, |piece| {
        writer.push(piece, &mut output)?;
        Ok(flush(&mut file, &mut output)?)
    })?;
    writer.finish(&mut output)?;
    flush(&mut file, &mut output)?;
    println!("{}", index.codecs());
    Ok(index.summary().clone())
}

fn fragment(clip: &str, mp4: &str) -> Result<Summary, Failure> {
    let (mut file, mut output) = (File::create(mp4)?, Vec::new());
    let mut fragmenter = Fragmenter::new();
    pieces(clip, |piece| {
        fragmenter.push(piece, &mut output)?;
        Ok(flush(&mut file, &mut output)?)
    })?;
    println!("{}", fragmenter.codecs());
    let summary = fragmenter.finish(&mut output)?;
    flush(&mut file, &mut output)?;
    Ok(summary)
}

/// Prints the speed of each pass in memory, without the disk.
fn measure(clip: &str) -> Result<(), Failure> {
    let clip = fs::read(clip)?;
    let report = |name: &str, started: Instant| {
        let speed = clip.len() as f64 / started.elapsed().as_secs_f64() / f64::from(1 << 30);
        println!("{name}: {speed:.2} GiB/s of transport stream");
    };
    let started = Instant::now();
    let mut indexer = Indexer::new();
    clip.chunks(PIECE)
        .try_for_each(|piece| indexer.push(piece))?;
    let index = indexer.finish()?;
    report("first pass", started);
    let started = Instant::now();
    let (mut writer, mut output) = (index.writer(), Vec::new());
    for piece in clip.chunks(PIECE) {
        output.clear();
        writer.push(piece, &mut output)?;
    }
    writer.finish(&mut output)?;
    report("second pass", started);
    let started = Instant::now();
    let mut fragmenter = Fragmenter::new();
    for piece in clip.chunks(PIECE) {
        output.clear();
        fragmenter.push(piece, &mut output)?;
    }
    fragmenter.finish(&mut output)?;
    report("fragmented", started);
    let started = Instant::now();
    let mut checker = Checker::default();
    match checker.push(&clip).and_then(|()| checker.finish()) {
        Ok(()) => report("check", started),
        Err(error) => println!("check: {error}"),
    }
    Ok(())
}
