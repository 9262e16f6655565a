//! Resolves host names to permitted addresses.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::dns::Name;
use mv_clip_core::host::{Host, HostError};
use tokio::time::timeout;
use tower_service::Service;

use super::address::{Prohibited, Reach, Surroundings};
use super::fair::{Permit, Share};
use super::interfaces;
use super::policy::Policy;

/// The addresses of one name, once they are known.
pub type Lookup = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Resolves host names. The default is
/// [`SystemResolver`](crate::SystemResolver). To use another resolver, implement this trait and pass it
/// to [`ClipHostBuilder::resolver`](crate::ClipHostBuilder::resolver).
///
/// Its answers are still checked: see [`Policy`](crate::Policy).
pub trait Resolve: Send + Sync + 'static {
    /// Looks up all addresses of `name`, which is in lower case and has no trailing dot, in the
    /// order in which they should be tried. An error or an empty answer ends the request with
    /// `DNS-error`.
    ///
    /// The host drops the future when its request ends: with the call, or after the connect timeout. Work that goes on
    /// after that is outside of the limits.
    fn resolve(&self, name: &str) -> Lookup;
}

/// Why there is no connection: the lookup failed, or every address is prohibited.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectFailure {
    #[error(transparent)]
    Prohibited(#[from] Prohibited),
    #[error("the host's name could not be resolved")]
    Lookup(#[source] io::Error),
}

/// The resolver of hyper's connector, which connects only to the addresses that this returns.
///
/// It never gets a literal address, because the connector parses those itself.
#[derive(Clone)]
pub(super) struct CheckedResolver {
    resolve: Arc<dyn Resolve>,
    policy: Arc<Policy>,
    lookups: Option<Share>,
    /// Until the connection is made: there may be one socket for each kind of addresses.
    permit: Arc<OnceLock<Permit>>,
    /// The addresses of this machine.
    own: fn() -> Vec<IpAddr>,
}

impl CheckedResolver {
    pub(super) fn new(resolve: Arc<dyn Resolve>, policy: Arc<Policy>) -> Self {
        Self {
            resolve,
            policy,
            lookups: None,
            permit: Arc::default(),
            own: interfaces::addresses,
        }
    }

    /// For one connection of this call.
    pub(super) fn of(&self, lookups: &Share) -> Self {
        Self {
            lookups: Some(lookups.clone()),
            permit: Arc::default(),
            ..self.clone()
        }
    }

    /// Checks an address in the URI itself, which the connector does not look up.
    pub(super) fn check_literal(&self, destination: &Uri) -> Result<(), BoxError> {
        let host = Host::parse(destination.host().ok_or(HostError::Empty)?)?;
        if let Some(address) = host.ip() {
            Reach::Literal
                .permits(address, self.policy.surroundings(&host, &[]))
                .map_err(ConnectFailure::from)?;
        }
        Ok(())
    }

    /// Checks the addresses of the two ends of a connection, which are the same if it does not leave this machine.
    pub(super) fn check_ends(
        &self,
        destination: &Uri,
        local: IpAddr,
        peer: IpAddr,
    ) -> Result<(), BoxError> {
        if local != peer {
            return Ok(());
        }
        let host = Host::parse(destination.host().ok_or(HostError::Empty)?)?;
        Reach::of(&host)
            .permits(peer, self.policy.surroundings(&host, &[peer]))
            .map_err(ConnectFailure::from)?;
        Ok(())
    }
}

impl CheckedResolver {
    /// Waits until the call may have one more look-up.
    async fn take_permit(&self) {
        if let Some(lookups) = self
            .lookups
            .as_ref()
            .filter(|_| self.permit.get().is_none())
        {
            // The resolver is there until the connection is made, and no longer.
            let _ = self.permit.set(lookups.turn().await.acquire().await);
        }
    }

    /// All addresses of a name, in canonical form.
    async fn found(&self, name: &str) -> Result<Vec<IpAddr>, ConnectFailure> {
        self.take_permit().await;
        let found = self.resolve.resolve(name).await;
        found.map_err(ConnectFailure::Lookup)
    }

    /// The permitted addresses of this host.
    async fn permitted(&self, host: &Host) -> Result<Vec<IpAddr>, ConnectFailure> {
        let found = self.found(&host.to_string()).await?;
        let own = (self.own)();
        permitted(
            &found,
            Reach::of(host),
            self.policy.surroundings(host, &own),
        )
    }

    /// Checks the addresses of a name that somebody else is going to look up. It passes if none are found here within the
    /// limit, which does not include the wait for other look-ups of the call.
    pub(super) async fn check_name(
        &self,
        name: &str,
        limit: Duration,
    ) -> Result<(), ConnectFailure> {
        let Ok(host) = Host::parse(name) else {
            return Ok(());
        };
        if host.ip().is_some() {
            return Ok(());
        }
        self.take_permit().await;
        match timeout(limit, self.permitted(&host)).await {
            Ok(Err(error @ ConnectFailure::Prohibited(_))) => Err(error),
            Ok(Ok(_) | Err(ConnectFailure::Lookup(_))) | Err(_) => Ok(()),
        }
    }
}

impl Service<Name> for CheckedResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = ConnectFailure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolver = self.clone();
        Box::pin(async move { Ok(sockets(resolver.permitted(&parse(&name)?).await?)) })
    }
}

/// The same without checks: for the operator's own proxy.
#[derive(Clone)]
pub(super) struct OperatorsResolver(pub(super) CheckedResolver);

impl Service<Name> for OperatorsResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = ConnectFailure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self(resolver) = self.clone();
        Box::pin(async move { Ok(sockets(resolver.found(&parse(&name)?.to_string()).await?)) })
    }
}

fn parse(name: &Name) -> Result<Host, ConnectFailure> {
    Host::parse(name.as_str())
        .map_err(|error| ConnectFailure::Lookup(io::Error::new(io::ErrorKind::InvalidInput, error)))
}

/// The connector replaces port 0 with the port of the request.
fn sockets(addresses: Vec<IpAddr>) -> std::vec::IntoIter<SocketAddr> {
    let sockets = addresses.into_iter().map(|ip| SocketAddr::new(ip, 0));
    sockets.collect::<Vec<_>>().into_iter()
}

/// The error of a connector.
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The permitted addresses among those found.
fn permitted(
    found: &[IpAddr],
    reach: Reach,
    around: Surroundings<'_>,
) -> Result<Vec<IpAddr>, ConnectFailure> {
    let mut permitted = Vec::new();
    let mut prohibited = None;
    for address in found {
        match reach.permits(*address, around) {
            Ok(()) => permitted.push(*address),
            Err(error) => prohibited = Some(error),
        }
    }
    match prohibited {
        _ if !permitted.is_empty() => Ok(permitted),
        Some(error) => Err(error.into()),
        None => Err(ConnectFailure::Lookup(io::ErrorKind::NotFound.into())),
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn an_address_in_the_uri_is_checked_and_a_name_is_left_to_the_resolver() {
        let policy = Policy::default().nat64_prefixes(["2606:4700:64::/96".parse().unwrap()]);
        let resolver = CheckedResolver::new(Arc::new(Fixed(Vec::new())), Arc::new(policy));
        let check = |uri: &str| resolver.check_literal(&uri.parse().unwrap());
        for uri in [
            "http://127.0.0.1:8080/",
            "https://[fd00::1]/",
            "https://8.8.8.8/",
            "https://localhost/",
            "https://camera.example.com/",
        ] {
            assert!(check(uri).is_ok(), "{uri}");
        }
        for uri in [
            "http://169.254.169.254/",
            "http://[::ffff:169.254.169.254]/",
            "http://0.0.0.0/",
            "http://[ff02::1]/",
            "http://[2606:4700:64::169.254.169.254]/",
        ] {
            let error = check(uri).unwrap_err();
            let found = error.downcast_ref();
            assert!(
                matches!(found, Some(ConnectFailure::Prohibited(_))),
                "{uri}: {error:?}"
            );
        }
        for (uri, expected) in [
            ("/", HostError::Empty),
            ("http://127.1/", HostError::InvalidIpv4),
        ] {
            let error = check(uri).unwrap_err();
            assert_eq!(error.downcast_ref(), Some(&expected), "{uri}");
        }
    }

    #[test]
    fn prohibited_addresses_are_removed_and_the_order_is_kept() {
        let found = addresses(&["10.0.0.1", "8.8.8.8", "::1", "2606:4700::1111"]);
        let global = permitted(&found, Reach::Global, Surroundings::default()).unwrap();
        assert_eq!(global, addresses(&["8.8.8.8", "2606:4700::1111"]));
        let local = permitted(&found, Reach::Loopback, Surroundings::default()).unwrap();
        assert_eq!(local, addresses(&["::1"]));
    }

    #[test]
    fn no_permitted_address_differs_from_no_address() {
        let private = permitted(
            &addresses(&["10.0.0.1"]),
            Reach::Global,
            Surroundings::default(),
        );
        assert!(
            matches!(private, Err(ConnectFailure::Prohibited(_))),
            "{private:?}"
        );
        let nothing = permitted(&[], Reach::Global, Surroundings::default());
        assert!(
            matches!(nothing, Err(ConnectFailure::Lookup(_))),
            "{nothing:?}"
        );
    }

    struct Fixed(Vec<IpAddr>);

    impl Resolve for Fixed {
        fn resolve(&self, _: &str) -> Lookup {
            Box::pin(ready(Ok(self.0.clone())))
        }
    }

    /// The connector connects to what this gives, and to nothing else.
    #[tokio::test]
    async fn only_a_listed_name_may_resolve_to_an_allowed_network() {
        let found = addresses(&["10.1.2.3", "169.254.169.254", "192.168.0.1", "127.0.0.1"]);
        let policy = Policy::new(["https://minio.example".parse().unwrap()])
            .allow_networks(["10.0.0.0/8".parse().unwrap()])
            .and_public();
        let mut resolver = CheckedResolver::new(Arc::new(Fixed(found)), Arc::new(policy));
        let minio = resolver
            .call("minio.example".parse().unwrap())
            .await
            .unwrap();
        let minio: Vec<_> = minio.map(|socket| socket.ip()).collect();
        assert_eq!(minio, addresses(&["10.1.2.3"]));
        let media = resolver.call("media.example".parse().unwrap()).await;
        assert!(
            matches!(media, Err(ConnectFailure::Prohibited(_))),
            "{media:?}"
        );
    }

    #[test]
    fn a_connection_that_does_not_leave_the_machine_needs_a_policy_that_says_so() {
        let policy = Policy::new(["https://minio.example".parse().unwrap()])
            .allow_networks(["198.41.0.0/24".parse().unwrap()])
            .and_public();
        let resolver = CheckedResolver::new(Arc::new(Fixed(Vec::new())), Arc::new(policy));
        let check = |uri: &str, local: &str, peer: &str| {
            let ends = (local.parse().unwrap(), peer.parse().unwrap());
            let checked = resolver.check_ends(&uri.parse().unwrap(), ends.0, ends.1);
            checked.is_ok()
        };
        for (uri, local, peer, expected) in [
            ("https://media.example/", "192.168.0.2", "8.8.8.8", true),
            ("https://media.example/", "8.8.8.8", "8.8.8.8", false),
            (
                "https://media.example/",
                "2606:4700::1",
                "2606:4700::1",
                false,
            ),
            ("https://media.example/", "10.0.0.2", "10.0.0.2", false),
            ("https://minio.example/", "198.41.0.4", "198.41.0.4", true),
            ("https://8.8.8.8/", "8.8.8.8", "8.8.8.8", true),
            ("http://localhost/", "127.0.0.1", "127.0.0.1", true),
            ("http://localhost/", "::1", "::1", true),
        ] {
            assert_eq!(check(uri, local, peer), expected, "{uri} {peer}");
        }
    }

    #[tokio::test]
    async fn a_name_does_not_lead_to_this_machine_or_through_a_translator() {
        let found = addresses(&["198.41.0.4", "2606:4700:64::10.0.0.1", "8.8.8.8"]);
        let policy = Policy::new(["https://media.example".parse().unwrap()])
            .nat64_prefixes(["2606:4700:64::/96".parse().unwrap()]);
        let resolver = CheckedResolver::new(Arc::new(Fixed(found)), Arc::new(policy));
        let mut resolver = CheckedResolver {
            own: || addresses(&["198.41.0.4"]),
            ..resolver
        };
        let permitted = resolver
            .call("media.example".parse().unwrap())
            .await
            .unwrap();
        let permitted: Vec<_> = permitted.map(|socket| socket.ip()).collect();
        assert_eq!(permitted, addresses(&["8.8.8.8"]));
    }
}
