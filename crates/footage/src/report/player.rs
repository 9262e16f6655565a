//! The views that play in step, and their controls. `report.js` runs them.

use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::chart::chart;
use super::places::Places;
use crate::timeline::Timeline;

pub(super) fn player(
    timeline: &Timeline<'_>,
    events: &[DateTime<Utc>],
    places: &mut Places,
) -> Markup {
    let (start, end) = (
        timeline.start.timestamp_millis(),
        timeline.end.timestamp_millis(),
    );
    let event = events.first().map(DateTime::timestamp_millis);
    html! {
        section.player #player aria-label="Player" data-start=(start) data-end=(end) data-event=[event] {
            div.stage #stage hidden {
                @for row in &timeline.rows {
                    figure.view {
                        video playsinline muted preload="auto" aria-label=(row.camera) {}
                        p.note aria-live="off" {}
                        figcaption {
                            span { (row.camera) }
                            button.sound type="button" aria-pressed="false" title="Sound of this camera" { "Sound" }
                        }
                    }
                }
            }
            div.controls #controls hidden { (controls(event.is_some())) }
            noscript {
                p { "To play the cameras side by side, allow this page's script. The clips below play without it." }
            }
            h2 { "Coverage" }
            (chart(timeline, events, places))
        }
    }
}

fn controls(has_event: bool) -> Markup {
    let button = |name: &str, text: &str, title: &str| {
        html! { button id=(name) type="button" title=(title) { (text) } }
    };
    html! {
        input #scrub type="range" min="0" step="any" aria-label="Time";
        div.buttons {
            (button("play", "Play", "Play or pause (space)"))
            (button("back", "\u{2212}5 s", "5 s back (left arrow)"))
            (button("forward", "+5 s", "5 s on (right arrow)"))
            (button("before", "\u{2212}1 picture", "One picture back (comma)"))
            (button("after", "+1 picture", "One picture on (full stop)"))
            @if has_event { (button("event", "Event", "To the event (E)")) }
            label { "Speed "
                select #speed {
                    @for speed in ["0.25", "0.5", "1", "2", "4", "8"] {
                        option value=(speed) selected[speed == "1"] { (speed) "\u{d7}" }
                    }
                }
            }
            label { input #skip type="checkbox"; " Skip gaps" }
            (button("full", "Full screen", "Full screen (F)"))
        }
        div.clock {
            output #utc {}
            output #local {}
            label { "Time zone " select #zone { option { "UTC" } } }
            a #moment href="#" { "Link to this moment" }
            output #state aria-live="polite" {}
        }
    }
}
