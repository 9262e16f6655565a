//! Makes samples of pictures, and places them in time.

use super::codec::Codec;
use super::description::Description;
use super::h264;
use super::parameters::Parameters;
use super::unit::Unit;
use super::units::{AccessUnit, Units};
use crate::clock::{Clock, HERTZ, Line, distance};
use crate::error::{Error, Limit};
use crate::rate::Steps;
use crate::sample::{Sample, Track};
use crate::transport::pes::Stamp;

/// The interval of pictures as long as nothing tells.
const INTERVAL: i64 = HERTZ / 30;

/// The track of pictures.
pub(crate) struct Pictures {
    units: Units,
    track: State,
}

/// What is known of the pictures so far.
pub(crate) struct State {
    codec: Codec,
    parameters: Parameters,
    pub(crate) descriptions: Vec<Description>,
    description: usize,
    /// Whether parameter sets stay in the pictures, because they have changed.
    keeps_parameters: bool,
    pub(crate) changes: u64,
    pub(crate) pictures: u64,
    pub(crate) damaged: u64,
    /// Pictures before the first that can be shown.
    pub(crate) skipped: u64,
    pub(crate) steps: Steps,
    line: Line,
    /// When the last picture is decoded.
    last: Option<i64>,
    interval: i64,
    /// The pictures since the last that has a time.
    unstamped: i64,
    data: Vec<u8>,
    takes_data: bool,
}

impl Pictures {
    pub(crate) fn new(codec: Codec, takes_data: bool) -> Self {
        Self {
            units: Units::new(codec),
            track: State {
                codec,
                parameters: Parameters::default(),
                descriptions: Vec::new(),
                description: 0,
                keeps_parameters: false,
                changes: 0,
                pictures: 0,
                damaged: 0,
                skipped: 0,
                steps: Steps::default(),
                line: Line::of_pictures(),
                last: None,
                interval: INTERVAL,
                unstamped: 0,
                data: Vec::new(),
                takes_data,
            },
        }
    }

    pub(crate) fn state(&self) -> &State {
        &self.track
    }

    pub(crate) fn start(&mut self, stamp: Option<Stamp>) {
        self.units.mark(stamp);
    }

    pub(crate) fn damage(&mut self) {
        self.units.damage();
    }

    /// Gives each picture that is complete to `found`.
    pub(crate) fn push(
        &mut self,
        data: &[u8],
        clock: &mut Clock,
        found: &mut impl FnMut(Sample, &[u8], &[Description]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let track = &mut self.track;
        self.units.push(data, &mut |unit: AccessUnit<'_>| {
            track.take(&unit, clock, found)
        })
    }

    /// Gives the last picture to `found`.
    pub(crate) fn finish(
        &mut self,
        clock: &mut Clock,
        found: &mut impl FnMut(Sample, &[u8], &[Description]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let track = &mut self.track;
        self.units
            .finish(&mut |unit: AccessUnit<'_>| track.take(&unit, clock, found))
    }
}

impl State {
    fn take(
        &mut self,
        unit: &AccessUnit<'_>,
        clock: &mut Clock,
        found: &mut impl FnMut(Sample, &[u8], &[Description]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let is_key = self.read(unit)?;
        if self.descriptions.is_empty() || (self.pictures == 0 && !is_key) {
            self.skipped += 1;
            return Ok(());
        }
        let size = self.collect(unit);
        let (dts, offset) = self.place(unit.stamp, clock);
        self.pictures += 1;
        self.damaged += u64::from(unit.is_damaged);
        self.steps.add(dts);
        let sample = Sample {
            track: Track::Pictures,
            dts,
            offset,
            is_key,
            description: u32::try_from(self.description).unwrap_or(0),
            duration: u32::try_from(self.interval).unwrap_or(0),
            size,
        };
        found(sample, &self.data, &self.descriptions)
    }

    /// Reads parameters and key frames. Says whether decoding can start here.
    fn read(&mut self, unit: &AccessUnit<'_>) -> Result<bool, Error> {
        let (mut is_key, mut is_changed) = (false, false);
        for unit in unit.units() {
            match self.codec.unit(unit) {
                Unit::Slice { is_key: key, .. } => is_key |= key,
                Unit::Information if self.codec == Codec::H264 => {
                    is_key |= h264::is_recovery_point(unit);
                }
                Unit::Parameters(kind) => {
                    is_changed |= self.parameters.update(self.codec, kind, unit)?;
                }
                _ => {}
            }
        }
        if (is_changed || self.descriptions.is_empty())
            && (is_key || self.pictures > 0)
            && let Some(description) = Description::of(self.codec, &self.parameters)
        {
            self.describe(description)?;
        }
        Ok(is_key)
    }

    fn describe(&mut self, description: Description) -> Result<(), Error> {
        if let Some(interval) = description.interval {
            self.interval = i64::from(interval);
        }
        if !self.descriptions.is_empty() {
            self.changes += 1;
            // Several players know the first description only: they take the sets from the pictures.
            self.keeps_parameters = true;
        }
        let known = self
            .descriptions
            .iter()
            .position(|known| *known == description);
        self.description = known.unwrap_or(self.descriptions.len());
        if known.is_none() {
            if self.descriptions.len() == Limit::DESCRIPTIONS {
                return Err(Limit::Descriptions.into());
            }
            self.descriptions.push(description);
        }
        Ok(())
    }

    /// Collects the NAL units with their lengths in front, and says how many bytes they are.
    fn collect(&mut self, unit: &AccessUnit<'_>) -> u32 {
        self.data.clear();
        let mut size = 0;
        for unit in unit.units() {
            let is_kept = match self.codec.unit(unit) {
                Unit::Filler { .. } => false,
                Unit::Parameters(_) => self.keeps_parameters || !self.parameters.contains(unit),
                _ => true,
            };
            if is_kept {
                let length = u32::try_from(unit.len()).unwrap_or(u32::MAX);
                size += 4 + length;
                if self.takes_data {
                    self.data.extend(length.to_be_bytes());
                    self.data.extend_from_slice(unit);
                }
            }
        }
        size
    }

    /// When a picture is decoded, and how much later it is shown.
    fn place(&mut self, stamp: Option<Stamp>, clock: &mut Clock) -> (i64, u32) {
        let expected = self.last.map(|last| last + self.interval);
        let Some(stamp) = stamp else {
            let dts = expected.unwrap_or(0);
            self.unstamped += 1;
            self.last = Some(dts);
            return (dts, 0);
        };
        let before = self.line.time();
        let time = clock.place(&mut self.line, stamp.dts, expected, stamp.is_discontinuity);
        let dts = self.last.map_or(time, |last| time.max(last + 1));
        if let Some(before) = before {
            let step = (time - before) / (self.unstamped + 1);
            if (1..=HERTZ).contains(&step) {
                self.interval = step;
            }
        }
        self.unstamped = 0;
        self.last = Some(dts);
        let offset = distance(stamp.dts, stamp.pts).clamp(0, 10 * HERTZ);
        (dts, u32::try_from(offset).unwrap_or(0))
    }
}
