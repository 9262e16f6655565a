//! The log on standard error.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::output::LogWriter;

/// The crates whose events are logged. Other crates may log secrets.
const CRATES: [&str; 4] = ["mv_clip", "mv_clip_host", "mv_clip_footage", "meraki_mock"];

/// Logs warnings, and more with each `-v`.
pub(super) fn init(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let targets = Targets::new().with_targets(CRATES.map(|name| (name, level)));
    // Without colors: the writer replaces escape sequences.
    let format = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(LogWriter);
    tracing_subscriber::registry()
        .with(format)
        .with(targets)
        .init();
}
