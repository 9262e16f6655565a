//! A proxy for CONNECT.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::PROXY_AUTHORIZATION;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::outbound::server::Server;

/// Wants `user` with the password `s3cret` if it wants credentials.
pub(crate) const CREDENTIALS: &str = "Basic dXNlcjpzM2NyZXQ=";

/// Whatever destination a client asks for, its tunnels lead to one server.
pub(crate) struct Proxy {
    pub(crate) server: Server,
    seen: Arc<Mutex<Seen>>,
}

/// What a proxy learns.
#[derive(Default)]
struct Seen {
    /// The destinations of the requests.
    asked: Vec<String>,
    fields: Vec<HeaderMap>,
    /// What the clients sent through the tunnels.
    sent: Vec<u8>,
}

impl Proxy {
    pub(crate) async fn to(origin: SocketAddr) -> Self {
        Self::start(origin, false).await
    }

    pub(crate) async fn with_credentials(origin: SocketAddr) -> Self {
        Self::start(origin, true).await
    }

    async fn start(origin: SocketAddr, wants_credentials: bool) -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let for_server = Arc::clone(&seen);
        let server =
            Server::start(move |stream| {
                let seen = Arc::clone(&for_server);
                async move {
                    let service = service_fn(move |request| {
                        let seen = Arc::clone(&seen);
                        async move {
                            Ok::<_, Infallible>(answer(request, origin, wants_credentials, seen))
                        }
                    });
                    let connection =
                        http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                    let _gone = connection.with_upgrades().await;
                }
            })
            .await;
        Self { server, seen }
    }

    /// The URL of the proxy, with these credentials.
    pub(crate) fn url(&self, credentials: &str) -> String {
        format!("http://{credentials}{}", self.server.address)
    }

    /// The destinations that clients asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.seen.lock().unwrap().asked.clone()
    }

    pub(crate) fn fields(&self) -> Vec<HeaderMap> {
        self.seen.lock().unwrap().fields.clone()
    }

    /// What the clients sent through the tunnels.
    pub(crate) fn sent(&self) -> Vec<u8> {
        self.seen.lock().unwrap().sent.clone()
    }
}

fn answer(
    request: Request<Incoming>,
    origin: SocketAddr,
    wants_credentials: bool,
    seen: Arc<Mutex<Seen>>,
) -> Response<Empty<Bytes>> {
    assert_eq!(request.method(), Method::CONNECT);
    {
        let mut seen = seen.lock().unwrap();
        seen.asked.push(request.uri().to_string());
        seen.fields.push(request.headers().clone());
    }
    let mut response = Response::new(Empty::new());
    let given = request.headers().get(PROXY_AUTHORIZATION);
    if wants_credentials && given.is_none_or(|given| given != CREDENTIALS) {
        *response.status_mut() = StatusCode::PROXY_AUTHENTICATION_REQUIRED;
        return response;
    }
    tokio::spawn(async move {
        let client = hyper::upgrade::on(request).await.unwrap();
        // They fail when one of the sides is gone.
        let _gone = tunnel(TokioIo::new(client), origin, seen).await;
    });
    response
}

async fn tunnel(
    client: TokioIo<hyper::upgrade::Upgraded>,
    origin: SocketAddr,
    seen: Arc<Mutex<Seen>>,
) -> io::Result<()> {
    let mut origin = TcpStream::connect(origin).await?;
    origin.set_nodelay(true)?;
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_origin, mut to_origin) = origin.split();
    let up = async {
        let mut piece = [0; 4096];
        loop {
            let length = from_client.read(&mut piece).await?;
            if length == 0 {
                return to_origin.shutdown().await;
            }
            seen.lock()
                .unwrap()
                .sent
                .extend_from_slice(&piece[..length]);
            to_origin.write_all(&piece[..length]).await?;
        }
    };
    let down = async {
        tokio::io::copy(&mut from_origin, &mut to_client).await?;
        to_client.shutdown().await
    };
    tokio::try_join!(up, down).map(drop)
}
