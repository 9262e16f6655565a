//! [`SystemResolver`]: looks names up as the system is configured.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hickory_resolver::config::{LookupIpStrategy, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::{Hosts, Resolver, system_conf};
use tokio::time::Instant;

use super::resolve::{Lookup, Resolve};

/// Looks names up in the hosts file and at the DNS servers of the system (`/etc/resolv.conf`; on Windows and macOS the
/// system's settings).
///
/// - **No thread.** A look-up is a pair of sockets, and ends when its request does.
/// - **Names are absolute.** No search domain is tried.
/// - **`localhost`** is this machine. No DNS server is queried for it.
/// - **Answers are not cached**, so no call can find out by timing what another one looked up. Connections are reused, so
///   look-ups are few. The configuration is cached for ten seconds.
///
/// Modules of `nsswitch.conf`, such as mDNS or LDAP, are not used. If you need them, pass another [`Resolve`].
#[derive(Clone, Default)]
pub struct SystemResolver {
    configuration: Arc<Mutex<Option<Configuration>>>,
}

/// How long the configuration is used before it is read again.
const FRESH: Duration = Duration::from_secs(10);

#[derive(Clone)]
struct Configuration {
    read: Instant,
    servers: ResolverConfig,
    options: ResolverOpts,
    hosts: Arc<Hosts>,
}

impl SystemResolver {
    fn configuration(&self) -> io::Result<Configuration> {
        // No code panics while it holds the lock.
        let known = self.configuration.lock();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some(configuration) if configuration.read.elapsed() < FRESH => {
                Ok(configuration.clone())
            }
            _ => Ok(known.insert(Configuration::read()?).clone()),
        }
    }
}

impl Configuration {
    fn read() -> io::Result<Self> {
        let (servers, mut options) = system_conf::read_system_conf().map_err(|error| {
            let advice = "the system's DNS configuration cannot be used (/etc/resolv.conf)";
            io::Error::other(format!("{advice}: {error}"))
        })?;
        // Both kinds of addresses at once. IPv4 is first, because a broken IPv6 set-up would cost time.
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.use_hosts_file = ResolveHosts::Never;
        options.cache_size = 0;
        // One server at a time: a look-up has two sockets.
        options.num_concurrent_reqs = 1;
        Ok(Self {
            read: Instant::now(),
            servers,
            options,
            hosts: Arc::new(Hosts::from_system().unwrap_or_default()),
        })
    }

    async fn lookup(self, name: &str) -> io::Result<Vec<IpAddr>> {
        let mut builder =
            Resolver::builder_with_config(self.servers, TokioRuntimeProvider::default());
        *builder.options_mut() = self.options;
        let mut resolver = builder.build().map_err(io::Error::other)?;
        resolver.set_hosts(self.hosts);
        let found = resolver.lookup_ip(absolute(name)?).await;
        let found = found.map_err(|error| {
            let is_absent = error.is_no_records_found();
            let kind = match is_absent {
                true => io::ErrorKind::NotFound,
                false => io::ErrorKind::Other,
            };
            io::Error::new(kind, error)
        })?;
        Ok(found.iter().collect())
    }
}

/// No search domain applies to such a name.
fn absolute(name: &str) -> io::Result<Name> {
    let mut name = Name::from_ascii(name)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    name.set_fqdn(true);
    Ok(name)
}

impl Resolve for SystemResolver {
    fn resolve(&self, name: &str) -> Lookup {
        let (resolver, name) = (self.clone(), name.to_owned());
        Box::pin(async move {
            if name == "localhost" {
                return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
            }
            resolver.configuration()?.lookup(&name).await
        })
    }
}

impl fmt::Debug for SystemResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemResolver")
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use hickory_resolver::config::NameServerConfig;
    use hickory_resolver::proto::op::{Message, MessageType, OpCode, ResponseCode};
    use tokio::net::UdpSocket;
    use tokio::time::{pause, sleep};

    use super::*;

    /// Asks this server, and has a search domain.
    fn asking(server: SocketAddr) -> Configuration {
        let mut known = NameServerConfig::udp(server.ip());
        for connection in &mut known.connections {
            connection.port = server.port();
        }
        let search = vec![Name::from_ascii("search.example").unwrap()];
        let mut options = ResolverOpts::default();
        options.cache_size = 0;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.ndots = 15;
        Configuration {
            read: Instant::now(),
            servers: ResolverConfig::from_parts(None, search, vec![known]),
            options,
            hosts: Arc::default(),
        }
    }

    /// The name in a query, which begins after the header.
    fn asked(query: &[u8]) -> String {
        let message = Message::from_vec(query).unwrap();
        message.queries[0].name().to_string()
    }

    #[tokio::test]
    async fn a_name_is_absolute() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let configuration = asking(server.local_addr().unwrap());
        let lookup = tokio::spawn(async move { configuration.lookup("camera.example.com").await });
        let mut names = Vec::new();
        while !lookup.is_finished() {
            let mut query = [0; 512];
            tokio::select! {
                received = server.recv_from(&mut query) => {
                    let (length, peer) = received.unwrap();
                    names.push(asked(&query[..length]));
                    let query = Message::from_vec(&query[..length]).unwrap();
                    let mut none = Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
                    none.metadata.response_code = ResponseCode::NXDomain;
                    none.queries = query.queries;
                    server.send_to(&none.to_vec().unwrap(), peer).await.unwrap();
                }
                () = sleep(Duration::from_millis(10)) => {}
            }
        }
        let error = lookup.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound, "{error}");
        assert!(!names.is_empty());
        for name in names {
            assert_eq!(name.to_ascii_lowercase(), "camera.example.com.");
        }
    }

    #[tokio::test]
    async fn a_look_up_that_is_dropped_leaves_nothing_behind() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let configuration = asking(address);
        let before = tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks();
        let lookups: Vec<_> = (0..50)
            .map(|name| {
                let configuration = configuration.clone();
                let name = format!("camera{name}.example.com");
                tokio::spawn(async move { configuration.lookup(&name).await })
            })
            .collect();
        // Each look-up queries both kinds of addresses.
        for _ in 0..100 {
            server.recv_from(&mut [0; 512]).await.unwrap();
        }
        lookups.iter().for_each(tokio::task::JoinHandle::abort);
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let after = tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks();
        assert_eq!(after, before, "tasks");
        pause();
        // No query is repeated.
        let mut query = [0; 512];
        let more = tokio::time::timeout(Duration::from_secs(60), server.recv_from(&mut query));
        assert!(more.await.is_err());
    }

    #[tokio::test]
    async fn localhost_needs_no_dns_server() {
        let found = SystemResolver::default()
            .resolve("localhost")
            .await
            .unwrap();
        assert!(found.iter().all(IpAddr::is_loopback) && found.len() == 2);
    }

    #[tokio::test]
    async fn an_invalid_name_is_an_error() {
        let server: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let error = asking(server).lookup(&"a".repeat(300)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
    }
}
