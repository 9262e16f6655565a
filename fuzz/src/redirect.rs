//! Redirects, one after the other: the API key never goes to a foreign host, and https never becomes http.

use mv_clip_core::redirect::{MAX_REDIRECTS, RedirectError, api_target, media_target};
use mv_clip_core::settings::Settings;
use mv_clip_core::url::Url;

use crate::browser::{assert_sendable, browser, may_have_key};

/// Checks a text of lines: the base URL, then one `Location` for each redirect.
pub fn check(text: &str) {
    let mut lines = text.lines();
    let base = lines.next().unwrap_or_default();
    let Ok(settings) = Settings::from_variables([("MERAKI_BASE_URL", base)]) else {
        return;
    };
    let base = settings.base_url;
    assert_sendable(&base);
    let locations: Vec<_> = lines.take(5).collect();
    follow(&base, &locations, |from, location, followed| {
        let url = api_target(&base, from, Some(location), followed)?;
        assert!(may_have_key(
            &browser(base.expose()),
            &browser(url.expose())
        ));
        Ok(url)
    });
    follow(&base, &locations, |from, location, followed| {
        let url = media_target(from, Some(location), followed)?;
        assert!(url.is_https() || !from.is_https());
        Ok(url)
    });
}

fn follow(
    base: &Url,
    locations: &[&str],
    target: impl Fn(&Url, &str, u32) -> Result<Url, RedirectError>,
) {
    let mut current = base.clone();
    for (location, followed) in locations.iter().zip(0..) {
        match target(&current, location, followed) {
            Ok(url) => {
                assert!(followed < MAX_REDIRECTS);
                assert_sendable(&url);
                if !location.to_ascii_lowercase().contains("xn--") {
                    let expected = browser(current.expose()).join(location).unwrap();
                    assert_eq!(expected.origin(), browser(url.expose()).origin());
                }
                current = url;
            }
            Err(
                RedirectError::Insecure(host)
                | RedirectError::Foreign(host)
                | RedirectError::UserInfo(host),
            ) => {
                assert!(
                    !host.contains(['/', '?', '#', '@']),
                    "more than a host: {host}"
                );
                return;
            }
            Err(RedirectError::NoLocation) => return,
            Err(RedirectError::TooMany) => {
                assert!(followed >= MAX_REDIRECTS);
                return;
            }
            Err(error) => panic!("{error}"),
        }
    }
}
