//! `report.html`: shows the content of a folder, and plays its clips in step.

mod chart;
mod head;
mod places;
mod player;
mod text;
mod words;

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use mv_clip_core::text::printable_lines;

use self::places::Places;
use self::text::{seconds, size, span_of, time};
use crate::footage::Footage;
use crate::manifest::{Manifest, Missing, SavedFile};
use crate::timeline::{Absence, Row, Timeline};

/// The page of a manifest. It refers only to files in the same folder, by the names that follow from their footage.
pub(crate) fn page(manifest: &Manifest) -> String {
    let timeline = Timeline::of(manifest);
    let events: BTreeSet<_> = manifest.runs.iter().filter_map(|run| run.event).collect();
    let events: Vec<_> = events.into_iter().collect();
    let mut places = Places::default();
    let player = timeline
        .as_ref()
        .map(|timeline| player::player(timeline, &events, &mut places));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head::head(places.rules()))
            body {
                header {
                    h1 { (head::TITLE) }
                    (summary(manifest, timeline.as_ref(), &events))
                }
                main {
                    @match &timeline {
                        Some(timeline) => {
                            (player.unwrap_or_default())
                            @for row in &timeline.rows { (camera(row)) }
                        }
                        None => p { "No footage was requested." }
                    }
                    (aside(&manifest.set_aside()))
                }
                footer { (origin(manifest)) }
                script { (PreEscaped(head::SCRIPT)) }
            }
        }
    };
    printable_lines(&page.into_string()).into_owned()
}

fn summary(
    manifest: &Manifest,
    timeline: Option<&Timeline<'_>>,
    events: &[DateTime<Utc>],
) -> Markup {
    let rows = timeline.map_or(&[][..], |timeline| &timeline.rows);
    let cameras: BTreeSet<_> = rows.iter().map(|row| row.serial).collect();
    let imagers = rows.len() > cameras.len();
    let files = || rows.iter().flat_map(|row| &row.files);
    let bytes = files().map(|file| file.size);
    let missing = rows.iter().map(|row| row.absences.len()).sum::<usize>();
    html! {
        @if let Some(timeline) = timeline {
            p.window { (span_of(timeline.start, timeline.end)) }
        }
        @if !events.is_empty() {
            p.events {
                "Event: "
                @for (position, event) in events.iter().enumerate() {
                    @if position > 0 { ", " }
                    a href={ "#t=" (crate::footage::text(*event)) } { (time(*event)) }
                }
            }
        }
        dl.totals {
            div { dt { "Cameras" } dd { (cameras.len()) } }
            @if imagers { div { dt { "Views" } dd { (rows.len()) } } }
            div { dt { "Clips" } dd { (files().count()) } }
            div { dt { "Size" } dd { (size(bytes.fold(0, u64::saturating_add))) } }
            div.bad[missing > 0] { dt { "Missing" } dd { (missing) } }
        }
        @if let Some(run) = manifest.runs.last() {
            p.command { "Command: " code { (run.command) } }
        }
    }
}

/// How the page came about.
fn origin(manifest: &Manifest) -> Markup {
    html! {
        p {
            "Times in the text are in UTC. Last updated " (time(manifest.updated_at)) ". "
            a href="manifest.json" { "manifest.json" }
            " lists the clips with their sizes and SHA-256. To verify them, run "
            code { "mv-clip verify" }
            " with the path of this folder."
            @if manifest.runs.last().is_some_and(|run| run.signer.is_some()) {
                " The log is signed: add " code { "--key" } " and the public key."
            }
        }
        @if !manifest.runs.is_empty() {
            details {
                summary { "Commands that filled this folder" }
                ol.runs {
                    @for run in &manifest.runs {
                        li {
                            (time(run.started_at)) ", " (run.tool) ": " code { (run.command) }
                            @if let Some(signer) = &run.signer { ", signed with the key " code { (signer) } }
                        }
                    }
                }
            }
        }
    }
}

fn camera(row: &Row<'_>) -> Markup {
    let heading = anchor(&row.camera);
    html! {
        section.camera aria-labelledby=(heading) {
            h2 id=(heading) { (row.camera) }
            @if !row.absences.is_empty() {
                ul.absences {
                    @for absence in &row.absences { (absent(*absence)) }
                }
            }
            div.clips {
                @for file in &row.files { (clip(file)) }
            }
        }
    }
}

/// What earlier runs asked for, and nobody asks for any more.
fn aside(failures: &[&Missing]) -> Markup {
    html! {
        @if !failures.is_empty() {
            section.aside {
                h2 { "Asked for by an earlier run" }
                p { "Nothing was saved of these cameras, and the last run did not ask for them." }
                ul {
                    @for missing in failures {
                        li {
                            strong { (missing.footage.camera()) ", " (span_of(missing.footage.start, missing.footage.end)) }
                            ": " (missing.message)
                        }
                    }
                }
            }
        }
    }
}

fn absent(absence: Absence<'_>) -> Markup {
    let footage = absence.footage();
    let message = match absence {
        Absence::Failed(Missing { message, .. }) => message,
        Absence::Lost(lost) => &lost.message,
        Absence::Pending(_) => {
            "This clip was asked for by a run that ended early; run the same command again to get it."
        }
    };
    let request_id = match absence {
        Absence::Failed(missing) => missing.request_id.as_ref(),
        _ => None,
    };
    html! {
        li id=(id(footage)) {
            strong { (span_of(footage.start, footage.end)) }
            " " span.why { (words::why(absence)) }
            p { (message) }
            @if let Some(request_id) = request_id {
                p.detail { "Meraki request ID: " code { (request_id) } }
            }
        }
    }
}

fn clip(file: &SavedFile) -> Markup {
    let footage = &file.footage;
    html! {
        article.clip id=(id(footage)) {
            h3 {
                a href={ "#t=" (crate::footage::text(footage.start)) } { (span_of(footage.start, footage.end)) }
            }
            @if is_short(file) { p.short { (shortfall(file)) } }
            dl {
                @if let (Some(mp4), Ok(name)) = (&file.mp4, footage.mp4_name()) {
                    (hashed("To play", &name, mp4.size, &mp4.sha256))
                } @else {
                    dt { "To play" } dd { "This clip has no MP4. Play the .ts file with VLC or mpv." }
                }
                @if let Ok(name) = footage.clip_name() {
                    (hashed("As received", &name, file.size, &file.sha256))
                }
                dt { "Content" } dd { (file.content) }
                dt { "Saved" } dd { (time(file.retrieved_at)) }
                @if let Some(request_id) = &file.request_id {
                    dt { "Request ID" } dd { code { (request_id) } }
                }
            }
        }
    }
}

/// A file with what identifies it.
fn hashed(what: &str, name: &str, bytes: u64, sha256: &str) -> Markup {
    html! {
        dt { (what) }
        dd {
            a href=(name) { (breakable(name)) } ", " (size(bytes))
            br; "SHA-256 " code { (sha256) }
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

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::manifest::{Mp4, Run};

    fn missing(footage: Footage, text: &str) -> Missing {
        Missing {
            footage,
            transient: false,
            kind: text.to_owned(),
            message: text.to_owned(),
            status: None,
            request_id: Some(text.to_owned()),
            retry_after_seconds: None,
            failed_at: Utc::now(),
        }
    }

    fn footage(serial: &str) -> Footage {
        let (start, end) = ("2026-03-12T14:30:00Z", "2026-03-12T14:32:00Z");
        Footage::new(serial, None, start, end).unwrap()
    }

    #[test]
    fn foreign_text_is_escaped() {
        let evil = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>";
        let mut manifest = Manifest::empty();
        manifest.failed(missing(footage(evil), evil));
        let page = page(&manifest).to_lowercase();
        assert!(page.contains("&lt;script&gt;"));
        assert!(
            page.matches("<script").count() == 1 && !page.contains("<img"),
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

    fn file(footage: Footage) -> SavedFile {
        SavedFile {
            name: "x.ts".to_owned(),
            footage,
            size: 188,
            sha256: String::new(),
            footage_ms: 4_000,
            content: String::new(),
            request_id: None,
            retrieved_at: Utc::now(),
            mp4: None,
        }
    }

    fn run(command: &str, event: Option<&str>) -> Run {
        Run {
            started_at: Utc::now(),
            tool: "mv-clip".to_owned(),
            command: command.to_owned(),
            event: event.map(|event| event.parse().unwrap()),
            component: None,
            policy: Vec::new(),
            signer: None,
            authority: None,
        }
    }

    #[test]
    fn no_link_comes_from_the_manifest() {
        let mut manifest = Manifest::empty();
        for (serial, name) in [
            ("Q2XX-ABCD-1234", "javascript:alert(1)"),
            ("../A", "/dev/zero"),
        ] {
            manifest.saved(SavedFile {
                name: name.to_owned(),
                mp4: Some(Mp4 {
                    name: name.to_owned(),
                    size: 1,
                    sha256: String::new(),
                }),
                ..file(footage(serial))
            });
        }
        let page = page(&manifest);
        for evil in ["javascript:", "/dev/zero", "../A_"] {
            assert!(!page.contains(evil), "{evil}");
        }
        let stem = "Q2XX-ABCD-1234_20260312T143000.000Z_20260312T143200.000Z";
        for link in ["href=\"{}.mp4\"", "href=\"{}.ts\"", "data-src=\"{}.mp4\""] {
            let link = link.replace("{}", stem);
            assert_eq!(page.matches(&link).count(), 1, "{link}");
        }
    }

    #[test]
    fn only_the_script_and_the_styles_of_the_page_are_allowed() {
        let mut manifest = Manifest::empty();
        manifest.saved(file(footage("A")));
        let page = page(&manifest);
        let hash = |text: &str| data_encoding::BASE64.encode(&Sha256::digest(text));
        let within = |tag: &str| {
            let [start, end] = [format!("<{tag}>"), format!("</{tag}>")];
            let inside = page
                .split(&start)
                .skip(1)
                .map(|part| hash(part.split(&end).next().unwrap()));
            inside
                .map(|hash| format!("'sha256-{hash}'"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        let policy = format!(
            "default-src 'none'; script-src {}; style-src {}; media-src 'self' file:; base-uri 'none'; \
             form-action 'none'",
            within("script"),
            within("style"),
        );
        // In an attribute an apostrophe need not be escaped.
        assert!(page.contains(&policy), "{policy}");
        assert!(!page.contains("style=") && !page.contains("onclick"));
        // The page is cleaned as a whole, which must not change what has a hash.
        assert_eq!(printable_lines(head::SCRIPT), head::SCRIPT);
    }

    #[test]
    fn a_report_says_the_event_the_command_and_the_zone() {
        let mut manifest = Manifest::empty();
        manifest.saved(file(footage("A")));
        let command = "incident A --at 2026-03-12T14:31:00Z\u{202e}</code><script>";
        manifest
            .runs
            .push(run(command, Some("2026-03-12T14:31:00Z")));
        let page = page(&manifest);
        for words in [
            "href=\"#t=2026-03-12T14:31:00.000Z\"",
            "2026-03-12 14:31:00 UTC",
            "incident A --at 2026-03-12T14:31:00Z\u{fffd}&lt;/code&gt;&lt;script&gt;",
            "Times in the text are in UTC",
        ] {
            assert!(page.contains(words), "{words}");
        }
    }

    #[test]
    fn imagers_are_views_and_what_was_made_up_for_is_not_missing() {
        let mut manifest = Manifest::empty();
        for imager_id in [Some(1), Some(2)] {
            manifest.saved(file(Footage {
                imager_id,
                ..footage("A")
            }));
        }
        manifest.saved(file(footage("B")));
        manifest.failed(missing(footage("B"), "rejected"));
        let totals = |page: &str, name: &str, count: usize| {
            page.contains(&format!("<dt>{name}</dt><dd>{count}</dd>"))
        };
        let page = page(&manifest);
        for (name, count) in [("Cameras", 2), ("Views", 3), ("Clips", 3), ("Missing", 0)] {
            assert!(totals(&page, name, count), "{name}");
        }
    }

    #[test]
    fn a_camera_of_an_earlier_run_of_which_nothing_was_saved_is_set_aside() {
        let mut manifest = Manifest::empty();
        let typo = footage("Q2XX-TYPO-0000");
        manifest.started(run("incident", None), std::slice::from_ref(&typo));
        manifest.failed(Missing {
            kind: "not-found".to_owned(),
            ..missing(typo.clone(), "Meraki has no such camera (404).")
        });
        let page_of_first = page(&manifest);
        assert!(page_of_first.contains("Missing: camera not found"));
        assert!(page_of_first.contains("<dt>Missing</dt><dd>1</dd>"));
        assert_eq!(manifest.set_aside(), [] as [&Missing; 0]);

        manifest.started(run("incident", None), &[footage("A"), footage("B")]);
        manifest.saved(file(footage("A")));
        manifest.failed(missing(footage("B"), "rejected"));
        let page = page(&manifest);
        assert!(page.contains("<dt>Cameras</dt><dd>2</dd>"), "{page}");
        assert!(page.contains("<dt>Missing</dt><dd>1</dd>"), "{page}");
        assert!(!page.contains("Missing: camera not found"), "{page}");
        let (_, aside) = page.split_once("Asked for by an earlier run").unwrap();
        assert!(aside.contains("Q2XX-TYPO-0000"), "{aside}");
        assert!(
            aside.contains("Meraki has no such camera (404)."),
            "{aside}"
        );
    }

    #[test]
    fn what_may_still_come_or_was_saved_before_is_not_set_aside() {
        let mut manifest = Manifest::empty();
        let [saved, later, open] = ["SAVED", "LATER", "OPEN"].map(footage);
        let asked = [saved.clone(), later.clone(), open.clone()];
        manifest.started(run("incident", None), &asked);
        manifest.saved(file(saved.clone()));
        // A later window of a camera that is known.
        let offline = Footage {
            end: saved.end + TimeDelta::minutes(2),
            ..saved
        };
        manifest.failed(missing(offline, "rejected"));
        manifest.failed(Missing {
            transient: true,
            ..missing(later, "unavailable")
        });
        // A camera that exists, and had no footage then.
        let early = footage("EARLY");
        manifest.started(run("incident", None), std::slice::from_ref(&early));
        manifest.failed(Missing {
            kind: "outside-retention".to_owned(),
            ..missing(early, "rejected")
        });
        manifest.started(run("incident", None), &[footage("A")]);
        assert_eq!(manifest.set_aside(), [] as [&Missing; 0]);
        assert_eq!(manifest.pending, [footage("A"), open]);
    }

    #[test]
    fn no_kind_of_failure_is_shown_as_an_identifier() {
        let mut manifest = Manifest::empty();
        for (serial, kind) in [("A", "outside-retention"), ("B", "download-failed")] {
            manifest.failed(Missing {
                transient: true,
                kind: kind.to_owned(),
                ..missing(footage(serial), "text")
            });
        }
        let page = page(&manifest);
        for kind in ["outside-retention", "download-failed"] {
            assert!(!page.contains(kind), "{page}");
        }
        assert!(
            page.contains("Missing: older than the camera keeps"),
            "{page}"
        );
    }

    #[test]
    fn a_clip_shorter_than_its_window_is_reported() {
        let mut file = file(footage("A"));
        let expected = "Holds 4.0 s of the requested 120.0 s.";
        assert!(is_short(&file));
        assert_eq!(shortfall(&file), expected);
        for whole_or_unknown in [0, 119_000, 120_000, 125_000] {
            file.footage_ms = whole_or_unknown;
            assert!(!is_short(&file), "{whole_or_unknown}");
        }
    }
}
