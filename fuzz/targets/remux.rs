#![no_main]

libfuzzer_sys::fuzz_target!(
    |pieces: mv_clip_fuzz::pieces::Pieces<'_>| mv_clip_fuzz::remux::check(pieces)
);
