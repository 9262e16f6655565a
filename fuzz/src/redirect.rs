//! Where redirects lead, hop by hop: never with the key to a foreign host, and never out of TLS.

use mv_clip_core::redirect::{MAX_REDIRECTS, RedirectError, media_target, target};
use mv_clip_core::settings::Settings;
use mv_clip_core::url::Url;

use crate::sees::{assert_sendable, browser, may_have_key};

/// Checks a text of lines: the base URL, then a `Location` for each hop.
pub fn check(text: &str) {
    let mut lines = text.lines();
    let base = lines.next().unwrap_or_default();
    let Ok(settings) = Settings::from_variables([("MERAKI_BASE_URL", base)]) else {
        return;
    };
    let base = settings.base_url;
    assert_sendable(&base);
    let locations: Vec<_> = lines.take(5).collect();
    follow(&base, &locations, |asked, location, followed| {
        let url = target(&base, asked, Some(location), followed)?;
        assert!(may_have_key(
            &browser(base.expose()),
            &browser(url.expose())
        ));
        Ok(url)
    });
    follow(&base, &locations, |asked, location, followed| {
        let url = media_target(asked, Some(location), followed)?;
        assert!(url.is_https() || !asked.is_https());
        Ok(url)
    });
}

fn follow(
    base: &Url,
    locations: &[&str],
    judge: impl Fn(&Url, &str, u32) -> Result<Url, RedirectError>,
) {
    let mut asked = base.clone();
    for (location, followed) in locations.iter().zip(0..) {
        match judge(&asked, location, followed) {
            Ok(url) => {
                assert!(followed < MAX_REDIRECTS);
                assert_sendable(&url);
                if !location.to_ascii_lowercase().contains("xn--") {
                    let expected = browser(asked.expose()).join(location).unwrap();
                    assert_eq!(expected.origin(), browser(url.expose()).origin());
                }
                asked = url;
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
        }
    }
}
