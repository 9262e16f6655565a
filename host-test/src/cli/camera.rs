//! Cameras in the arguments of `incident` and `coverage`.

use std::collections::BTreeSet;
use std::str::FromStr;

use mv_clip_core::request::Window;
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

/// One request for each camera, whether or not it is named twice.
pub(super) fn requests(cameras: &[Camera], window: Window) -> Vec<ClipRequest> {
    let mut seen = BTreeSet::new();
    let cameras = cameras
        .iter()
        .map(|camera| (camera.serial.to_ascii_uppercase(), camera.imager_id));
    cameras
        .filter(|camera| seen.insert(camera.clone()))
        .map(|(serial, imager_id)| ClipRequest {
            serial,
            start: window.start().to_string(),
            end: window.end().to_string(),
            imager_id,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use mv_clip_core::time::Timestamp;

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
        let time = |text| Timestamp::parse(text).unwrap();
        let (start, end) = (time("2026-03-12T14:31:00Z"), time("2026-03-12T14:32:00Z"));
        let cameras = ["Q2XX-A.1", "q2xx-a.1", "Q2XX-A.2", "Q2XX-A", "q2xx-a"];
        let cameras = cameras.map(|text| text.parse().unwrap());
        let requests = requests(&cameras, Window::new(start, end).unwrap());
        let found = requests
            .iter()
            .map(|request| (&*request.serial, request.imager_id));
        let expected = [("Q2XX-A", Some(1)), ("Q2XX-A", Some(2)), ("Q2XX-A", None)];
        assert_eq!(found.collect::<Vec<_>>(), expected);
        assert_eq!(requests[0].start, "2026-03-12T14:31:00.000Z");
    }
}
