//! Destinations: which are accepted, the header fields for them, and that no message contains the URL, even if the
//! destination repeats it in its response.

use mv_clip_core::api::{Clip, ClipUrl};
use mv_clip_core::error::{ClipError, FailureKind};
use mv_clip_core::request::ClipRequest;
use mv_clip_core::settings::Settings;
use mv_clip_core::time::Timestamp;
use mv_clip_core::transfer::{Destination, PutError, Step, Transfer};

use crate::browser::assert_sendable;
use crate::message::assert_printable;

/// Checks a destination.
pub fn check(text: &str) {
    let destination = match Destination::parse(text) {
        Ok(destination) => destination,
        Err(failure) => {
            assert_eq!(failure.kind, FailureKind::InvalidDestination);
            assert_printable(&failure.message);
            return;
        }
    };
    let url = destination.url();
    assert_sendable(url);
    assert_eq!(url.expose(), text);
    assert!(!url.has_fragment());
    let shown = format!(
        "Destination(Url({}://{}/...))",
        url.scheme(),
        url.authority()
    );
    assert_eq!(format!("{destination:?}"), shown);

    let headers: Vec<_> = destination.headers().collect();
    let allowed = [
        ("content-type", "video/mp2t"),
        ("x-ms-blob-type", "BlockBlob"),
    ];
    assert!(headers.iter().all(|header| allowed.contains(header)));
    assert!(headers.len() < 2 || headers[0] != headers[1]);

    let secrets = secrets(url.path(), text);
    for signed in secrets
        .iter()
        .filter(|(name, _)| name.ends_with("-SignedHeaders"))
    {
        if ["X-Amz-SignedHeaders", "X-Goog-SignedHeaders"].contains(&signed.0) {
            for field in signed.1.split(';') {
                let is_sent = headers
                    .iter()
                    .any(|(name, _)| field.eq_ignore_ascii_case(name));
                // A percent-encoded list is not decoded here.
                let is_given = ["host", "content-length"]
                    .iter()
                    .any(|name| field.eq_ignore_ascii_case(name));
                assert!(
                    is_sent || is_given || field.contains('%'),
                    "{field} is not sent"
                );
            }
        }
    }
    // Text in parentheses looks redacted.
    for (_, secret) in secrets
        .iter()
        .filter(|(_, secret)| secret.len() >= 8 && !secret.contains(['(', ')']))
    {
        let shown = refused(destination.clone(), secret);
        let hidden = refused(destination.clone(), "(hidden)");
        assert_eq!(shown, hidden);
        assert_printable(&shown);
    }
}

/// The segments of the path, and the parameters of the query with their names.
fn secrets<'a>(path: &'a str, url: &'a str) -> Vec<(&'a str, &'a str)> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let values = query.split('&').filter_map(|pair| pair.split_once('='));
    path.split('/')
        .map(|segment| ("", segment))
        .chain(values)
        .collect()
}

/// The message of the error if the destination rejects the clip with this body.
fn refused(destination: Destination, words: &str) -> String {
    let settings = Settings::from_variables::<&str, &str>([]).unwrap();
    let (start, end) = ("2026-03-12T14:30:00Z", "2026-03-12T14:32:00Z");
    let clip = Clip {
        request: ClipRequest::parse("Q2XX-ABCD-1234", start, end, None).unwrap(),
        url: ClipUrl::parse("https://spn49.meraki.com/t".into()).unwrap(),
        expires_at: None,
        request_id: None,
    };
    let started = Timestamp::parse("2026-03-12T15:00:00Z").unwrap();
    let mut transfer = Transfer::new(&settings, started, clip, destination).unwrap();
    let now = Default::default();
    assert!(matches!(transfer.resume(now), Step::Get(_)));
    let refused = PutError::Status {
        status: 403,
        retry_after: None,
        body: words.as_bytes().to_vec(),
    };
    match transfer.receive_outcome(now, Err(refused), || 0) {
        Step::Done(Err(ClipError::Permanent(failure))) => failure.message,
        step => panic!("{step:?}"),
    }
}
