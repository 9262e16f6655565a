//! Replays the inputs in `seeds` without a fuzzer: each is given to its target as libFuzzer gives it.

#![expect(
    clippy::disallowed_macros,
    reason = "tests print for developers, through the test harness"
)]

use std::fs;
use std::path::Path;

use arbitrary::{Arbitrary, Unstructured};
use mv_clip_fuzz::{
    arguments, call, destination, expiry, mpegts, operation, redact, redirect, remux, response,
    retry_after, stream, transfer,
};

/// Gives each input of a target to its check.
fn replay<'a, T: Arbitrary<'a>>(target: &str, check: fn(T)) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target);
    let files =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut count = 0;
    for file in files {
        let file = file.unwrap().path();
        // So that the output of a failed check names the input.
        println!("{}", file.display());
        let bytes: &'a [u8] = fs::read(&file).unwrap().leak();
        check(T::arbitrary_take_rest(Unstructured::new(bytes)).unwrap());
        count += 1;
    }
    assert!(count > 0, "{} is empty", folder.display());
}

macro_rules! replay {
    ($($target:ident)*) => {$(
        #[test]
        fn $target() {
            replay(stringify!($target), $target::check);
        }
    )*};
}

replay! {
    arguments call destination expiry mpegts operation redact redirect remux response retry_after stream transfer
}
