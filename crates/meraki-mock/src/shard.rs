//! The shard that the API redirects to.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Mutex;

use http::Uri;

use crate::sync::lock;

/// The most redirects that are remembered. A client that does not follow one leaves it behind.
const MOST: usize = 10_000;

/// Tells requests for the API from those for its shard.
#[derive(Debug)]
pub(crate) struct Shard {
    authority: SocketAddr,
    /// What was redirected and not requested again, if API and shard share a port.
    redirected: Option<Mutex<HashSet<Uri>>>,
}

impl Shard {
    /// On the port of the API.
    pub(crate) fn on_same_port(authority: SocketAddr) -> Self {
        Self {
            authority,
            redirected: Some(Mutex::default()),
        }
    }

    /// On a port of its own, whose requests do not come here.
    pub(crate) fn on_other_port(authority: SocketAddr) -> Self {
        Self {
            authority,
            redirected: None,
        }
    }

    /// Where to redirect a request that came to the port of the API. None if it is for the shard.
    pub(crate) fn redirect(&self, resource: &Uri) -> Option<String> {
        if let Some(redirected) = &self.redirected {
            let mut redirected = lock(redirected);
            if redirected.remove(resource) {
                return None;
            }
            if redirected.len() < MOST {
                redirected.insert(resource.clone());
            }
        }
        let resource = resource.path_and_query().map_or("/", |path| path.as_str());
        Some(format!("http://{}{resource}", self.authority))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_the_same_port_every_other_request_is_for_the_shard() {
        let shard = Shard::on_same_port(([127, 0, 0, 1], 8080).into());
        let [one, other] = ["/api/v1/a?x=1", "/api/v1/a?x=2"].map(|uri| uri.parse().unwrap());
        let to_one = Some("http://127.0.0.1:8080/api/v1/a?x=1".to_owned());
        assert_eq!(shard.redirect(&one), to_one);
        assert!(shard.redirect(&other).is_some());
        assert_eq!(shard.redirect(&one), None);
        assert_eq!(shard.redirect(&one), to_one);
    }

    #[test]
    fn on_another_port_every_request_is_redirected() {
        let shard = Shard::on_other_port(([127, 0, 0, 1], 8081).into());
        let resource = "/api/v1/a".parse().unwrap();
        for _ in 0..2 {
            let location = shard.redirect(&resource);
            assert_eq!(location.as_deref(), Some("http://127.0.0.1:8081/api/v1/a"));
        }
    }
}
