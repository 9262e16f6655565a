//! `GET /devices/{serial}/camera/clip`. Checks, in this order: API key, rate limit, serial, window, footage.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{self, Path, Query};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use http::header::LOCATION;
use http::{HeaderMap, StatusCode, Uri};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use crate::clip::Clip;
use crate::config::{Camera, MockConfig};
use crate::footage::Footage;
use crate::record::{Authorization, MEDIA};
use crate::refusal::Refusal;
use crate::state::State;
use crate::sync::lock;

const LONGEST: TimeDelta = TimeDelta::minutes(5);
const SHORTEST: TimeDelta = TimeDelta::seconds(1);

/// Meraki's reply if there is no footage: not yet, no longer, or never.
const NO_VIDEO: &str = "No video for specified timestamp";

/// The query, not validated yet.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClipQuery {
    start_timestamp: Option<String>,
    end_timestamp: Option<String>,
    imager_id: Option<String>,
}

/// The window of a valid query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
}

impl Window {
    /// The footage of a camera or of one of its imagers, which is named as in the command line.
    fn footage(self, camera: &Camera, imager: Option<&str>) -> Footage {
        let name = match imager {
            Some(imager) if camera.imagers > 1 => format!("{}.{imager}", camera.serial),
            _ => camera.serial.clone(),
        };
        Footage::new(name, self.start, self.end)
    }
}

/// The API's entry point: answers, or redirects clients with a valid key to the shard.
pub(crate) async fn entry_point(
    extract::State(state): extract::State<Arc<State>>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    if let Some(shard) = &state.shard {
        authorize(&headers, &state.config)?;
        if let Some(location) = shard.redirect(&uri) {
            return Ok((StatusCode::FOUND, [(LOCATION, location)]).into_response());
        }
    }
    clip(extract::State(state), path, uri, headers).await
}

/// The operation itself.
pub(crate) async fn clip(
    extract::State(state): extract::State<Arc<State>>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let config = &state.config;
    authorize(&headers, config)?;
    take_from_budget(&state)?;
    let camera = path
        .ok()
        .and_then(|Path(serial)| config.cameras.iter().find(|camera| camera.serial == serial))
        .ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "Not found"))?;
    let Query(query) = Query::<ClipQuery>::try_from_uri(&uri)
        .map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "Invalid query"))?;
    let window = validate(&query, camera).map_err(Refusal::bad_request)?;
    let now = Utc::now();
    if !has_footage(window, camera, config, now) {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, NO_VIDEO));
    }
    let clip = match &config.clip {
        Some(bytes) => Clip::Fixed(bytes.clone()),
        None => Clip::Recorded(window.footage(camera, query.imager_id.as_deref())),
    };
    let (token, expires) = state.media_urls.create(clip, now);
    let expires = expires.to_rfc3339_opts(SecondsFormat::Secs, true);
    let body = json!({
        "url": format!("http://{}{MEDIA}/{token}", state.authority),
        "expiry": format!("Access to the clip will expire at {expires}."),
    });
    Ok((config.success, Json(body)).into_response())
}

fn authorize(headers: &HeaderMap, config: &MockConfig) -> Result<(), Refusal> {
    match Authorization::of(headers, &config.key) {
        Authorization::Right => Ok(()),
        Authorization::Missing | Authorization::Wrong => {
            Err(Refusal::new(StatusCode::UNAUTHORIZED, "Invalid API key"))
        }
    }
}

/// Takes one request out of the organisation's rate limit.
fn take_from_budget(state: &State) -> Result<(), Refusal> {
    let Some(bucket) = &state.bucket else {
        return Ok(());
    };
    lock(bucket).take(Instant::now()).map_err(|wait| Refusal {
        retry_after: state.config.retry_after.then_some(wait),
        ..Refusal::new(
            StatusCode::TOO_MANY_REQUESTS,
            "API rate limit exceeded for organization",
        )
    })
}

/// The window of `query`, or everything that is wrong with it.
fn validate(query: &ClipQuery, camera: &Camera) -> Result<Window, Vec<String>> {
    let mut wrong = Vec::new();
    let start = timestamp(
        "startTimestamp",
        query.start_timestamp.as_deref(),
        &mut wrong,
    );
    let end = timestamp("endTimestamp", query.end_timestamp.as_deref(), &mut wrong);
    if let (Some(start), Some(end)) = (start, end) {
        let length = end - start;
        if length <= TimeDelta::zero() {
            wrong.push("endTimestamp must be after startTimestamp".to_owned());
        } else if length < SHORTEST {
            wrong.push("Clip duration must be at least 1 second".to_owned());
        } else if length > LONGEST {
            wrong.push("Clip duration must not exceed 5 minutes".to_owned());
        }
    }
    wrong.extend(imager(query.imager_id.as_deref(), camera).err());
    match (start, end) {
        (Some(start), Some(end)) if wrong.is_empty() => Ok(Window { start, end }),
        _ => Err(wrong),
    }
}

fn timestamp(name: &str, value: Option<&str>, wrong: &mut Vec<String>) -> Option<DateTime<Utc>> {
    let Some(value) = value else {
        wrong.push(format!("{name} is required"));
        return None;
    };
    match DateTime::parse_from_rfc3339(value) {
        Ok(time) => Some(time.to_utc()),
        Err(_) => {
            wrong.push(format!("Invalid timestamp format: {name}"));
            None
        }
    }
}

/// The rule is that of `clipDeviceCamera` in Meraki's Python SDK 4.7: "Required for multi-imager
/// cameras (must be between 1 and the imager count). For single-imager cameras, must be omitted or
/// set to 0."
fn imager(id: Option<&str>, camera: &Camera) -> Result<(), String> {
    let imagers = camera.imagers;
    let id = match id.map(str::parse::<u32>) {
        None if imagers > 1 => return Err("imagerId is required for this camera".to_owned()),
        None => return Ok(()),
        Some(Err(_)) => return Err("imagerId must be an integer".to_owned()),
        Some(Ok(id)) => id,
    };
    if imagers > 1 && !(1..=imagers).contains(&id) {
        Err(format!("imagerId must be between 1 and {imagers}"))
    } else if imagers <= 1 && id > 0 {
        Err("imagerId must be omitted or set to 0 for this camera".to_owned())
    } else {
        Ok(())
    }
}

/// Whether the whole window is uploaded and within the retention.
fn has_footage(window: Window, camera: &Camera, config: &MockConfig, now: DateTime<Utc>) -> bool {
    // `None` for a time in the future.
    let age = |time: DateTime<Utc>| (now - time).to_std().ok();
    camera.online
        && age(window.end).is_some_and(|age| age >= config.lag)
        && age(window.start).is_some_and(|age| age <= config.retention)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn checked(start: &str, end: &str, imager: Option<&str>, imagers: u32) -> Vec<String> {
        let query = ClipQuery {
            start_timestamp: Some(start.to_owned()),
            end_timestamp: Some(end.to_owned()),
            imager_id: imager.map(str::to_owned),
        };
        let camera = Camera::new("Q2MV-ABCD-1234").imagers(imagers);
        validate(&query, &camera).err().unwrap_or_default()
    }

    #[test]
    fn windows() {
        let start = "2026-03-12T14:30:00.000Z";
        let cases = [
            ("2026-03-12T14:30:01.000Z", None),
            ("2026-03-12T14:35:00.000Z", None),
            ("2026-03-12T15:31:00+01:00", None),
            (
                "2026-03-12T14:30:00.999Z",
                Some("Clip duration must be at least 1 second"),
            ),
            (
                "2026-03-12T14:35:00.001Z",
                Some("Clip duration must not exceed 5 minutes"),
            ),
            (start, Some("endTimestamp must be after startTimestamp")),
            (
                "2026-03-12T14:29:59.000Z",
                Some("endTimestamp must be after startTimestamp"),
            ),
            (
                "2026-03-12T14:31:00",
                Some("Invalid timestamp format: endTimestamp"),
            ),
            (
                "2026-02-30T14:31:00Z",
                Some("Invalid timestamp format: endTimestamp"),
            ),
            ("1773325860", Some("Invalid timestamp format: endTimestamp")),
            // A `+01:00` that was not percent-encoded.
            (
                "2026-03-12T15:31:00 01:00",
                Some("Invalid timestamp format: endTimestamp"),
            ),
            ("", Some("Invalid timestamp format: endTimestamp")),
        ];
        for (end, expected) in cases {
            let found = checked(start, end, None, 1);
            assert_eq!(found, expected.map(str::to_owned).as_slice(), "{end}");
        }
    }

    #[test]
    fn both_missing_timestamps_are_reported() {
        let found = validate(&ClipQuery::default(), &Camera::new("Q2MV-ABCD-1234")).unwrap_err();
        assert_eq!(
            found,
            ["startTimestamp is required", "endTimestamp is required"]
        );
    }

    #[test]
    fn imagers() {
        let cases = [
            (1, None, None),
            (1, Some("0"), None),
            (
                1,
                Some("1"),
                Some("imagerId must be omitted or set to 0 for this camera"),
            ),
            (4, None, Some("imagerId is required for this camera")),
            (4, Some("0"), Some("imagerId must be between 1 and 4")),
            (4, Some("1"), None),
            (4, Some("4"), None),
            (4, Some("5"), Some("imagerId must be between 1 and 4")),
            (4, Some("-1"), Some("imagerId must be an integer")),
            (4, Some("left"), Some("imagerId must be an integer")),
        ];
        for (imagers, id, expected) in cases {
            let found = checked("2026-03-12T14:30:00Z", "2026-03-12T14:31:00Z", id, imagers);
            let expected = expected.map(str::to_owned);
            assert_eq!(found, expected.as_slice(), "{id:?} of {imagers}");
        }
    }

    #[test]
    fn footage_is_available_between_lag_and_retention() {
        let now = Utc::now();
        let second = TimeDelta::seconds(1);
        let config = MockConfig::default()
            .lag(Duration::from_secs(30))
            .retention(Duration::from_secs(3600));
        let ending = |ago| Window {
            start: now - second * (ago + 10),
            end: now - second * ago,
        };
        let cases = [
            (-1, false),
            (0, false),
            (29, false),
            (30, true),
            (3590, true),
            (3591, false),
        ];
        for (ago, expected) in cases {
            let camera = Camera::new("Q2MV-ABCD-1234");
            let found = has_footage(ending(ago), &camera, &config, now);
            assert_eq!(found, expected, "ending {ago} s ago");
        }
        let offline = Camera::new("Q2MV-ABCD-1234").online(false);
        assert!(!has_footage(ending(60), &offline, &config, now));
    }
}
