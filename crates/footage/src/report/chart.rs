//! The time lines of the cameras. The script reads the clips to play, and what is in between, from their bars.

use chrono::{DateTime, TimeDelta, Utc};
use maud::{Markup, html};

use super::places::Places;
use super::text::span_of;
use super::words;
use super::{anchor, id, is_short};
use crate::timeline::{Row, Span, SpanKind, Timeline};

pub(super) fn chart(
    timeline: &Timeline<'_>,
    events: &[DateTime<Utc>],
    places: &mut Places,
) -> Markup {
    html! {
        ul.key aria-hidden="true" {
            li { span.bar.file {} "clip" }
            @if timeline.rows.iter().any(|row| row.files.iter().any(|file| is_short(file))) {
                li { span.bar.file.short {} "clip shorter than its window" }
            }
            li { span.bar.absent {} "missing" }
            li { span.bar.gap {} "not requested" }
            @if !events.is_empty() { li { span.mark {} "event" } }
        }
        div.chart #chart {
            @for row in &timeline.rows { (line(timeline, row, events, places)) }
            div.row.scale aria-hidden="true" {
                div.axis {
                    @for tick in timeline.ticks() {
                        @let place = places.at(timeline.percent(tick));
                        span.(place) { (tick_label(timeline, tick)) }
                    }
                }
            }
        }
    }
}

fn line(
    timeline: &Timeline<'_>,
    row: &Row<'_>,
    events: &[DateTime<Utc>],
    places: &mut Places,
) -> Markup {
    html! {
        div.row {
            div.name {
                input.shown type="checkbox" checked hidden aria-label={ "Show " (row.camera) };
                a href={ "#" (anchor(&row.camera)) } { (row.camera) }
            }
            ol.track aria-label={ "Time line of " (row.camera) } {
                @for span in &row.spans { (bar(timeline, span, places)) }
                @for event in events {
                    @let place = places.at(timeline.percent(*event));
                    li.mark.(place) aria-hidden="true" {}
                }
            }
        }
    }
}

fn bar(timeline: &Timeline<'_>, span: &Span<'_>, places: &mut Places) -> Markup {
    let left = timeline.percent(span.start);
    let place = places.between(left, timeline.percent(span.end));
    let when = span_of(span.start, span.end);
    let (class, words, label, target) = match span.kind {
        SpanKind::File(file) if is_short(file) => {
            let words = format!("Clip shorter than its window, {when}");
            ("file short", words, None, Some(id(&file.footage)))
        }
        SpanKind::File(file) => (
            "file",
            format!("Clip, {when}"),
            None,
            Some(id(&file.footage)),
        ),
        SpanKind::Absent(absence) => {
            let why = words::why(absence);
            let target = Some(id(absence.footage()));
            (
                "absent",
                format!("Missing ({why}), {when}"),
                Some(why),
                target,
            )
        }
        SpanKind::Gap => ("gap", format!("Not requested, {when}"), None, None),
    };
    let content = html! {
        @if let Some(label) = label { span.label aria-hidden="true" { (label) } }
        span.unseen { (words) }
    };
    let (at, source) = clip(span);
    html! {
        li.part.(place) data-start=(span.start.timestamp_millis()) data-end=(span.end.timestamp_millis())
            data-note=[note(span)] data-at=[at] data-src=[source] {
            @match target {
                Some(target) => a.bar.(class) href={ "#" (target) } title=(words) { (content) },
                None => span.bar.(class) title=(words) { (content) },
            }
        }
    }
}

/// Where the clip of a span starts, and its file.
fn clip(span: &Span<'_>) -> (Option<i64>, Option<String>) {
    match span.kind {
        SpanKind::File(file) if file.mp4.is_some() => {
            let start = file.footage.start.timestamp_millis();
            (Some(start), file.footage.mp4_name().ok())
        }
        _ => (None, None),
    }
}

/// What the view says while there is nothing to play.
fn note(span: &Span<'_>) -> Option<String> {
    match span.kind {
        SpanKind::File(file) if file.mp4.is_some() => None,
        SpanKind::File(_) => {
            Some("This clip has no MP4. Play the .ts file with VLC or mpv.".to_owned())
        }
        SpanKind::Absent(absence) => Some(format!("Missing: {}", words::why(absence))),
        SpanKind::Gap => Some("Not requested".to_owned()),
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
