#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| mv_clip_fuzz::operation::check(text));
