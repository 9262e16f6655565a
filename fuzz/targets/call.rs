#![no_main]

libfuzzer_sys::fuzz_target!(|call: mv_clip_fuzz::call::Call| mv_clip_fuzz::call::check(call));
