//! `expiry`: a sentence with a time in it.

use mv_clip_core::api;
use mv_clip_core::time::Timestamp;
use mv_clip_core::transport::Response;

use crate::reference;

/// Checks the sentence of a response.
pub fn check(prose: &str) {
    let body = serde_json::json!({ "url": "https://h/x", "expiry": prose }).to_string();
    let response = Response {
        status: 200,
        location: None,
        retry_after: None,
        request_id: None,
        body: Ok(body.into_bytes()),
    };
    let (url, expires_at) = api::parse(&response).unwrap();
    assert_eq!(url.expose(), "https://h/x");

    let words = prose.split([' ', '\t', '\n', '\r', '\u{c}']);
    let mut instants = words.filter_map(|word| {
        let start = word.find(|c: char| c.is_ascii_alphanumeric())?;
        let end = word.rfind(|c: char| c.is_ascii_alphanumeric())?;
        reference::unix_ms(word.get(start..=end)?)
    });
    let since_epoch = |time: Timestamp| {
        time.since(Timestamp::from_unix(Default::default()))
            .as_millis()
    };
    let found = expires_at
        .map(since_epoch)
        .map(|ms| i64::try_from(ms).unwrap());
    assert_eq!(found, instants.next());
}
