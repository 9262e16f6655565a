#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| mv_clip_fuzz::response::check(body));
