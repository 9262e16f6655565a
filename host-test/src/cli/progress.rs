//! Progress on standard error: bars if that is a terminal, and else a line now and then. With a log, there is neither.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use chrono::{DateTime, Utc};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use mv_clip_core::text::{duration, printable};
use mv_clip_footage::{Footage, Progress, ProgressFactory};
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

use super::output::print_message;

/// How long a command is silent without a terminal.
const SILENCE: Duration = Duration::from_secs(30);

/// Shows that a command waits.
pub(super) struct Spinner {
    bar: ProgressBar,
    /// Prints lines.
    _lines: Option<AbortOnDropHandle<()>>,
}

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
        let lines = (!has_terminal() && !has_log()).then(|| {
            let bar = bar.clone();
            let lines = now_and_then(move || bar.message(), |line| print_message("note", line));
            AbortOnDropHandle::new(tokio::spawn(lines))
        });
        Self { bar, _lines: lines }
    }

    /// Shows another text.
    pub(super) fn set_text(&self, text: &str) {
        set_text(&self.bar, text);
    }
}

/// Says from time to time what a command waits for, and for how long.
async fn now_and_then(text: impl Fn() -> String, say: impl Fn(&str)) {
    let started = Instant::now();
    loop {
        sleep(SILENCE).await;
        say(&format!("{} ({})", text(), duration(started.elapsed())));
    }
}

#[expect(clippy::disallowed_methods, reason = "nothing is written")]
fn has_terminal() -> bool {
    stderr().is_terminal()
}

fn has_log() -> bool {
    tracing::enabled!(tracing::Level::INFO)
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Several bars below each other.
pub(super) fn bars() -> MultiProgress {
    MultiProgress::with_draw_target(if has_log() {
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn without_a_terminal_a_line_comes_now_and_then() {
        let lines = RefCell::new(Vec::new());
        let text = || format!("{} of 3 clips", lines.borrow().len());
        let say = |line: &str| lines.borrow_mut().push(line.to_owned());
        let endless = now_and_then(text, say);
        assert!(timeout(Duration::from_secs(100), endless).await.is_err());
        let expected = [
            "0 of 3 clips (30 s)",
            "1 of 3 clips (60 s)",
            "2 of 3 clips (90 s)",
        ];
        assert_eq!(*lines.borrow(), expected);
    }
}
