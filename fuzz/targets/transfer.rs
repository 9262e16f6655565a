#![no_main]

libfuzzer_sys::fuzz_target!(
    |saving: mv_clip_fuzz::transfer::Saving| mv_clip_fuzz::transfer::check(saving)
);
