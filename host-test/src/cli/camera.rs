//! Cameras in the arguments of `incident` and `coverage`.

use std::str::FromStr;

use anyhow::Context;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use mv_clip_host::ClipRequest;

/// A camera, or one of its imagers: `Q2XX-ABCD-1234`, or `Q2XX-ABCD-1234.2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Camera {
    /// As it is in the argument: the component checks it.
    pub(super) serial: String,
    pub(super) imager_id: Option<u32>,
}

impl FromStr for Camera {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((serial, imager)) = text.split_once('.') else {
            return Ok(Self {
                serial: text.to_owned(),
                imager_id: None,
            });
        };
        let number = imager.parse().ok().filter(|number| *number > 0);
        let is_plain = imager.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.filter(|_| is_plain);
        Ok(Self {
            serial: serial.to_owned(),
            imager_id: Some(number.ok_or(
                "the imager after the point is a number from 1 on, such as Q2XX-ABCD-1234.2",
            )?),
        })
    }
}

impl Camera {
    pub(super) fn request(&self, window: &(String, String)) -> ClipRequest {
        let (start, end) = window.clone();
        ClipRequest {
            serial: self.serial.clone(),
            start,
            end,
            imager_id: self.imager_id,
        }
    }

    fn is(&self, other: &Self) -> bool {
        self.imager_id == other.imager_id && self.serial.eq_ignore_ascii_case(&other.serial)
    }
}

/// Each camera once.
pub(super) fn distinct(cameras: &[Camera]) -> Vec<&Camera> {
    let mut found: Vec<&Camera> = Vec::new();
    for camera in cameras {
        if !found.iter().any(|other| other.is(camera)) {
            found.push(camera);
        }
    }
    found
}

/// The start and the end of a window around a time.
pub(super) fn around(
    at: &str,
    before: TimeDelta,
    after: TimeDelta,
) -> anyhow::Result<(String, String)> {
    let instant = DateTime::parse_from_rfc3339(at)
        .with_context(|| format!("--at {at} is not an RFC 3339 time such as 2026-03-12T14:31:00Z"))?
        .to_utc();
    let start = instant.checked_sub_signed(before);
    let end = instant.checked_add_signed(after);
    let (start, end) = start
        .zip(end)
        .context("the window is outside the supported range of dates")?;
    let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
    Ok((text(start), text(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_imager_follows_the_serial_number() {
        let camera = |text: &str| {
            let camera: Camera = text.parse().unwrap();
            (camera.serial, camera.imager_id)
        };
        let serial = "Q2XX-ABCD-1234".to_owned();
        assert_eq!(camera("Q2XX-ABCD-1234"), (serial.clone(), None));
        assert_eq!(camera("Q2XX-ABCD-1234.12"), (serial, Some(12)));
        for text in ["A.", "A.0", "A.x", "A.-1", "A.+1", "A.1.2", "A.4294967296"] {
            let error = text.parse::<Camera>().unwrap_err();
            assert!(error.contains("Q2XX-ABCD-1234.2"), "{text}");
        }
    }

    #[test]
    fn a_camera_named_twice_is_requested_once() {
        let cameras = ["Q2XX-A.1", "q2xx-a.1", "Q2XX-A.2", "Q2XX-A", "q2xx-a"];
        let cameras = cameras.map(|text| text.parse().unwrap());
        let [one, two, none] = distinct(&cameras)[..] else {
            panic!("{cameras:?}")
        };
        assert_eq!([one, two, none], [&cameras[0], &cameras[2], &cameras[3]]);
    }

    #[test]
    fn a_window_lies_around_its_time() {
        let second = TimeDelta::seconds(1);
        let found = around("2026-03-12T14:31:00Z", second * 30, second * 45).unwrap();
        let window = ("2026-03-12T14:30:30.000Z", "2026-03-12T14:31:45.000Z");
        assert_eq!((&*found.0, &*found.1), window);
        for at in ["yesterday", "2026-03-12T14:31:00", "2026-02-30T00:00:00Z"] {
            let error = around(at, second, second).unwrap_err().to_string();
            assert!(error.contains(at), "{error}");
        }
    }
}
