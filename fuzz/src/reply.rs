//! The body of a reply: what is taken from it, beside a reading of the whole document.

use mv_clip_core::api::{self, Reply, TransportError};
use mv_clip_core::refusal::{Refusal, Unusable};
use mv_clip_core::settings::Settings;
use serde_json::Value;

use crate::sees::{assert_safe, browser};
use crate::words::assert_fit;

/// Checks a body, under a status of each kind.
pub fn check(body: &[u8]) {
    let document = match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Some(members),
        _ => None,
    };
    let member = |name| document.as_ref().and_then(|members| members.get(name));

    let ok = reply(200, body);
    match (api::read(&ok), member("url").and_then(Value::as_str)) {
        (Ok((url, _)), expected) => {
            let url = url.expose();
            assert_safe(url);
            assert!(url.bytes().all(|byte| byte.is_ascii_graphic()));
            // More documents are taken than that reader takes, such as those with numbers beyond f64.
            assert!(document.is_none() || expected == Some(url));
        }
        (Err(Refusal::Unusable(Unusable::NotJson)), _) => assert!(document.is_none()),
        (Err(Refusal::Unusable(Unusable::NoUrl)), expected) => assert_eq!(expected, None),
        (Err(refusal @ Refusal::Unusable(Unusable::Url(_))), expected) => {
            assert!(document.is_none() || expected.is_some());
            assert_fit(&refusal.message(&settings(), "api.meraki.com"));
            // A clip's URL as a media server would write it is not refused.
            let plain = |url: &&str| {
                url.starts_with("https://spn49.meraki.com/") && browser(url).as_str() == *url
            };
            assert_eq!(expected.filter(plain), None);
        }
        (Err(other), _) => panic!("{other:?}"),
    }

    let refused = reply(400, body);
    let errors = api::errors(&refused);
    assert!(errors.len() <= 3);
    if document.is_some() {
        let all = member("errors").and_then(Value::as_array);
        let first = all.into_iter().flatten().take(3);
        let texts: Vec<_> = first.filter_map(Value::as_str).collect();
        assert_eq!(errors, texts);
    }
    let no_video = errors
        .iter()
        .any(|error| error.to_ascii_lowercase().contains("no video"));
    let expected = if no_video {
        Refusal::NoVideo
    } else {
        Refusal::Status(400)
    };
    assert_eq!(api::read(&refused).unwrap_err(), expected);
    assert_eq!(
        api::read(&reply(404, body)).unwrap_err(),
        Refusal::Status(404)
    );

    let broken = TransportError::Connection("gone");
    let cut = Reply {
        body: Err(broken),
        ..ok
    };
    assert_eq!(api::read(&cut).unwrap_err(), Refusal::NoReply(broken));
    assert!(api::errors(&cut).is_empty());
}

fn settings() -> Settings {
    Settings::from_variables::<&str, &str>([]).unwrap()
}

fn reply(status: u16, body: &[u8]) -> Reply {
    Reply {
        status,
        location: None,
        retry_after: None,
        request_id: None,
        body: Ok(body.to_vec()),
    }
}
