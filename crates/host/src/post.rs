//! Sends a request to a server that the operator names, such as a time-stamping authority.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use tokio::time::timeout;
use wasmtime_wasi_http::Error;

use crate::error::TlsError;
use crate::outbound::{Outbound, Timeouts};

/// The limit of [`PostClient::post`] is for the whole exchange.
const UNLIMITED: Duration = Duration::from_secs(86_400);

/// Why a request has no usable reply.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostError {
    /// The URL cannot be used.
    #[error(
        "not the URL of a server: write it as http://HOST/PATH or https://HOST/PATH, without user name and password"
    )]
    Url,
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// There is no connection, or the reply broke off.
    #[error("cannot reach {server}")]
    Transport {
        /// The scheme, host and port.
        server: String,
        /// What went wrong.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The server responds with this status. Redirects are not followed.
    #[error("{server} answered {status}")]
    Status {
        /// The scheme, host and port.
        server: String,
        /// The status.
        status: StatusCode,
    },
    /// The reply is too large.
    #[error("{server} sent more than {most} bytes")]
    TooLarge {
        /// The scheme, host and port.
        server: String,
        /// How many are accepted.
        most: usize,
    },
    /// The reply did not arrive in time.
    #[error("{server} sent no reply within {} s", limit.as_secs())]
    TooSlow {
        /// The scheme, host and port.
        server: String,
        /// The time limit.
        limit: Duration,
    },
}

impl PostError {
    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Transport { .. } | Self::TooSlow { .. } => true,
            Self::Status { status, .. } => {
                status.is_server_error()
                    || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(status)
            }
            Self::Url | Self::Tls(_) | Self::TooLarge { .. } => false,
        }
    }
}

/// Sends `POST` requests to one URL, with a connection of its own.
///
/// [`ClipHost::post_client`](crate::ClipHost::post_client) makes one. It has the root certificates, the resolver, the
/// proxy and the NAT64 prefixes of the host, and neither its key nor its policy: the operator names the server, so it may
/// be in a private network, and plain http is accepted. Link-local addresses and cloud metadata services stay refused, and
/// so does a name other than `localhost` that leads to loopback.
#[derive(Clone)]
pub struct PostClient {
    outbound: Outbound,
    url: Uri,
    server: String,
}

impl PostClient {
    pub(crate) fn new(host: &Outbound, url: &str) -> Result<Self, PostError> {
        let url: Uri = url.parse().map_err(|_| PostError::Url)?;
        let (scheme, authority) = url
            .scheme_str()
            .zip(url.authority())
            .ok_or(PostError::Url)?;
        let server = format!("{scheme}://{authority}");
        let origin = server.parse().map_err(|_| PostError::Url)?;
        let policy = host.policy().of_operator(origin);
        let timeouts = Timeouts::default()
            .first_byte(UNLIMITED)
            .between_bytes(UNLIMITED);
        let outbound = host.like().policy(policy).timeouts(timeouts);
        Ok(Self {
            outbound: outbound.build()?,
            url,
            server,
        })
    }

    /// The scheme, host and port of the server.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Sends `body`, and gives the body of the reply with status 200: at most `most` bytes, within `limit`.
    ///
    /// # Errors
    ///
    /// See [`PostError`].
    pub async fn post(
        &self,
        content_type: HeaderValue,
        body: Bytes,
        most: usize,
        limit: Duration,
    ) -> Result<Vec<u8>, PostError> {
        let exchange = timeout(limit, self.exchange(content_type, body, most));
        exchange.await.unwrap_or_else(|_| {
            let server = self.server.clone();
            Err(PostError::TooSlow { server, limit })
        })
    }

    async fn exchange(
        &self,
        content_type: HeaderValue,
        body: Bytes,
        most: usize,
    ) -> Result<Vec<u8>, PostError> {
        let body = Full::new(body).map_err(|never| match never {});
        let mut request = Request::new(body.boxed_unsync());
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.url.clone();
        request.headers_mut().insert(CONTENT_TYPE, content_type);
        let sent = self.outbound.send(request, None).await;
        let mut response = sent.map_err(|error| self.failed(error))?;
        let (server, status) = (self.server.clone(), response.status());
        if status != StatusCode::OK {
            return Err(PostError::Status { server, status });
        }
        let mut bytes = Vec::new();
        while let Some(frame) = response.body_mut().frame().await {
            let frame = frame.map_err(|error| self.failed(error))?;
            if let Ok(data) = frame.into_data() {
                if bytes.len() + data.len() > most {
                    return Err(PostError::TooLarge { server, most });
                }
                bytes.extend_from_slice(&data);
            }
        }
        Ok(bytes)
    }

    fn failed(&self, error: Error) -> PostError {
        let source = match error {
            Error::ConfigurationError => {
                "the proxy refused the connection, or cannot be reached".into()
            }
            error => Box::new(error) as Box<dyn StdError + Send + Sync>,
        };
        let server = self.server.clone();
        PostError::Transport { server, source }
    }
}

impl fmt::Debug for PostClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostClient")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}
