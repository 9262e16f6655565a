//! Progress on standard error: bars if that is a terminal, and else a line now and then. With a log, there is neither.

use std::io::{IsTerminal, stderr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use mv_clip_core::text::{duration, printable};
use mv_clip_footage::{Progress, ProgressFactory};
use mv_clip_host::{ClipRequest, Setting, Settings};
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

use super::deadline;
use super::output::print_message;

/// How long a command is silent without a terminal.
const SILENCE: Duration = Duration::from_secs(30);

/// `MV_CLIP_LAG_SECONDS` if it is not set.
const LAG: u32 = 60;

/// The footage that a command asks for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Footage {
    /// When all of it is uploaded, if the component waits for that.
    uploaded: Option<DateTime<Utc>>,
}

impl Footage {
    pub(super) fn of<'a>(
        requests: impl IntoIterator<Item = &'a ClipRequest>,
        settings: &Settings,
    ) -> Self {
        let lag = settings.get(Setting::Lag);
        let lag = lag.and_then(|lag| lag.parse().ok()).unwrap_or(LAG);
        let time = |request: &ClipRequest| DateTime::parse_from_rfc3339(&request.end).ok();
        let last = requests.into_iter().filter_map(time).max();
        let uploaded = last.map(|end| end.to_utc() + TimeDelta::seconds(lag.into()));
        let deadline = Utc::now() + deadline::of_one(settings);
        Self {
            // For longer the component does not wait.
            uploaded: uploaded.filter(|uploaded| *uploaded < deadline),
        }
    }

    /// How long the component waits.
    fn left(self, now: DateTime<Utc>) -> Option<Duration> {
        let left = self.uploaded? - now;
        left.to_std().ok().filter(|left| !left.is_zero())
    }

    /// The text of a command, and until when it waits.
    fn text(self, text: &str, now: DateTime<Utc>) -> String {
        match (self.uploaded, self.left(now)) {
            (Some(uploaded), Some(_)) => {
                let until = uploaded.to_rfc3339_opts(SecondsFormat::Secs, true);
                format!("{text}: waiting until {until} for footage that is not uploaded yet")
            }
            _ => text.to_owned(),
        }
    }
}

/// Shows that a command waits.
pub(super) struct Spinner {
    bar: ProgressBar,
    footage: Footage,
    text: Arc<Mutex<String>>,
    /// Shows that the footage is there.
    _uploaded: Option<AbortOnDropHandle<()>>,
    /// Prints lines.
    _lines: Option<AbortOnDropHandle<()>>,
}

impl Spinner {
    /// Shows `text` and the elapsed time until this is dropped, and until when the command waits for footage.
    pub(super) fn start(text: &str, footage: Footage) -> Self {
        Self::within(&bars(), text, footage)
    }

    /// Shows it among other bars.
    pub(super) fn within(bars: &MultiProgress, text: &str, footage: Footage) -> Self {
        let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})");
        let bar = bars.add(ProgressBar::new_spinner());
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        set_text(&bar, &footage.text(text, Utc::now()));
        bar.enable_steady_tick(Duration::from_millis(100));
        let lines = (!has_terminal() && !has_log()).then(|| {
            let bar = bar.clone();
            let lines = now_and_then(move || bar.message(), |line| print_message("note", line));
            AbortOnDropHandle::new(tokio::spawn(lines))
        });
        let text = Arc::new(Mutex::new(text.to_owned()));
        let uploaded = footage.left(Utc::now()).map(|left| {
            let (bar, text) = (bar.clone(), Arc::clone(&text));
            AbortOnDropHandle::new(tokio::spawn(async move {
                sleep(left).await;
                set_text(&bar, &text.lock().unwrap_or_else(PoisonError::into_inner));
            }))
        });
        Self {
            bar,
            footage,
            text,
            _uploaded: uploaded,
            _lines: lines,
        }
    }

    /// Shows another text.
    pub(super) fn set_text(&self, text: &str) {
        text.clone_into(&mut self.text.lock().unwrap_or_else(PoisonError::into_inner));
        set_text(&self.bar, &self.footage.text(text, Utc::now()));
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

fn label(footage: &mv_clip_footage::Footage) -> String {
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

    #[test]
    fn it_is_told_until_when_a_command_waits_for_footage() {
        let now = Utc::now();
        let ends_in = |seconds| {
            let end = (now + TimeDelta::seconds(seconds)).to_rfc3339();
            ClipRequest::new("A", "2026-03-12T14:30:00Z", &end)
        };
        let requests = [ends_in(-600), ends_in(-20)];
        let settings = Settings::default();
        let footage = Footage::of(&requests, &settings);
        let until = (now + TimeDelta::seconds(40)).to_rfc3339_opts(SecondsFormat::Secs, true);
        assert_eq!(
            footage.text("clips", now),
            format!("clips: waiting until {until} for footage that is not uploaded yet")
        );
        assert_eq!(footage.text("clips", now + TimeDelta::seconds(41)), "clips");
        // It is there, or the component does not wait for it.
        for seconds in [-600, 600] {
            let footage = Footage::of([&ends_in(seconds)], &settings);
            assert_eq!(footage.text("clips", now), "clips");
        }
        let settings = settings.text(Setting::Lag, "0");
        assert_eq!(
            Footage::of(&requests, &settings).text("clips", now),
            "clips"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_text_is_that_of_the_command_once_the_footage_is_there() {
        let end = Utc::now().to_rfc3339();
        let request = ClipRequest::new("A", "2026-03-12T14:30:00Z", &end);
        let footage = Footage::of([&request], &Settings::default());
        let spinner = Spinner::start("clips", footage);
        assert!(spinner.bar.message().contains("waiting until"));
        sleep(Duration::from_secs(61)).await;
        assert_eq!(spinner.bar.message(), "clips");
    }

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
