//! The coverage of each camera over time.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use crate::footage::Footage;
use crate::manifest::{Lost, Manifest, Missing, SavedFile};

/// The cameras of a manifest on a common time axis.
#[derive(Debug)]
pub(crate) struct Timeline<'a> {
    pub(crate) start: DateTime<Utc>,
    pub(crate) end: DateTime<Utc>,
    pub(crate) rows: Vec<Row<'a>>,
}

/// One camera, or one imager of it, from the start to the end of the axis.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) camera: String,
    pub(crate) serial: &'a str,
    pub(crate) files: Vec<&'a SavedFile>,
    /// The clips that were asked for and are in no file.
    pub(crate) absences: Vec<Absence<'a>>,
    /// In order; each starts at the end of the previous one.
    pub(crate) spans: Vec<Span<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Span<'a> {
    pub(crate) start: DateTime<Utc>,
    pub(crate) end: DateTime<Utc>,
    pub(crate) kind: SpanKind<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum SpanKind<'a> {
    /// There is a clip.
    File(&'a SavedFile),
    /// The clip was requested and is missing.
    Absent(Absence<'a>),
    /// Nothing was requested.
    Gap,
}

/// Why a clip that was asked for is not there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Absence<'a> {
    /// It could not be had.
    Failed(&'a Missing),
    /// It was saved, and is gone or changed.
    Lost(&'a Lost),
    /// The run was interrupted.
    Pending(&'a Footage),
}

impl<'a> Absence<'a> {
    pub(crate) fn footage(self) -> &'a Footage {
        match self {
            Self::Failed(missing) => &missing.footage,
            Self::Lost(lost) => &lost.footage,
            Self::Pending(footage) => footage,
        }
    }

    /// The kind of the failure, or of what happened.
    pub(crate) fn kind(self) -> &'a str {
        match self {
            Self::Failed(missing) => &missing.kind,
            Self::Lost(_) => "lost",
            Self::Pending(_) => "interrupted",
        }
    }
}

impl<'a> Timeline<'a> {
    /// `None` for a manifest without entries.
    pub(crate) fn of(manifest: &'a Manifest) -> Option<Self> {
        type OfCamera<'a> = (Vec<&'a SavedFile>, Vec<Absence<'a>>);
        let mut cameras: BTreeMap<(&str, Option<u32>), OfCamera<'a>> = BTreeMap::new();
        let is_there = |file: &&SavedFile| !manifest.is_lost(&file.name);
        for file in manifest.files.iter().filter(is_there) {
            let (files, _) = cameras.entry(file.footage.source()).or_default();
            files.push(file);
        }
        let aside: BTreeSet<_> = manifest
            .set_aside()
            .into_iter()
            .map(|m| &m.footage)
            .collect();
        let failed = manifest.failures.iter();
        let failed = failed.filter(|missing| !aside.contains(&missing.footage));
        let failed = failed.map(Absence::Failed);
        let lost = manifest.lost.iter().map(Absence::Lost);
        let pending = manifest.pending.iter().map(Absence::Pending);
        // Of the same footage, what was lost says the most.
        for absence in lost.chain(failed).chain(pending) {
            let footage = absence.footage();
            let (files, absences) = cameras.entry(footage.source()).or_default();
            let covers = |other: &Footage| other.start <= footage.start && footage.end <= other.end;
            let is_covered = files.iter().any(|file| covers(&file.footage));
            let is_told = absences.iter().any(|other| other.footage() == footage);
            if !is_covered && !is_told {
                absences.push(absence);
            }
        }
        let windows = || {
            cameras.values().flat_map(|(files, absences)| {
                let files = files.iter().map(|file| &file.footage);
                files.chain(absences.iter().map(|absence| absence.footage()))
            })
        };
        let start = windows().map(|footage| footage.start).min()?;
        let end = windows().map(|footage| footage.end).max()?;
        let rows = cameras.into_values().map(|(files, mut absences)| {
            absences.sort_by_key(|absence| absence.footage());
            let footage = files.first().map(|file| &file.footage);
            let footage = footage.or(absences.first().map(|absence| absence.footage()));
            Row {
                camera: footage.map(Footage::camera).unwrap_or_default(),
                serial: footage.map_or("", |footage| &footage.serial),
                spans: spans(start, end, &files, &absences),
                files,
                absences,
            }
        });
        Some(Self {
            start,
            end,
            rows: rows.collect(),
        })
    }

    /// The position of a time on the axis, in percent.
    pub(crate) fn percent(&self, time: DateTime<Utc>) -> f64 {
        let milliseconds = |length: TimeDelta| length.num_milliseconds() as f64;
        let whole = milliseconds(self.end - self.start).max(1.0);
        milliseconds(time - self.start) / whole * 100.0
    }

    /// Round times along the axis.
    pub(crate) fn ticks(&self) -> Vec<DateTime<Utc>> {
        const STEPS: [i64; 17] = [
            1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200,
            86_400,
        ];
        const MOST: i64 = 8;
        let length = (self.end - self.start).num_seconds();
        let fits = |step: &&i64| length / **step <= MOST;
        // Over a week: whole days.
        let step = match STEPS.iter().find(fits) {
            Some(step) => *step,
            None => (length / 86_400 / MOST + 1) * 86_400,
        };
        let first = self.start.timestamp().div_euclid(step) * step;
        (0..=MOST + 1)
            .filter_map(|number| DateTime::from_timestamp(first + number * step, 0))
            .filter(|time| (self.start..=self.end).contains(time))
            .collect()
    }
}

/// Divides the axis at each start and end of a window, classifies the pieces, and joins equal neighbours.
fn spans<'a>(
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    files: &[&'a SavedFile],
    absences: &[Absence<'a>],
) -> Vec<Span<'a>> {
    let windows = files.iter().map(|file| &file.footage);
    let windows = windows.chain(absences.iter().map(|absence| absence.footage()));
    let mut cuts: Vec<_> = windows
        .flat_map(|footage| [footage.start, footage.end])
        .collect();
    cuts.extend([start, end]);
    cuts.sort_unstable();
    cuts.dedup();

    let mut spans: Vec<Span<'a>> = Vec::new();
    for (&start, &end) in cuts.iter().zip(cuts.iter().skip(1)) {
        let covers = |footage: &Footage| footage.start <= start && end <= footage.end;
        let file = files.iter().find(|file| covers(&file.footage));
        let absent = absences.iter().find(|absence| covers(absence.footage()));
        let kind = match (file, absent) {
            (Some(file), _) => SpanKind::File(file),
            (None, Some(absence)) => SpanKind::Absent(*absence),
            (None, None) => SpanKind::Gap,
        };
        match spans.last_mut() {
            Some(last) if last.kind == kind => last.end = end,
            _ => spans.push(Span { start, end, kind }),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: i64 = 1_773_325_800;

    fn footage(serial: &str, start: i64, end: i64) -> Footage {
        let time = |seconds| DateTime::from_timestamp(START + seconds, 0).unwrap();
        Footage {
            serial: serial.to_owned(),
            imager_id: None,
            start: time(start),
            end: time(end),
        }
    }

    fn file(footage: Footage) -> SavedFile {
        SavedFile {
            name: format!("{}.ts", footage.file_stem().unwrap()),
            size: 188,
            sha256: "00".repeat(32),
            footage_ms: 1_000,
            content: String::new(),
            request_id: None,
            retrieved_at: footage.end,
            mp4: None,
            footage,
        }
    }

    fn missing(footage: Footage) -> Missing {
        Missing {
            transient: true,
            kind: "unavailable".to_owned(),
            message: String::new(),
            status: None,
            request_id: None,
            retry_after_seconds: None,
            failed_at: footage.end,
            footage,
        }
    }

    fn manifest(files: &[(i64, i64)], failures: &[(i64, i64)]) -> Manifest {
        let mut manifest = Manifest::empty();
        for (start, end) in failures {
            manifest.failed(missing(footage("A", *start, *end)));
        }
        for (start, end) in files {
            manifest.saved(file(footage("A", *start, *end)));
        }
        manifest
    }

    type Drawn = (char, i64, i64);

    /// A row as seconds from the start: `f` for a file, `x` for a failure, `-` for a gap.
    fn drawn(row: &Row<'_>) -> Vec<Drawn> {
        let seconds = |time: DateTime<Utc>| time.timestamp() - START;
        let draw = |span: &Span<'_>| {
            let what = match span.kind {
                SpanKind::File(_) => 'f',
                SpanKind::Absent(_) => 'x',
                SpanKind::Gap => '-',
            };
            (what, seconds(span.start), seconds(span.end))
        };
        row.spans.iter().map(draw).collect()
    }

    #[test]
    fn gaps_and_failures_are_distinguished() {
        type Case<'a> = (&'a str, &'a [(i64, i64)], &'a [(i64, i64)], &'a [Drawn]);
        let cases: [Case<'_>; 6] = [
            ("one clip", &[(0, 9)], &[], &[('f', 0, 9)]),
            (
                "clips that touch",
                &[(0, 5), (5, 9)],
                &[],
                &[('f', 0, 5), ('f', 5, 9)],
            ),
            (
                "a gap",
                &[(0, 3), (5, 9)],
                &[],
                &[('f', 0, 3), ('-', 3, 5), ('f', 5, 9)],
            ),
            (
                "a failure between",
                &[(0, 3), (6, 9)],
                &[(3, 6)],
                &[('f', 0, 3), ('x', 3, 6), ('f', 6, 9)],
            ),
            (
                "clips that overlap",
                &[(0, 6), (4, 9)],
                &[],
                &[('f', 0, 6), ('f', 6, 9)],
            ),
            (
                "a failure that a clip covers",
                &[(2, 9)],
                &[(0, 4)],
                &[('x', 0, 2), ('f', 2, 9)],
            ),
        ];
        for (name, files, failures, expected) in cases {
            let manifest = manifest(files, failures);
            let timeline = Timeline::of(&manifest).unwrap();
            assert_eq!(drawn(&timeline.rows[0]), expected, "{name}");
        }
    }

    #[test]
    fn cameras_share_the_axis() {
        let mut manifest = manifest(&[(0, 10)], &[]);
        manifest.saved(file(footage("B", 5, 20)));
        let timeline = Timeline::of(&manifest).unwrap();
        assert_eq!(drawn(&timeline.rows[0]), [('f', 0, 10), ('-', 10, 20)]);
        assert_eq!(drawn(&timeline.rows[1]), [('-', 0, 5), ('f', 5, 20)]);
        assert!((timeline.percent(timeline.rows[1].files[0].footage.start) - 25.0).abs() < 1e-9);
    }

    #[test]
    fn what_a_clip_covers_is_not_missing_and_a_lost_clip_is() {
        let (early, late) = (footage("A", 0, 5), footage("A", 5, 9));
        let mut manifest = manifest(&[(0, 5), (5, 9)], &[]);
        // A later try of the same window failed.
        manifest.failed(missing(early.clone()));
        manifest.lost.push(Lost {
            name: late.clip_name().unwrap(),
            footage: late.clone(),
            message: String::new(),
            found_at: late.end,
        });
        manifest.failed(missing(late.clone()));
        let open = footage("A", 9, 12);
        manifest.pending.push(open.clone());
        let timeline = Timeline::of(&manifest).unwrap();
        let [row] = &timeline.rows[..] else { panic!() };
        let absences: Vec<_> = row
            .absences
            .iter()
            .map(|a| (a.kind(), a.footage()))
            .collect();
        assert_eq!(absences, [("lost", &late), ("interrupted", &open)]);
        assert_eq!(drawn(row), [('f', 0, 5), ('x', 5, 9), ('x', 9, 12)]);
    }

    #[test]
    fn nothing_has_no_timeline() {
        assert!(Timeline::of(&Manifest::empty()).is_none());
    }

    #[test]
    fn ticks_are_few_round_and_on_the_axis() {
        for seconds in [
            1, 7, 60, 120, 301, 3_600, 86_400, 90_001, 1_000_000, 40_000_000,
        ] {
            let manifest = manifest(&[(3, 3 + seconds)], &[]);
            let timeline = Timeline::of(&manifest).unwrap();
            let ticks = timeline.ticks();
            assert!(
                (1..=10).contains(&ticks.len()) || seconds > 86_400,
                "{seconds}: {ticks:?}"
            );
            let axis = timeline.start..=timeline.end;
            assert!(ticks.iter().all(|tick| axis.contains(tick)), "{seconds}");
        }
    }

    fn windows() -> impl Strategy<Value = Vec<(i64, i64)>> {
        let window = (0_i64..200, 1_i64..40).prop_map(|(start, length)| (start, start + length));
        prop::collection::vec(window, 0..12)
    }

    proptest! {
        #[test]
        fn every_second_is_covered_once_and_correctly(files in windows(), failures in windows()) {
            let manifest = manifest(&files, &failures);
            let Some(timeline) = Timeline::of(&manifest) else {
                prop_assert!(files.is_empty() && failures.is_empty());
                return Ok(());
            };
            let [row] = timeline.rows.as_slice() else { panic!("one camera") };
            prop_assert_eq!(row.spans[0].start, timeline.start);
            prop_assert_eq!(row.spans[row.spans.len() - 1].end, timeline.end);
            for pair in row.spans.windows(2) {
                prop_assert_eq!(pair[0].end, pair[1].start);
                prop_assert!(pair[0].kind != pair[1].kind);
            }
            let within = |windows: &[(i64, i64)], second| {
                windows.iter().any(|(start, end)| (*start..*end).contains(&second))
            };
            for (what, start, end) in drawn(row) {
                for second in start..end {
                    let expected = match (within(&files, second), within(&failures, second)) {
                        (true, _) => 'f',
                        (false, true) => 'x',
                        (false, false) => '-',
                    };
                    prop_assert_eq!(what, expected, "second {}", second);
                }
            }
        }
    }
}
