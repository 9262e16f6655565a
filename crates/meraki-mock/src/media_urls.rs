//! The media URLs: temporary and unguessable.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use chrono::{DateTime, TimeDelta, Utc};

use crate::clip::Clip;
use crate::config::MockConfig;
use crate::sync::lock;

/// The media URLs that work now.
#[derive(Debug)]
pub(crate) struct MediaUrls {
    ttl: TimeDelta,
    not_ready: u32,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    by_token: HashMap<String, Entry>,
    /// The tokens by expiry, which is the order of their creation.
    expiring: VecDeque<(DateTime<Utc>, String)>,
}

struct Entry {
    clip: Clip,
    expires: DateTime<Utc>,
    not_ready: u32,
}

impl std::fmt::Debug for Open {
    /// Prints the number only: tokens are secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} media URLs", self.by_token.len())
    }
}

impl MediaUrls {
    pub(crate) fn new(config: &MockConfig) -> Self {
        Self {
            ttl: TimeDelta::from_std(config.media_ttl).unwrap_or(TimeDelta::MAX),
            not_ready: config.media_not_ready,
            open: Mutex::default(),
        }
    }

    /// Creates a token for a clip, and returns it with its expiry.
    pub(crate) fn create(&self, clip: Clip, now: DateTime<Utc>) -> (String, DateTime<Utc>) {
        let token = format!("{:032x}", rand::random::<u128>());
        let expires = now
            .checked_add_signed(self.ttl)
            .unwrap_or(DateTime::<Utc>::MAX_UTC);
        let mut open = lock(&self.open);
        while let Some((_, token)) = open.expiring.pop_front_if(|(expires, _)| *expires <= now) {
            open.by_token.remove(&token);
        }
        open.expiring.push_back((expires, token.clone()));
        open.by_token.insert(
            token.clone(),
            Entry {
                clip,
                expires,
                not_ready: self.not_ready,
            },
        );
        (token, expires)
    }

    /// The clip that a request for `token` finds. Counts the request if the clip is not ready yet.
    pub(crate) fn clip(&self, token: &str, now: DateTime<Utc>) -> Option<Clip> {
        let mut open = lock(&self.open);
        let entry = open.by_token.get_mut(token)?;
        if entry.expires <= now {
            return None;
        }
        let ready = entry.not_ready == 0;
        entry.not_ready = entry.not_ready.saturating_sub(1);
        ready.then(|| entry.clip.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn urls(ttl: Duration, not_ready: u32) -> MediaUrls {
        MediaUrls::new(
            &MockConfig::default()
                .media_ttl(ttl)
                .media_not_ready(not_ready),
        )
    }

    fn clip() -> Clip {
        Clip::Fixed("clip".into())
    }

    #[test]
    fn a_url_works_until_it_expires() {
        let now = Utc::now();
        let urls = urls(Duration::from_secs(10), 0);
        let (token, expires) = urls.create(clip(), now);
        assert_eq!(expires, now + TimeDelta::seconds(10));
        assert_eq!(urls.clip(&token, now), Some(clip()));
        assert_eq!(
            urls.clip(&token, expires - TimeDelta::milliseconds(1)),
            Some(clip())
        );
        assert_eq!(urls.clip(&token, expires), None);
        assert_eq!(urls.clip("another", now), None);
    }

    #[test]
    fn expired_urls_are_forgotten() {
        let now = Utc::now();
        let urls = urls(Duration::from_secs(10), 0);
        for second in 0..100 {
            urls.create(clip(), now + TimeDelta::seconds(second));
        }
        assert_eq!(format!("{:?}", lock(&urls.open)), "10 media URLs");
    }

    #[test]
    fn a_clip_can_be_available_after_some_requests() {
        let now = Utc::now();
        let urls = urls(Duration::MAX, 2);
        let (token, _) = urls.create(clip(), now);
        let found: Vec<_> = (0..4).map(|_| urls.clip(&token, now).is_some()).collect();
        assert_eq!(found, [false, false, true, true]);
    }
}
