//! Refuses connections to this machine itself that the look-up of a name did not tell from others.
//!
//! A route can make an address this machine's own that no interface has, and the addresses of the interfaces cannot always
//! be read. So each new connection is checked too, before any byte is sent: its two ends have the same address if it does
//! not leave the machine.

use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use super::resolve::{BoxError, CheckedResolver};

/// Connects to addresses that the resolver permits.
#[derive(Clone)]
pub(super) struct Elsewhere {
    pub(super) tcp: HttpConnector<CheckedResolver>,
    pub(super) resolver: CheckedResolver,
}

impl Service<Uri> for Elsewhere {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        let connecting = self.tcp.call(destination.clone());
        let resolver = self.resolver.clone();
        Box::pin(async move {
            let stream = connecting.await?;
            let ends = (stream.inner().local_addr()?, stream.inner().peer_addr()?);
            resolver.check_ends(&destination, ends.0.ip(), ends.1.ip())?;
            Ok(stream)
        })
    }
}
