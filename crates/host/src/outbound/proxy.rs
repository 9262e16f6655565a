//! [`Proxy`]: the way to servers where a network lets connections out through a proxy only.

use std::env;
use std::fmt;

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use mv_clip_core::host::Host;
use secrecy::{ExposeSecret as _, SecretString};

use super::origin::Origin;

/// A proxy for the https connections of a host: those of its guests, and those of its media clients.
///
/// ```
/// use mv_clip_host::Proxy;
///
/// let proxy = Proxy::new("http://user:p%40ss@proxy.example:3128")?.except(".internal.example, 10.0.0.0/8");
/// # Ok::<(), mv_clip_host::ProxyError>(())
/// ```
///
/// The proxy opens a tunnel (CONNECT), and TLS goes through it end to end. So the proxy learns the server's name and port,
/// and sees neither a key nor a clip.
///
/// **Direct connections** go to `localhost` and to loopback addresses, to the hosts of [`Proxy::except`], and to all
/// servers over plain http, which a proxy could read and change.
///
/// **The [`Policy`](crate::Policy) applies** to what is behind the proxy, and not to the proxy's own address. A request
/// that it denies reaches no proxy. A name is looked up here, and refused if it leads to prohibited addresses only. The
/// tunnel then goes to the name, because many proxies allow names and not addresses. So it is the proxy that chooses the
/// address, and the certificate that proves whose server is there: another server gets the greeting of a TLS connection,
/// and nothing of a request. If a name is not looked up here within a quarter of the connect timeout, as in many
/// networks with a proxy, the tunnel goes to it unchecked: then the proxy alone decides where names may lead.
#[derive(Clone)]
pub struct Proxy {
    url: SecretString,
    except: String,
    address: Origin,
}

/// Why a proxy cannot be used. The URL, which may hold a password, is not in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// It is not the URL of a proxy.
    #[error(
        "not the URL of a proxy: write it as http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, with special \
         characters percent-encoded (@ as %40)"
    )]
    Url,
    /// It is another kind of proxy.
    #[error("{0} proxies are not supported: name one with http:// or https://")]
    Scheme(String),
    /// An environment variable has such a value.
    #[error("{variable}: {error}")]
    Variable {
        /// The variable.
        variable: &'static str,
        /// What is wrong with its value.
        error: Box<ProxyError>,
    },
}

/// The variables with a proxy for https. As for curl, the first that is set and not empty counts.
const PROXY: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// The variables with the hosts that no proxy is for.
const NO_PROXY: [&str; 2] = ["no_proxy", "NO_PROXY"];

impl Proxy {
    /// Takes the URL of a proxy: `http://` or `https://`, a host, and a port if it is not the scheme's. Without a scheme
    /// it is `http://`. A user name and a password in it are sent to the proxy (Basic).
    ///
    /// # Errors
    ///
    /// See [`ProxyError`].
    pub fn new(url: impl Into<String>) -> Result<Self, ProxyError> {
        let url = SecretString::from(url.into());
        let via = matcher(&url, "").intercept(&Uri::from_static("https://any.example"));
        let address = via.and_then(|via| Origin::of(via.uri()).ok());
        Ok(Self {
            address: address.ok_or_else(|| unusable(&url))?,
            except: String::new(),
            url,
        })
    }

    /// Connects to these hosts without the proxy, as `NO_PROXY` lists them: names, which stand for their subdomains too,
    /// addresses and networks, with commas between them. `*` is every host.
    #[must_use]
    pub fn except(self, hosts: impl Into<String>) -> Self {
        Self {
            except: hosts.into(),
            ..self
        }
    }

    /// Takes the proxy from the environment variables `https_proxy`, `HTTPS_PROXY`, `all_proxy` or `ALL_PROXY`, and its
    /// exceptions from `no_proxy` or `NO_PROXY`. None if there is no proxy.
    ///
    /// # Errors
    ///
    /// [`ProxyError::Variable`] if the proxy cannot be used.
    pub fn from_env() -> Result<Option<Self>, ProxyError> {
        Self::from_variables(|name| env::var_os(name).map(|value| value.into_string().ok()))
    }

    /// `get` gives None if a variable is not set, and None in it if its value is not text.
    fn from_variables(
        get: impl Fn(&'static str) -> Option<Option<String>>,
    ) -> Result<Option<Self>, ProxyError> {
        let first = |names: &[&'static str]| {
            names
                .iter()
                .filter_map(|name| Some((*name, get(name)?)))
                .find(|(_, value)| value.as_deref() != Some(""))
        };
        let Some((variable, url)) = first(&PROXY) else {
            return Ok(None);
        };
        let failed = |error| ProxyError::Variable {
            variable,
            error: Box::new(error),
        };
        let proxy = Self::new(url.ok_or_else(|| failed(ProxyError::Url))?).map_err(failed)?;
        let except = first(&NO_PROXY).and_then(|(_, hosts)| hosts);
        Ok(Some(proxy.except(except.unwrap_or_default())))
    }

    /// Which connections go through the proxy.
    pub(super) fn routes(&self) -> Routes {
        Routes(matcher(&self.url, &self.except))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("address", &format_args!("{}", self.address))
            .field("except", &self.except)
            .finish_non_exhaustive()
    }
}

/// Says which connections go through a proxy. That depends on the origin alone, so no pool mixes them up.
pub(super) struct Routes(Matcher);

impl Routes {
    /// The proxy for this destination, in canonical form. None for a direct connection.
    pub(super) fn to(&self, destination: &Uri) -> Option<Intercept> {
        let Self(matcher) = self;
        let host = Host::parse(destination.host()?).ok()?;
        match is_this_machine(&host) {
            true => None,
            false => matcher.intercept(destination),
        }
    }
}

fn is_this_machine(host: &Host) -> bool {
    match host.ip() {
        Some(address) => address.to_canonical().is_loopback(),
        None => host.to_string() == "localhost",
    }
}

/// Has no proxy for plain http.
fn matcher(url: &SecretString, except: &str) -> Matcher {
    let matcher = Matcher::builder().https(url.expose_secret());
    matcher.no(except).build()
}

fn unusable(url: &SecretString) -> ProxyError {
    let url: Option<Uri> = url.expose_secret().parse().ok();
    let scheme = url.and_then(|url| url.scheme_str().map(str::to_ascii_lowercase));
    match scheme {
        Some(scheme) if !["http", "https"].contains(&scheme.as_str()) => ProxyError::Scheme(scheme),
        _ => ProxyError::Url,
    }
}

#[cfg(test)]
#[path = "proxy_tests.rs"]
mod tests;
