//! Refuses to send a real API key in plain text, to a base URL that is left over from the use of a mock.

use meraki_mock::is_mock_key;
use mv_clip_host::{ApiKey, Setting};

use super::exit::Usage;

/// Refuses to send a key that is not the mock's over plain http.
pub(super) fn check(base_url: &str, key: Option<&ApiKey>, is_allowed: bool) -> Result<(), Usage> {
    let is_plain = base_url
        .get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("http:"));
    if !is_plain || is_allowed || key.is_none_or(|key| is_mock_key(key.expose())) {
        return Ok(());
    }
    Err(Usage(format!(
        "{} is {base_url}, perhaps left over from the use of `mv-clip mock`. Your API key would be sent there in plain \
         text. Unset it to use Meraki's API, or pass --allow-plain-http",
        Setting::BaseUrl
    )))
}

#[cfg(test)]
mod tests {
    use meraki_mock::DEFAULT_KEY;

    use super::*;

    #[test]
    fn only_a_mock_key_is_sent_over_plain_http() {
        let real = "0123456789abcdef0123456789abcdef01234567";
        for (base_url, key, is_allowed, passes) in [
            ("http://127.0.0.1:8080/api/v1", real, false, false),
            ("HTTP://127.0.0.1:8080/api/v1", real, false, false),
            ("http://127.0.0.1:8080/api/v1", real, true, true),
            ("http://127.0.0.1:8080/api/v1", DEFAULT_KEY, false, true),
            ("http://127.0.0.1:8080/api/v1", "mock-mine", false, true),
            ("https://127.0.0.1:8080/api/v1", real, false, true),
            ("é", real, false, true),
        ] {
            let api_key = ApiKey::new(key).unwrap();
            let found = check(base_url, Some(&api_key), is_allowed);
            assert_eq!(found.is_ok(), passes, "{base_url} {key}");
            let text = found
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default();
            assert!(!text.contains(real), "{text}");
        }
        assert!(check("http://127.0.0.1:8080/api/v1", None, false).is_ok());
    }
}
