//! Input that is rejected before any request.

use mv_clip_host::FailureKind::{InvalidSerial, InvalidSetting, InvalidTime, InvalidWindow};
use mv_clip_host::{ClipRequest, FailureKind};

use crate::support::{SERIAL, World, footage, permanent};

const START: &str = "2026-03-12T14:30:00Z";
const END: &str = "2026-03-12T14:32:00Z";

#[tokio::test]
async fn invalid_arguments_are_rejected_with_the_accepted_form() {
    let world = World::new().await;
    for (serial, start, end, kind, words) in [
        ("", START, END, InvalidSerial, "such as Q2XX-ABCD-1234"),
        (
            "Q2XX/ABCD/1234",
            START,
            END,
            InvalidSerial,
            "\"Q2XX/ABCD/1234\"",
        ),
        (
            "../../x/../../",
            START,
            END,
            InvalidSerial,
            "such as Q2XX-ABCD-1234",
        ),
        (
            "Q2XX-ABCD-12.4",
            START,
            END,
            InvalidSerial,
            "such as Q2XX-ABCD-1234",
        ),
        (
            "Q2XX-ABCD-12\r\n",
            START,
            END,
            InvalidSerial,
            r"Q2XX-ABCD-12\r\n",
        ),
        (
            "Q2XX-ABCD-12é",
            START,
            END,
            InvalidSerial,
            r"Q2XX-ABCD-12\u{e9}",
        ),
        (
            SERIAL,
            "2026-03-12T14:30:00",
            END,
            InvalidTime,
            "the start time",
        ),
        (
            SERIAL,
            START,
            "2026-03-12T14:32:00",
            InvalidTime,
            "has no UTC offset",
        ),
        (
            SERIAL,
            START,
            "2026-02-30T14:32:00Z",
            InvalidTime,
            "does not exist",
        ),
        (
            SERIAL,
            START,
            "2016-12-31T23:59:60Z",
            InvalidTime,
            "leap second",
        ),
        (
            SERIAL,
            "0000-01-01T00:00:00Z",
            END,
            InvalidTime,
            "the years 2000 to 2099",
        ),
        (
            SERIAL,
            START,
            "9999-12-31T23:59:59Z",
            InvalidTime,
            "the years 2000 to 2099",
        ),
        (SERIAL, "yesterday", END, InvalidTime, "Write it like"),
        (SERIAL, END, START, InvalidWindow, "before the start"),
        (SERIAL, START, START, InvalidWindow, "at least 1 s"),
        (
            SERIAL,
            START,
            "2026-03-12T14:35:00.001Z",
            InvalidWindow,
            "at most 300 s",
        ),
    ] {
        let request = ClipRequest {
            serial: serial.into(),
            start: start.into(),
            end: end.into(),
            imager_id: None,
        };
        let failure = permanent(world.request(&request).await, kind);
        assert!(
            failure.message.contains(words),
            "{words}: {}",
            failure.message
        );
        assert_eq!((failure.attempts, failure.status), (0, None));
    }
    assert!(world.mock.requests().is_empty());
}

#[tokio::test]
async fn invalid_settings_are_named_with_the_accepted_form() {
    for (name, value, accepted) in [
        ("MERAKI_DASHBOARD_API_KEY", "", "the key alone"),
        (
            "MERAKI_DASHBOARD_API_KEY",
            "k3y\n",
            "without spaces or line breaks",
        ),
        ("MERAKI_BASE_URL", "api.meraki.com", "an https URL"),
        (
            "MERAKI_BASE_URL",
            "http://192.168.0.1/api/v1",
            "plain http for a loopback address only",
        ),
        ("MV_CLIP_MAX_ATTEMPTS", "0", "a whole number from 1 to 10"),
        (
            "MV_CLIP_DEADLINE_SECONDS",
            "2m",
            "a whole number from 1 to 86400",
        ),
        (
            "MV_CLIP_ATTEMPT_TIMEOUT_SECONDS",
            "1.5",
            "a whole number from 1 to 600",
        ),
        ("MV_CLIP_LAG_SECONDS", "-1", "a whole number from 0 to 3600"),
        (
            "MV_CLIP_RETENTION_DAYS",
            "",
            "a whole number from 1 to 3650",
        ),
        (
            "MV_CLIP_REQUESTS_PER_SECOND",
            "fast",
            "a whole number from 1 to 100",
        ),
    ] {
        let world = World::new().await.set(name, value);
        let failure = permanent(world.get().await, InvalidSetting);
        assert!(
            failure.message.contains(&format!("the setting {name} ")),
            "{}",
            failure.message
        );
        assert!(failure.message.contains(accepted), "{}", failure.message);
        assert!(world.mock.requests().is_empty());
    }
}

#[tokio::test]
async fn an_unset_key_is_named() {
    let world = World::new().await.unset("MERAKI_DASHBOARD_API_KEY");
    let failure = permanent(world.get().await, FailureKind::Unauthorized);
    assert!(
        failure.message.contains("Check the key"),
        "{}",
        failure.message
    );
    assert_eq!(failure.status, Some(401));
}

#[tokio::test]
async fn the_serial_is_accepted_in_lower_case() {
    let world = World::new().await;
    let clip = world
        .request(&footage(&SERIAL.to_lowercase()))
        .await
        .unwrap();
    assert_eq!(clip.serial, SERIAL);
}
