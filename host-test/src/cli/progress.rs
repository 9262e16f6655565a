//! Progress on standard error, if that is a terminal without a log.

use std::time::Duration;

use chrono::{DateTime, Utc};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use mv_clip_core::text::printable;
use mv_clip_footage::{Footage, Progress, ProgressFactory};

/// Shows that a command waits.
pub(super) struct Spinner(ProgressBar);

impl Spinner {
    /// Shows `text` and the elapsed time until this is dropped.
    pub(super) fn start(text: &str) -> Self {
        Self::within(&bars(), text)
    }

    /// Shows it among other bars.
    pub(super) fn within(bars: &MultiProgress, text: &str) -> Self {
        let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})");
        let bar = bars.add(ProgressBar::new_spinner());
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        set_text(&bar, text);
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Several bars below each other.
pub(super) fn bars() -> MultiProgress {
    MultiProgress::with_draw_target(if tracing::enabled!(tracing::Level::INFO) {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    })
}

/// Shows a bar for each download.
pub(super) fn downloads(bars: MultiProgress) -> Box<ProgressFactory> {
    Box::new(move |footage| {
        let bar = bars.add(ProgressBar::no_length().with_style(style()));
        set_text(&bar, &label(footage));
        Box::new(Download(bar))
    })
}

fn label(footage: &Footage) -> String {
    let start = DateTime::<Utc>::from(footage.start());
    format!("{} {}", footage.camera(), start.format("%H:%M:%S"))
}

fn style() -> ProgressStyle {
    let template = "{msg} {bar:24} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}";
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one way for text to a bar"
)]
fn set_text(bar: &ProgressBar, text: &str) {
    bar.set_message(printable(text).into_owned());
}

struct Download(ProgressBar);

impl Progress for Download {
    fn update(&self, bytes: u64, total: Option<u64>) {
        let Self(bar) = self;
        if bar.length() != total {
            if let Some(total) = total {
                bar.set_length(total);
            }
            // The bytes of an earlier run do not count for the rate.
            bar.set_position(bytes);
            bar.reset_eta();
        }
        bar.set_position(bytes);
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
