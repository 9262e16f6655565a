//! Where a clip is saved: what is accepted, what goes with it, and that a destination which repeats its
//! own URL does not get it into a message.

use mv_clip_core::api::{Clip, ClipUrl};
use mv_clip_core::error::{ClipError, FailureKind};
use mv_clip_core::request::ClipRequest;
use mv_clip_core::settings::Settings;
use mv_clip_core::time::Timestamp;
use mv_clip_core::transfer::{Destination, PutError, Step, Transfer};

use crate::sees::assert_sendable;
use crate::words::assert_fit;

/// Checks a destination.
pub fn check(text: &str) {
    let destination = match Destination::parse(text) {
        Ok(destination) => destination,
        Err(failure) => {
            assert_eq!(failure.kind, FailureKind::InvalidDestination);
            assert_fit(&failure.message);
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
                // A list that is encoded is none here.
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
    // What stands in brackets looks as if it were hidden.
    for (_, secret) in secrets
        .iter()
        .filter(|(_, secret)| secret.len() >= 8 && !secret.contains(['(', ')']))
    {
        let shown = refused(destination.clone(), secret);
        let hidden = refused(destination.clone(), "(hidden)");
        assert_eq!(shown, hidden);
        assert_fit(&shown);
    }
}

/// The segments of the path, and the values of the parameters with their names.
fn secrets<'a>(path: &'a str, url: &'a str) -> Vec<(&'a str, &'a str)> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let values = query.split('&').filter_map(|pair| pair.split_once('='));
    path.split('/')
        .map(|segment| ("", segment))
        .chain(values)
        .collect()
}

/// What a caller is told where the destination refuses the clip with these words.
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
    let refused = PutError::Refused {
        status: 403,
        retry_after: None,
        body: words.as_bytes().to_vec(),
    };
    match transfer.stored(now, Err(refused), || 0) {
        Step::Done(Err(ClipError::Permanent(failure))) => failure.message,
        step => panic!("{step:?}"),
    }
}
