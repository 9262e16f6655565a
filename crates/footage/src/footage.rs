//! A camera and a window of time.

use std::fmt;
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, SubsecRound, TimeDelta, Utc};
use mv_clip_host::{Clip, ClipRequest};
use serde::{Deserialize, Serialize};

/// The footage of one clip: the camera and the window.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Footage {
    /// The camera's serial number.
    pub serial: String,
    /// The imager of a multi-imager camera.
    pub imager_id: Option<u32>,
    #[serde(with = "milliseconds")]
    pub(crate) start: DateTime<Utc>,
    #[serde(with = "milliseconds")]
    pub(crate) end: DateTime<Utc>,
}

/// Why a request or a clip does not describe footage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidFootage {
    /// The serial is empty, or has characters other than ASCII letters, digits and hyphens.
    #[error("{0:?} is not a serial number: use letters, digits and hyphens")]
    Serial(String),
    /// A time is not RFC 3339 with an offset.
    #[error("{0:?} is not an RFC 3339 time with an offset, such as 2026-03-12T14:30:00Z")]
    Time(String),
}

impl Footage {
    /// Parses two RFC 3339 times, with a precision of milliseconds.
    ///
    /// # Errors
    ///
    /// [`InvalidFootage::Time`].
    pub fn new(
        serial: &str,
        imager_id: Option<u32>,
        start: &str,
        end: &str,
    ) -> Result<Self, InvalidFootage> {
        Ok(Self {
            serial: serial.to_ascii_uppercase(),
            imager_id,
            start: instant(start)?,
            end: instant(end)?,
        })
    }

    /// The name of its files without extension:
    /// `Q2XX-ABCD-1234_i2_20260312T143000.000Z_20260312T143200.000Z`.
    ///
    /// # Errors
    ///
    /// [`InvalidFootage::Serial`] if the serial cannot be part of a file name.
    pub fn file_stem(&self) -> Result<String, InvalidFootage> {
        let Self {
            serial,
            imager_id,
            start,
            end,
        } = self;
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if serial.is_empty() || !serial.chars().all(fits) {
            return Err(InvalidFootage::Serial(serial.clone()));
        }
        let imager = imager_id.map(|id| format!("_i{id}")).unwrap_or_default();
        let [start, end] = [start, end].map(|time| time.format("%Y%m%dT%H%M%S%.3fZ"));
        Ok(format!("{serial}{imager}_{start}_{end}"))
    }

    /// The camera as text: its serial and, if given, the imager.
    #[must_use]
    pub fn camera(&self) -> String {
        match self.imager_id {
            Some(id) => format!("{}, imager {id}", self.serial),
            None => self.serial.clone(),
        }
    }

    /// The camera as values.
    pub(crate) fn source(&self) -> (&str, Option<u32>) {
        (&self.serial, self.imager_id)
    }

    /// The start of the window.
    #[must_use]
    pub fn start(&self) -> SystemTime {
        self.start.into()
    }

    /// The end of the window.
    #[must_use]
    pub fn end(&self) -> SystemTime {
        self.end.into()
    }

    /// The length of the window.
    pub(crate) fn duration(&self) -> TimeDelta {
        self.end - self.start
    }

    /// The request for this footage.
    #[must_use]
    pub fn request(&self) -> ClipRequest {
        ClipRequest {
            serial: self.serial.clone(),
            start: text(self.start),
            end: text(self.end),
            imager_id: self.imager_id,
        }
    }
}

impl TryFrom<&ClipRequest> for Footage {
    type Error = InvalidFootage;

    fn try_from(request: &ClipRequest) -> Result<Self, InvalidFootage> {
        let ClipRequest {
            serial,
            start,
            end,
            imager_id,
        } = request;
        Self::new(serial, *imager_id, start, end)
    }
}

impl TryFrom<&Clip> for Footage {
    type Error = InvalidFootage;

    fn try_from(clip: &Clip) -> Result<Self, InvalidFootage> {
        Self::new(&clip.serial, clip.imager_id, &clip.start, &clip.end)
    }
}

impl fmt::Display for Footage {
    /// Such as `Q2XX-ABCD-1234 from 2026-03-12T14:30:00.000Z to 2026-03-12T14:32:00.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (camera, start, end) = (self.camera(), text(self.start), text(self.end));
        write!(f, "{camera} from {start} to {end}")
    }
}

pub(crate) fn instant(time: &str) -> Result<DateTime<Utc>, InvalidFootage> {
    let bad = || InvalidFootage::Time(time.to_owned());
    let parsed = DateTime::parse_from_rfc3339(time).map_err(|_| bad())?;
    DateTime::from_timestamp_millis(parsed.timestamp_millis()).ok_or_else(bad)
}

/// The current time, with the precision of the manifest.
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}

pub(crate) fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Times in UTC with milliseconds, `2026-03-12T14:30:00.000Z`.
pub(crate) mod milliseconds {
    use chrono::{DateTime, Utc};
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(
        time: &DateTime<Utc>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::text(*time))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<DateTime<Utc>, D::Error> {
        super::instant(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// The same, or null.
pub(crate) mod optional_milliseconds {
    use chrono::{DateTime, Utc};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(
        time: &Option<DateTime<Utc>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(super::text).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<DateTime<Utc>>, D::Error> {
        let time = Option::<String>::deserialize(deserializer)?;
        let time = time.map(|time| super::instant(&time)).transpose();
        time.map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let cases = [
            (
                "plain",
                (
                    "Q2XX-ABCD-1234",
                    None,
                    "2026-03-12T14:30:00Z",
                    "2026-03-12T14:32:00Z",
                ),
                "Q2XX-ABCD-1234_20260312T143000.000Z_20260312T143200.000Z",
            ),
            (
                "imager",
                (
                    "Q2XX-ABCD-1234",
                    Some(2),
                    "2026-03-12T14:30:00Z",
                    "2026-03-12T14:32:00Z",
                ),
                "Q2XX-ABCD-1234_i2_20260312T143000.000Z_20260312T143200.000Z",
            ),
            (
                "lower case, offset, microseconds",
                (
                    "q2xx-abcd-1234",
                    None,
                    "2026-03-12T23:59:59.1239+01:00",
                    "2026-03-13T00:00:01.5+01:00",
                ),
                "Q2XX-ABCD-1234_20260312T225959.123Z_20260312T230001.500Z",
            ),
        ];
        for (case, (serial, imager, start, end), expected) in cases {
            let footage = Footage::new(serial, imager, start, end).unwrap();
            assert_eq!(footage.file_stem().unwrap(), expected, "{case}");
            assert_eq!(Footage::try_from(&footage.request()), Ok(footage), "{case}");
        }
    }

    #[test]
    fn names_that_are_not_safe_are_refused() {
        let (start, end) = ("2026-03-12T14:30:00Z", "2026-03-12T14:32:00Z");
        for serial in [
            "",
            "..",
            "../../etc/passwd",
            "Q2\\XX",
            "Q2XX\0",
            "CON:",
            "Q2 X",
            "Qé",
        ] {
            let found = Footage::new(serial, None, start, end).unwrap().file_stem();
            let serial = serial.to_ascii_uppercase();
            assert_eq!(found, Err(InvalidFootage::Serial(serial)));
        }
        for time in [
            "",
            "2026-03-12",
            "2026-03-12T14:30:00",
            "2026-02-30T00:00:00Z",
            "../../x",
        ] {
            let found = Footage::new("Q2XX-ABCD-1234", None, start, time);
            assert_eq!(found, Err(InvalidFootage::Time(time.to_owned())));
        }
    }
}
