#![no_main]

libfuzzer_sys::fuzz_target!(
    |reply: mv_clip_fuzz::redact::Reply| mv_clip_fuzz::redact::check(reply)
);
