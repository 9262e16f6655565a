//! Which redirect may be followed.
//!
//! Meraki's API redirects to the shard that serves an organisation, and the API key has to go
//! along. So a redirect is followed only to where the key may go: to the origin that was asked
//! before, or, where the base URL is one of Meraki's, to any host under Meraki's domains.
//!
//! Media hosts redirect too. No key goes there, so what counts is that the clip comes by https.

use crate::url::{Url, UrlError};

/// At most so many redirects are followed for one attempt.
pub const MAX_REDIRECTS: u32 = 3;

/// Why a redirect is not followed. The texts are hosts, as the server wrote them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedirectError {
    /// The reply has no `Location`, or one that is no URL.
    NoLocation,
    /// The target is not https.
    Insecure(String),
    /// The target is a host that the API key must not reach.
    Foreign(String),
    /// The target holds a user name or password.
    UserInfo(String),
    /// More than [`MAX_REDIRECTS`] in a row.
    TooMany,
}

/// Whether this status asks the client to repeat its request elsewhere (RFC 9110, section 15.4).
pub fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Where a redirect of the API leads: `base` is the base URL in the settings, `asked` the URL that
/// answered with `location`, and `followed` the number of redirects before this one.
///
/// # Errors
///
/// See [`RedirectError`]: the API key must not go there.
pub fn target(
    base: &Url,
    asked: &Url,
    location: Option<&str>,
    followed: u32,
) -> Result<Url, RedirectError> {
    let target = resolve(asked, location, followed)?;
    if target.same_origin(base) || (base.is_meraki() && target.is_meraki()) {
        return Ok(target);
    }
    Err(RedirectError::Foreign(target.authority().to_owned()))
}

/// Where a redirect of the media host leads. No key goes along, so that may be any host; but what was
/// asked for by https comes by https.
///
/// # Errors
///
/// See [`RedirectError`]; never [`RedirectError::Foreign`].
pub fn media_target(
    asked: &Url,
    location: Option<&str>,
    followed: u32,
) -> Result<Url, RedirectError> {
    let target = resolve(asked, location, followed)?;
    if asked.is_https() && !target.is_https() {
        return Err(RedirectError::Insecure(target.authority().to_owned()));
    }
    Ok(target)
}

fn resolve(asked: &Url, location: Option<&str>, followed: u32) -> Result<Url, RedirectError> {
    if followed >= MAX_REDIRECTS {
        return Err(RedirectError::TooMany);
    }
    let location = location.ok_or(RedirectError::NoLocation)?;
    asked.join(location).map_err(|error| match error {
        UrlError::Insecure => RedirectError::Insecure(host(location).to_owned()),
        UrlError::UserInfo => RedirectError::UserInfo(host(location).to_owned()),
        UrlError::Malformed => RedirectError::NoLocation,
    })
}

/// What a message may show of a `Location`: neither user information nor path nor query.
fn host(location: &str) -> &str {
    let rest = location.split_once("//").map_or(location, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MERAKI: &str = "https://api.meraki.com/api/v1";

    #[track_caller]
    fn follow(base: &str, location: &str) -> Result<String, RedirectError> {
        let base = Url::parse(base).unwrap();
        let asked = base.join("/api/v1/devices/Q/camera/clip").unwrap();
        target(&base, &asked, Some(location), 0).map(|url| url.expose().to_owned())
    }

    #[test]
    fn meraki_to_a_shard_or_another_region() {
        assert!(follow(MERAKI, "https://n123.meraki.com/api/v1/x").is_ok());
        assert!(follow(MERAKI, "https://api.meraki.ca/api/v1/x").is_ok());
    }

    #[test]
    fn the_same_origin_by_a_relative_reference() {
        assert_eq!(
            follow(MERAKI, "/x?y").unwrap(),
            "https://api.meraki.com/x?y"
        );
        assert_eq!(
            follow("http://127.0.0.1:8080/api/v1", "/x").unwrap(),
            "http://127.0.0.1:8080/x"
        );
        assert!(follow("https://proxy.corp.example:8443/meraki", "/x").is_ok());
    }

    #[test]
    fn the_key_stays_away_from_foreign_hosts() {
        for (base, location, host) in [
            (MERAKI, "https://evil.com/x", "evil.com"),
            (
                MERAKI,
                "https://api.meraki.com.evil.com/x",
                "api.meraki.com.evil.com",
            ),
            (MERAKI, "https://evilmeraki.com/x", "evilmeraki.com"),
            (MERAKI, "//evil.com/x", "evil.com"),
            (
                MERAKI,
                "https://api.meraki.com:8443/x",
                "api.meraki.com:8443",
            ),
            (
                "https://proxy.corp.example/meraki",
                "https://api.meraki.com/x",
                "api.meraki.com",
            ),
            (
                "http://127.0.0.1:8080/api/v1",
                "http://127.0.0.1:9090/x",
                "127.0.0.1:9090",
            ),
        ] {
            assert_eq!(
                follow(base, location),
                Err(RedirectError::Foreign(host.into())),
                "{location}"
            );
        }
    }

    #[test]
    fn user_information_is_refused_and_not_shown() {
        let refused = RedirectError::UserInfo("evil.com".into());
        assert_eq!(
            follow(MERAKI, "https://api.meraki.com:p4ss@evil.com/x"),
            Err(refused)
        );
    }

    #[test]
    fn plain_http_is_refused() {
        let refused = RedirectError::Insecure("api.meraki.com".into());
        assert_eq!(
            follow(MERAKI, "http://api.meraki.com/x?t0ken"),
            Err(refused)
        );
        assert_eq!(
            follow("https://127.0.0.1:8443/api/v1", "http://127.0.0.1:8443/x"),
            Err(RedirectError::Foreign("127.0.0.1:8443".into()))
        );
    }

    #[test]
    fn a_location_is_needed() {
        let base = Url::parse(MERAKI).unwrap();
        assert_eq!(
            target(&base, &base, None, 0),
            Err(RedirectError::NoLocation)
        );
        assert_eq!(
            follow(MERAKI, "http://[oops"),
            Err(RedirectError::NoLocation)
        );
    }

    #[test]
    fn three_are_followed_and_the_fourth_is_not() {
        let base = Url::parse(MERAKI).unwrap();
        assert!(target(&base, &base, Some("/x"), 2).is_ok());
        assert_eq!(
            target(&base, &base, Some("/x"), 3),
            Err(RedirectError::TooMany)
        );
    }

    #[test]
    fn statuses() {
        let redirects: Vec<u16> = (100..600).filter(|status| is_redirect(*status)).collect();
        assert_eq!(redirects, [301, 302, 303, 307, 308]);
    }

    #[test]
    fn a_clip_may_come_from_anywhere_but_not_in_plain_text() {
        let follow = |asked, location| media_target(&Url::parse(asked).unwrap(), Some(location), 0);
        for (asked, location) in [
            (
                "https://spn49.meraki.com/clip",
                "https://cdn.example/clip?token",
            ),
            ("https://spn49.meraki.com/clip", "/other"),
            ("http://127.0.0.1:8080/clip", "http://[::1]:9090/clip"),
            ("http://127.0.0.1:8080/clip", "https://cdn.example/clip"),
        ] {
            assert!(follow(asked, location).is_ok(), "{asked} to {location}");
        }
        for (asked, location, host) in [
            (
                "https://spn49.meraki.com/clip",
                "http://cdn.example/clip",
                "cdn.example",
            ),
            (
                "https://spn49.meraki.com/clip",
                "http://127.0.0.1:1/clip",
                "127.0.0.1:1",
            ),
            (
                "http://127.0.0.1:8080/clip",
                "http://10.0.0.1/clip",
                "10.0.0.1",
            ),
        ] {
            let refused = Err(RedirectError::Insecure(host.into()));
            assert_eq!(follow(asked, location), refused, "{asked} to {location}");
        }
    }

    #[test]
    fn a_clip_is_not_looked_for_in_circles() {
        let asked = Url::parse("https://spn49.meraki.com/clip").unwrap();
        let follow = |followed| media_target(&asked, Some("/again"), followed);
        assert!(follow(MAX_REDIRECTS - 1).is_ok());
        assert_eq!(follow(MAX_REDIRECTS), Err(RedirectError::TooMany));
        assert_eq!(
            media_target(&asked, None, 0),
            Err(RedirectError::NoLocation)
        );
    }
}
