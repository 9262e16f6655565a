//! Which redirects may be followed.
//!
//! Meraki's API redirects to the shard that serves an organisation, and the API key has to go along. So
//! [`api_target`] accepts only the origin of the base URL, or, if the base URL is Meraki's, any host under
//! Meraki's domains.
//!
//! Media hosts redirect too. No key goes there, so [`media_target`] accepts any host, but never a change from
//! https to http.

use std::fmt;

use crate::url::{Url, UrlError, authority};

/// The most redirects that are followed in one attempt.
pub const MAX_REDIRECTS: u32 = 3;

/// Why a redirect must not be followed. The strings are hosts, as the server wrote them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectError {
    /// The response has no `Location`, or one that is not a URL.
    NoLocation,
    /// The target is not https.
    Insecure(String),
    /// The API key must not be sent to the target's host.
    Foreign(String),
    /// The target has a user name or password.
    UserInfo(String),
    /// More than [`MAX_REDIRECTS`] in a row.
    TooMany,
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoLocation => "the redirect has no usable location",
            Self::Insecure(_) => "the redirect leads to a URL without https",
            Self::Foreign(_) => "the redirect leads to a host that must not get the API key",
            Self::UserInfo(_) => "the redirect leads to a URL with a user name",
            Self::TooMany => "there are more than 3 redirects",
        })
    }
}

impl std::error::Error for RedirectError {}

/// Whether a status is a redirect that a client follows: 301, 302, 303, 307 or 308 (RFC 9110, section 15.4).
pub fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The target of a redirect by Meraki's API.
///
/// `base` is the base URL of the settings, `url` the URL that responded with `location`, and `followed` the number
/// of redirects already followed in this attempt.
///
/// # Errors
///
/// [`RedirectError`] if the API key must not be sent to the target.
pub fn api_target(
    base: &Url,
    url: &Url,
    location: Option<&str>,
    followed: u32,
) -> Result<Url, RedirectError> {
    let target = resolve(url, location, followed)?;
    if target.same_origin(base) || (base.is_meraki() && target.is_meraki()) {
        return Ok(target);
    }
    Err(RedirectError::Foreign(target.authority().to_owned()))
}

/// The target of a redirect by a media host: any host, because no key is sent; but https stays https.
///
/// `url` is the URL that responded with `location`, and `followed` the number of redirects already followed in
/// this attempt.
///
/// # Errors
///
/// [`RedirectError`], but never [`RedirectError::Foreign`].
pub fn media_target(
    url: &Url,
    location: Option<&str>,
    followed: u32,
) -> Result<Url, RedirectError> {
    let target = resolve(url, location, followed)?;
    if url.is_https() && !target.is_https() {
        return Err(RedirectError::Insecure(target.authority().to_owned()));
    }
    Ok(target)
}

fn resolve(url: &Url, location: Option<&str>, followed: u32) -> Result<Url, RedirectError> {
    if followed >= MAX_REDIRECTS {
        return Err(RedirectError::TooMany);
    }
    let location = location.ok_or(RedirectError::NoLocation)?;
    url.join(location).map_err(|error| match error {
        UrlError::Insecure => RedirectError::Insecure(host(location).to_owned()),
        UrlError::UserInfo => RedirectError::UserInfo(host(location).to_owned()),
        UrlError::Malformed => RedirectError::NoLocation,
    })
}

/// The host in a `Location`, for a message: without user information, path and query.
fn host(location: &str) -> &str {
    let rest = location.split_once("//").map_or(location, |(_, rest)| rest);
    let authority = authority(rest);
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
        let url = base.join("/api/v1/devices/Q/camera/clip").unwrap();
        api_target(&base, &url, Some(location), 0).map(|url| url.expose().to_owned())
    }

    #[test]
    fn meraki_to_a_shard_or_another_region() {
        assert!(follow(MERAKI, "https://n123.meraki.com/api/v1/x").is_ok());
        assert!(follow(MERAKI, "https://api.meraki.ca/api/v1/x").is_ok());
    }

    #[test]
    fn relative_references_stay_at_the_origin() {
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
    fn the_key_is_not_sent_to_foreign_hosts() {
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
    fn user_information_is_rejected_and_not_repeated() {
        let refused = RedirectError::UserInfo("evil.com".into());
        assert_eq!(
            follow(MERAKI, "https://api.meraki.com:p4ss@evil.com/x"),
            Err(refused)
        );
    }

    #[test]
    fn plain_http_is_rejected() {
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
    fn a_location_is_required() {
        let base = Url::parse(MERAKI).unwrap();
        assert_eq!(
            api_target(&base, &base, None, 0),
            Err(RedirectError::NoLocation)
        );
        assert_eq!(
            follow(MERAKI, "http://[oops"),
            Err(RedirectError::NoLocation)
        );
    }

    #[test]
    fn three_redirects_are_followed() {
        let base = Url::parse(MERAKI).unwrap();
        assert!(api_target(&base, &base, Some("/x"), 2).is_ok());
        assert_eq!(
            api_target(&base, &base, Some("/x"), 3),
            Err(RedirectError::TooMany)
        );
    }

    #[test]
    fn statuses() {
        let redirects: Vec<u16> = (100..600).filter(|status| is_redirect(*status)).collect();
        assert_eq!(redirects, [301, 302, 303, 307, 308]);
    }

    #[test]
    fn a_media_host_may_redirect_to_any_host_over_https() {
        let follow = |url, location| media_target(&Url::parse(url).unwrap(), Some(location), 0);
        for (url, location) in [
            (
                "https://spn49.meraki.com/clip",
                "https://cdn.example/clip?token",
            ),
            ("https://spn49.meraki.com/clip", "/other"),
            ("http://127.0.0.1:8080/clip", "http://[::1]:9090/clip"),
            ("http://127.0.0.1:8080/clip", "https://cdn.example/clip"),
        ] {
            assert!(follow(url, location).is_ok(), "{url} to {location}");
        }
        for (url, location, host) in [
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
            assert_eq!(follow(url, location), refused, "{url} to {location}");
        }
    }

    #[test]
    fn a_media_host_may_redirect_three_times() {
        let url = Url::parse("https://spn49.meraki.com/clip").unwrap();
        let follow = |followed| media_target(&url, Some("/again"), followed);
        assert!(follow(MAX_REDIRECTS - 1).is_ok());
        assert_eq!(follow(MAX_REDIRECTS), Err(RedirectError::TooMany));
        assert_eq!(media_target(&url, None, 0), Err(RedirectError::NoLocation));
    }
}
