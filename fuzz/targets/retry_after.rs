#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| mv_clip_fuzz::retry_after::check(text));
