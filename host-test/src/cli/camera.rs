//! Cameras in the arguments.

use std::collections::BTreeSet;
use std::str::FromStr;

use mv_clip_core::request::{Serial, Window};
use mv_clip_host::ClipRequest;

use super::exit::Usage;

/// A camera, or one of its imagers: `Q2XX-ABCD-1234`, or `Q2XX-ABCD-1234.2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Camera {
    /// As it is in the argument: [`requests`] checks it.
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

/// The camera of a command for one.
#[derive(clap::Args)]
pub(super) struct OneCamera {
    /// The camera's serial number, such as Q2XX-ABCD-1234; Q2XX-ABCD-1234.2 is the second imager of a camera
    #[arg(value_name = "SERIAL[.IMAGER]")]
    camera: Camera,

    /// The imager, in the form of earlier versions
    #[arg(long, value_name = "N", hide = true)]
    imager_id: Option<u32>,
}

impl OneCamera {
    pub(super) fn camera(&self) -> Result<Camera, Usage> {
        let Camera { serial, imager_id } = &self.camera;
        match (imager_id, self.imager_id) {
            (Some(one), Some(other)) if *one != other => Err(Usage(format!(
                "{serial}.{one} and --imager-id {other} name different imagers: leave out --imager-id"
            ))),
            (one, other) => Ok(Camera {
                serial: serial.clone(),
                imager_id: one.or(other),
            }),
        }
    }
}

/// One request for each camera, whether or not it is named twice.
pub(super) fn requests(cameras: &[Camera], window: Window) -> Result<Vec<ClipRequest>, Usage> {
    let mut seen = BTreeSet::new();
    let mut requests = Vec::new();
    for camera in cameras {
        let serial = Serial::parse(&camera.serial).map_err(|failure| Usage(failure.message))?;
        let (serial, imager_id) = (serial.to_string(), camera.imager_id);
        if seen.insert((serial.clone(), imager_id)) {
            requests.push(ClipRequest {
                serial,
                start: window.start().to_string(),
                end: window.end().to_string(),
                imager_id,
            });
        }
    }
    Ok(requests)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cli::times;

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
        let cameras = [
            "Q2XX-ABCD-1234.1",
            "q2xx-abcd-1234.1",
            "Q2XX-ABCD-1234.2",
            "Q2XX-ABCD-1234",
            "q2xx-abcd-1234",
        ];
        let cameras: [Camera; 5] = cameras.map(|text| text.parse().unwrap());
        let start = times::timestamp("2026-03-12T14:30:30Z").unwrap();
        let window = Window::new(start, start + Duration::from_secs(75)).unwrap();
        let requests = requests(&cameras, window).unwrap();
        let found: Vec<_> = requests
            .iter()
            .map(|request| (&*request.serial, request.imager_id, &*request.end))
            .collect();
        let end = "2026-03-12T14:31:45.000Z";
        let serial = "Q2XX-ABCD-1234";
        let expected = [
            (serial, Some(1), end),
            (serial, Some(2), end),
            (serial, None, end),
        ];
        assert_eq!(found, expected);
    }
}
