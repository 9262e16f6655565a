//! Tunnels through a proxy.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Intercept;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tower_service::Service;

use super::origin::Origin;
use super::resolve::{BoxError, CheckedResolver, OperatorsResolver};

/// Connects to the proxy.
pub(super) type ToProxy = HttpsConnector<HttpConnector<OperatorsResolver>>;

/// Why there is no tunnel. The credentials for the proxy are not in it.
#[derive(Debug, thiserror::Error)]
pub(super) enum TunnelFailure {
    #[error("the proxy {0} refused the connection, or cannot be reached")]
    Refused(String, #[source] BoxError),
    #[error("the proxy {0} opened no connection in time")]
    Silent(String),
}

/// Opens a tunnel for one connection.
pub(super) struct Tunnels {
    tunnel: Tunnel<ToProxy>,
    resolver: CheckedResolver,
    /// How long a name is looked up here before the proxy gets it unchecked.
    lookup: Duration,
    /// For messages.
    proxy: String,
    deadline: Instant,
}

impl Tunnels {
    pub(super) fn through(
        proxy: &Intercept,
        connector: ToProxy,
        resolver: CheckedResolver,
        lookup: Duration,
        deadline: Instant,
    ) -> Self {
        let tunnel = Tunnel::new(proxy.uri().clone(), connector);
        Self {
            tunnel: match proxy.basic_auth() {
                Some(credentials) => tunnel.with_auth(credentials.clone()),
                None => tunnel,
            },
            resolver,
            lookup,
            proxy: Origin::of(proxy.uri()).map_or_else(|_| String::new(), |it| it.to_string()),
            deadline,
        }
    }
}

impl Service<Uri> for Tunnels {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tunnel.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        let (mut tunnel, resolver) = (self.tunnel.clone(), self.resolver.clone());
        let (lookup, proxy, deadline) = (self.lookup, self.proxy.clone(), self.deadline);
        Box::pin(async move {
            let name = destination.host().unwrap_or_default();
            // If the guest's time is over first, the client drops this future, and the proxy gets nothing.
            resolver.check_name(name, lookup).await?;
            match timeout_at(deadline, tunnel.call(destination)).await {
                Ok(Ok(stream)) => Ok(stream),
                Ok(Err(error)) => Err(TunnelFailure::Refused(proxy, error.into()).into()),
                Err(_) => Err(TunnelFailure::Silent(proxy).into()),
            }
        })
    }
}
