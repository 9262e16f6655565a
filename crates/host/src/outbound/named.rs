//! The URLs of clips that the API named.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// The most bytes of URLs that are kept for one call. A clip's URL has some hundred bytes, and a call gets at most
/// 288 clips.
const MOST_BYTES: usize = 1 << 20;

/// The URLs that replies of the API named in one call, for the check of what the guest returns: a guest could otherwise
/// have the host look up a name, or send a request, that tells somebody a secret.
#[derive(Default)]
pub(crate) struct NamedUrls(Mutex<Urls>);

#[derive(Default)]
struct Urls {
    urls: HashSet<String>,
    bytes: usize,
}

impl NamedUrls {
    /// Adds a URL, unless there are too many.
    pub(super) fn add(&self, url: String) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = known.bytes.saturating_add(url.len());
        if bytes <= MOST_BYTES && known.urls.insert(url) {
            known.bytes = bytes;
        }
    }

    /// Whether a reply named exactly this URL.
    pub(crate) fn contains(&self, url: &str) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.urls.contains(url)
    }
}

/// The URLs are secrets.
impl fmt::Debug for NamedUrls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NamedUrls(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_url_is_named() {
        let named = NamedUrls::default();
        named.add("https://spn49.meraki.com/t0ken".to_owned());
        assert!(named.contains("https://spn49.meraki.com/t0ken"));
        for other in [
            "https://spn49.meraki.com/t0ke",
            "https://spn49.meraki.com/",
            "",
        ] {
            assert!(!named.contains(other), "{other}");
        }
        assert_eq!(format!("{named:?}"), "NamedUrls(hidden)");
    }

    #[test]
    fn urls_beyond_the_limit_are_not_kept() {
        let named = NamedUrls::default();
        named.add("a".repeat(MOST_BYTES));
        named.add("a".repeat(MOST_BYTES));
        named.add("b".to_owned());
        assert!(named.contains(&"a".repeat(MOST_BYTES)));
        assert!(!named.contains("b"));
    }
}
