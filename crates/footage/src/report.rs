//! `report.html`: shows the content of a folder.

use chrono::{DateTime, TimeDelta, Utc};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use mv_clip_core::text::printable_lines;

use crate::footage::Footage;
use crate::manifest::{Manifest, Missing, SavedFile};
use crate::timeline::{Row, Span, SpanKind, Timeline};

const STYLE: &str = include_str!("report.css");

/// The page loads only the clips in its folder, and runs no scripts.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; media-src 'self' file:; base-uri 'none'";

/// The maximum number of clips with a preview: a browser opens each file to show its first picture.
const MAX_PREVIEWS: usize = 24;

/// The page of a manifest. It refers only to files in the same folder.
pub(crate) fn page(manifest: &Manifest) -> String {
    let timeline = Timeline::of(manifest);
    let title = "Recorded footage";
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (title) }
                    @if let Some(timeline) = &timeline {
                        p.window { (span_of(timeline.start, timeline.end)) }
                    }
                    (totals(manifest, timeline.as_ref()))
                }
                main {
                    @match &timeline {
                        Some(timeline) => {
                            (overview(timeline))
                            @for row in &timeline.rows { (camera(row, manifest.files.len())) }
                        }
                        None => p { "No footage was requested." }
                    }
                }
                footer {
                    p {
                        "All times are in UTC. Last updated " (time(manifest.updated_at)) ". "
                        a href="manifest.json" { "manifest.json" }
                        " lists the clips with their sizes and SHA-256. To verify them, run "
                        code { "mv-clip verify" }
                        " with the path of this folder."
                    }
                }
            }
        }
    };
    printable_lines(&page.into_string()).into_owned()
}

fn totals(manifest: &Manifest, timeline: Option<&Timeline<'_>>) -> Markup {
    let bytes = manifest.files.iter().map(|file| file.size);
    let bytes = bytes.fold(0, u64::saturating_add);
    let missing = manifest.failures.len();
    let cameras = timeline.map_or(0, |timeline| timeline.rows.len());
    html! {
        dl.totals {
            div { dt { "Cameras" } dd { (cameras) } }
            div { dt { "Clips" } dd { (manifest.files.len()) } }
            div { dt { "Size" } dd { (size(bytes)) } }
            div.bad[missing > 0] { dt { "Missing" } dd { (missing) } }
        }
    }
}

fn overview(timeline: &Timeline<'_>) -> Markup {
    html! {
        section.overview aria-labelledby="covered" {
            h2 #covered { "Coverage" }
            ul.key aria-hidden="true" {
                li { span.bar.file {} "clip" }
                @if timeline.rows.iter().any(|row| row.files.iter().any(|file| is_short(file))) {
                    li { span.bar.file.short {} "clip shorter than its window" }
                }
                li { span.bar.failed {} "missing" }
                li { span.bar.gap {} "not requested" }
            }
            div.chart {
                @for row in &timeline.rows {
                    div.row {
                        a.name href={ "#" (anchor(&row.camera)) } { (row.camera) }
                        ol.track aria-label={ "Timeline of " (row.camera) } {
                            @for span in &row.spans { (bar(timeline, span)) }
                        }
                    }
                }
                div.row.scale aria-hidden="true" {
                    div.axis {
                        @for tick in timeline.ticks() {
                            span style={ "left:" (percent(timeline.percent(tick))) } {
                                (tick_label(timeline, tick))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn bar(timeline: &Timeline<'_>, span: &Span<'_>) -> Markup {
    let left = timeline.percent(span.start);
    let width = timeline.percent(span.end) - left;
    let place = format!("left:{};width:{}", percent(left), percent(width));
    let when = span_of(span.start, span.end);
    let (class, words, target) = match span.kind {
        SpanKind::File(file) if is_short(file) => {
            let words = format!("Clip shorter than its window, {when}");
            ("file short", words, Some(id(&file.footage)))
        }
        SpanKind::File(file) => ("file", format!("Clip, {when}"), Some(id(&file.footage))),
        SpanKind::Failed(missing) => {
            let words = format!("Missing ({}), {when}", missing.kind);
            ("failed", words, Some(id(&missing.footage)))
        }
        SpanKind::Gap => ("gap", format!("Not requested, {when}"), None),
    };
    let named = match span.kind {
        SpanKind::Failed(missing) => Some(&missing.kind),
        SpanKind::File(_) | SpanKind::Gap => None,
    };
    let content = html! {
        @if let Some(kind) = named { span.label aria-hidden="true" { (kind) } }
        span.unseen { (words) }
    };
    html! {
        li style=(place) {
            @match target {
                Some(target) => a.bar.(class) href={ "#" (target) } title=(words) { (content) },
                None => span.bar.(class) title=(words) { (content) },
            }
        }
    }
}

fn camera(row: &Row<'_>, clips: usize) -> Markup {
    let heading = anchor(&row.camera);
    html! {
        section.camera aria-labelledby=(heading) {
            h2 id=(heading) { (row.camera) }
            @if !row.failures.is_empty() {
                ul.failures {
                    @for missing in &row.failures { (failure(missing)) }
                }
            }
            div.clips {
                @for file in &row.files { (clip(file, clips)) }
            }
        }
    }
}

fn failure(missing: &Missing) -> Markup {
    html! {
        li id=(id(&missing.footage)) {
            strong { (span_of(missing.footage.start, missing.footage.end)) }
            " " code { (missing.kind) }
            p { (missing.message) }
            @if let Some(request_id) = &missing.request_id {
                p.detail { "Meraki request ID: " code { (request_id) } }
            }
        }
    }
}

fn clip(file: &SavedFile, clips: usize) -> Markup {
    let footage = &file.footage;
    let window = span_of(footage.start, footage.end);
    let label = format!("{}, {window}", footage.camera());
    let preload = if clips > MAX_PREVIEWS {
        "none"
    } else {
        "metadata"
    };
    html! {
        article.clip id=(id(footage)) {
            @match &file.mp4 {
                Some(mp4) => video controls playsinline preload=(preload) src=(mp4.name) aria-label=(label) {},
                None => div.nothing {
                    p { strong { "This clip has no MP4." } }
                    p { "Play the .ts file with VLC or mpv." }
                },
            }
            div {
                h3 { (window) }
                @if is_short(file) { p.short { (shortfall(file)) } }
                dl {
                    dt { "File" } dd { a href=(file.name) { (breakable(&file.name)) } }
                    dt { "Size" } dd { (size(file.size)) }
                    dt { "Content" } dd { (file.content) }
                    dt { "Saved" } dd { (time(file.retrieved_at)) }
                    @if let Some(request_id) = &file.request_id {
                        dt { "Request ID" } dd { code { (request_id) } }
                    }
                    dt { "SHA-256" } dd { code { (file.sha256) } }
                }
            }
        }
    }
}

/// Whether a clip is clearly shorter than its window. The length of a clip without a clock is unknown.
fn is_short(file: &SavedFile) -> bool {
    let window = file.footage.duration();
    let tolerance = (window / 20).max(TimeDelta::seconds(2));
    let held = held(file);
    !held.is_zero() && held + tolerance < window
}

fn shortfall(file: &SavedFile) -> String {
    let (held, window) = (seconds(held(file)), seconds(file.footage.duration()));
    format!("Holds {held} of the requested {window}.")
}

fn held(file: &SavedFile) -> TimeDelta {
    let milliseconds = u32::try_from(file.footage_ms).unwrap_or(u32::MAX);
    TimeDelta::milliseconds(milliseconds.into())
}

/// A file name with line break opportunities.
fn breakable(name: &str) -> Markup {
    html! {
        @for (position, part) in name.split('_').enumerate() {
            @if position > 0 { "_" wbr; }
            (part)
        }
    }
}

fn seconds(length: TimeDelta) -> String {
    format!("{:.1} s", length.num_milliseconds() as f64 / 1_000.0)
}

/// The target of a link. A serial may contain any characters.
fn anchor(camera: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    format!("camera-{}", camera.chars().map(fits).collect::<String>())
}

fn id(footage: &Footage) -> String {
    let window = (
        footage.start.timestamp_millis(),
        footage.end.timestamp_millis(),
    );
    format!("{}-{}-{}", anchor(&footage.camera()), window.0, window.1)
}

fn percent(share: f64) -> String {
    format!("{share:.3}%")
}

fn time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// `2026-03-12 14:30:00 to 14:32:00 UTC`: the date once, and fractions of seconds only if there are any.
fn span_of(start: DateTime<Utc>, end: DateTime<Utc>) -> String {
    let clock = |time: DateTime<Utc>| match time.timestamp_subsec_millis() {
        0 => time.format("%H:%M:%S"),
        _ => time.format("%H:%M:%S%.3f"),
    };
    let date = |time: DateTime<Utc>| time.format("%Y-%m-%d");
    if start.date_naive() == end.date_naive() {
        format!("{} {} to {} UTC", date(start), clock(start), clock(end))
    } else {
        format!(
            "{} {} to {} {} UTC",
            date(start),
            clock(start),
            date(end),
            clock(end)
        )
    }
}

fn tick_label(timeline: &Timeline<'_>, tick: DateTime<Utc>) -> String {
    let length = timeline.end - timeline.start;
    let form = if length > TimeDelta::days(2) {
        "%m-%d"
    } else if length > TimeDelta::minutes(10) {
        "%H:%M"
    } else {
        "%H:%M:%S"
    };
    tick.format(form).to_string()
}

fn size(bytes: u64) -> String {
    let bytes = bytes as f64;
    match bytes {
        ..1e3 => format!("{bytes} B"),
        ..1e6 => format!("{:.1} kB", bytes / 1e3),
        ..1e9 => format!("{:.1} MB", bytes / 1e6),
        _ => format!("{:.1} GB", bytes / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footage(serial: &str) -> Footage {
        let (start, end) = ("2026-03-12T14:30:00Z", "2026-03-12T14:32:00Z");
        Footage::new(serial, None, start, end).unwrap()
    }

    #[test]
    fn foreign_text_is_escaped() {
        let evil = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>";
        let mut manifest = Manifest::empty();
        manifest.failed(Missing {
            footage: footage(evil),
            transient: false,
            kind: evil.to_owned(),
            message: evil.to_owned(),
            status: None,
            request_id: Some(evil.to_owned()),
            retry_after_seconds: None,
            failed_at: Utc::now(),
        });
        let page = page(&manifest).to_lowercase();
        assert!(page.contains("&lt;script&gt;"));
        assert!(
            !page.contains("<script") && !page.contains("<img"),
            "{page}"
        );
    }

    #[test]
    fn foreign_text_is_neutralized() {
        let mut manifest = Manifest::empty();
        manifest.failed(Missing {
            footage: footage("A"),
            transient: false,
            kind: "rejected".to_owned(),
            message: "a\u{1b}]0;b\u{7}c\r\u{202e}d\u{2066}e\u{9b}f\u{2028}".to_owned(),
            status: None,
            request_id: Some("\u{200f}".to_owned()),
            retry_after_seconds: None,
            failed_at: Utc::now(),
        });
        let page = page(&manifest);
        let is_allowed = |c| c == '\n' || mv_clip_core::text::is_printable(c);
        assert!(page.chars().all(is_allowed), "{page:?}");
        assert!(page.contains("a\u{fffd}]0;b\u{fffd}c\u{fffd}\u{fffd}d"));
    }

    #[test]
    fn a_clip_shorter_than_its_window_is_reported() {
        let mut file = SavedFile {
            name: "x.ts".to_owned(),
            footage: footage("A"),
            size: 188,
            sha256: String::new(),
            footage_ms: 4_000,
            content: String::new(),
            request_id: None,
            retrieved_at: Utc::now(),
            mp4: None,
        };
        let expected = "Holds 4.0 s of the requested 120.0 s.";
        assert!(is_short(&file));
        assert_eq!(shortfall(&file), expected);
        for whole_or_unknown in [0, 119_000, 120_000, 125_000] {
            file.footage_ms = whole_or_unknown;
            assert!(!is_short(&file), "{whole_or_unknown}");
        }
    }

    #[test]
    fn spans_name_the_date_once() {
        let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let (start, end) = (time("2026-03-12T23:59:00Z"), time("2026-03-12T23:59:30.5Z"));
        assert_eq!(
            span_of(start, end),
            "2026-03-12 23:59:00 to 23:59:30.500 UTC"
        );
        let end = time("2026-03-13T00:01:00Z");
        assert_eq!(
            span_of(start, end),
            "2026-03-12 23:59:00 to 2026-03-13 00:01:00 UTC"
        );
    }
}
