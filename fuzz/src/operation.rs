//! The request that a host sends for a component, compared with a browser's reading of what the component wrote.

use mv_clip_core::operation;
use mv_clip_core::request::{ClipRequest, Serial, Window};
use mv_clip_core::settings::Settings;

use crate::browser::browser;
use crate::reference;

/// Checks a text of two lines: the base URL, then path and query.
pub fn check(text: &str) {
    let (base, resource) = text.split_once('\n').unwrap_or_default();
    let Ok(settings) = Settings::from_variables([("MERAKI_BASE_URL", base)]) else {
        return;
    };
    let base_path = settings.base_url.path();
    let Some(request) = operation::read(base_path, resource) else {
        return;
    };
    let ClipRequest {
        serial,
        window,
        imager_id,
    } = &request;
    assert_eq!(Serial::parse(&serial.to_string()).as_ref(), Ok(serial));
    assert!(Window::new(window.start(), window.end()).is_ok());

    // What is sent is read as the same, and holds nothing else.
    let sent = operation::path_and_query(base_path, &request);
    assert_eq!(operation::read(base_path, &sent), Some(request.clone()));
    let rest = sent.strip_prefix(base_path).unwrap();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/?=&-:.".contains(&byte);
    assert!(rest.bytes().all(is_plain), "{rest}");
    assert!(!rest.contains("//") && !rest.contains("/."), "{rest}");

    // A browser finds the same in what the component wrote.
    let url = browser(&format!("https://h{resource}"));
    let path = format!("/devices/{serial}/camera/clip");
    assert!(url.path().to_uppercase().ends_with(&path.to_uppercase()));
    let mut names: Vec<_> = url.query_pairs().map(|(name, _)| name).collect();
    names.sort_unstable();
    let expected = match imager_id {
        Some(_) => ["endTimestamp", "imagerId", "startTimestamp"].as_slice(),
        None => &["endTimestamp", "startTimestamp"],
    };
    assert_eq!(names, expected);
    for (name, value) in url.query_pairs() {
        match name.as_ref() {
            "imagerId" => assert_eq!(value.parse().ok(), *imager_id),
            // A browser takes a plus sign for a space. One in front of the offset was a plus sign.
            name => {
                let time = match name {
                    "startTimestamp" => window.start(),
                    _ => window.end(),
                };
                let (date, time_of_day) = value.split_at(11);
                let plain = format!("{date}{}", time_of_day.replace(' ', "+"));
                let found = reference::unix_ms(&plain);
                assert_eq!(found, reference::unix_ms(&time.to_string()));
            }
        }
    }
}
