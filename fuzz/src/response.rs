//! The body of a response, compared with a parser of the whole document.

use mv_clip_core::api;
use mv_clip_core::api_error::{ApiError, InvalidBody};
use mv_clip_core::settings::Settings;
use mv_clip_core::transport::{Response, TransportError};
use serde_json::Value;

use crate::browser::{assert_safe, browser};
use crate::message::assert_printable;

/// The members in which a server may say what is wrong: the first that says something counts.
const MESSAGES: [&str; 3] = ["errors", "error", "message"];

/// Checks a body with a status of each kind.
pub fn check(body: &[u8]) {
    let document = match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Some(members),
        _ => None,
    };
    let member = |name| document.as_ref().and_then(|members| members.get(name));

    let ok = response(200, body);
    match (api::parse(&ok), member("url").and_then(Value::as_str)) {
        (Ok((url, _)), expected) => {
            let url = url.expose();
            assert_safe(url);
            assert!(url.bytes().all(|byte| byte.is_ascii_graphic()));
            // That parser rejects some documents, such as those with numbers beyond f64.
            assert!(document.is_none() || expected == Some(url));
        }
        (Err(ApiError::InvalidBody(InvalidBody::NotJson)), _) => assert!(document.is_none()),
        (Err(ApiError::InvalidBody(InvalidBody::NoUrl)), expected) => assert_eq!(expected, None),
        (Err(error @ ApiError::InvalidBody(InvalidBody::Url(_))), expected) => {
            assert!(document.is_none() || expected.is_some());
            assert_printable(&error.message(&settings(), "api.meraki.com"));
            // A URL as media hosts write it is accepted.
            let plain = |url: &&str| {
                url.starts_with("https://spn49.meraki.com/") && browser(url).as_str() == *url
            };
            assert_eq!(expected.filter(plain), None);
        }
        (Err(other), _) => panic!("{other:?}"),
    }

    let refused = response(400, body);
    let errors = api::errors(&refused);
    assert!(errors.len() <= 3);
    if document.is_some() {
        let said = MESSAGES.iter().map(|name| match member(name) {
            Some(Value::Array(all)) => all.iter().take(3).filter_map(Value::as_str).collect(),
            Some(Value::String(text)) => vec![text.as_str()],
            _ => vec![],
        });
        let said: Vec<_> = said.filter(|texts| !texts.is_empty()).collect();
        let is_one = said.iter().any(|texts| errors == *texts);
        assert!(is_one || said.is_empty() && errors.is_empty() || may_repeat(body));
    }
    let says = |words| {
        let mut errors = errors.iter();
        errors.any(|error| error.to_ascii_lowercase().contains(words))
    };
    let expected = if says("no video") {
        ApiError::NoVideo
    } else if says("imagerid") {
        ApiError::Imager
    } else {
        ApiError::Status(400)
    };
    assert_eq!(api::parse(&refused).unwrap_err(), expected);
    assert_eq!(
        api::parse(&response(404, body)).unwrap_err(),
        ApiError::Status(404)
    );

    let broken = TransportError::Connection("gone");
    let cut = Response {
        body: Err(broken),
        ..ok
    };
    assert_eq!(api::parse(&cut).unwrap_err(), ApiError::Transport(broken));
    assert!(api::errors(&cut).is_empty());
}

/// Whether a member that may have messages is there twice, which the parser of the whole document does not tell.
fn may_repeat(body: &[u8]) -> bool {
    let count = |text: &[u8]| {
        body.windows(text.len())
            .filter(|part| *part == text)
            .count()
    };
    let names = MESSAGES.map(|name| format!("\"{name}\""));
    body.contains(&b'\\') || names.iter().any(|name| count(name.as_bytes()) > 1)
}

fn settings() -> Settings {
    Settings::from_variables::<&str, &str>([]).unwrap()
}

fn response(status: u16, body: &[u8]) -> Response {
    Response {
        status,
        location: None,
        retry_after: None,
        request_id: None,
        body: Ok(body.to_vec()),
    }
}
