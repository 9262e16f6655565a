//! A time-stamping authority on this machine: `openssl ts` behind a small HTTP server.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{CertifiedKey, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};

use super::folder;
use crate::outbound::server::Server;
use crate::outbound::tls;

/// What an authority answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// With a timestamp.
    Stamps,
    /// With a timestamp of another hash.
    OtherHash,
    /// With a timestamp of the hash that another request asked for.
    OtherRequest,
    /// That it refuses.
    Refuses,
    /// With something else.
    Garbage,
    /// With a body of 10 MiB.
    Huge,
    /// With an error.
    Busy,
    /// With a redirect to itself.
    Redirects,
    /// Not at all.
    Silent,
}

/// An authority, with a certificate by an authority of its own.
pub(super) struct Authority {
    inner: Arc<Inner>,
    pub(super) url: String,
    _server: Server,
}

struct Inner {
    folder: TempDir,
    behaviour: Mutex<Behaviour>,
    requests: Mutex<Vec<(Option<String>, Vec<u8>)>>,
}

const CONFIGURATION: &str = "
[ tsa ]
default_tsa = here
[ here ]
serial = serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
";

/// Runs openssl in a folder.
pub(super) fn openssl(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("openssl");
    command
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn succeeds(folder: &Path, arguments: &[&str]) {
    let output = openssl(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

impl Authority {
    /// `None`, with a word, if there is no OpenSSL.
    pub(super) async fn new(behaviour: Behaviour) -> Option<Self> {
        let inner = Inner::new(behaviour)?;
        let shared = Arc::clone(&inner);
        let server = Server::start(move |stream| serve(stream, Arc::clone(&shared))).await;
        let url = server.origin() + "/tsa";
        Some(Self {
            inner,
            url,
            _server: server,
        })
    }

    /// The same at `https://localhost`, with this certificate.
    pub(super) async fn over_tls(certified: &CertifiedKey<KeyPair>) -> Option<Self> {
        let inner = Inner::new(Behaviour::Stamps)?;
        let acceptor = tls::acceptor(certified, &["http/1.1"]);
        let shared = Arc::clone(&inner);
        let server = Server::start(move |stream| {
            let (acceptor, inner) = (acceptor.clone(), Arc::clone(&shared));
            async move {
                // A client that does not trust the certificate aborts the handshake.
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream, inner).await;
                }
            }
        });
        let server = server.await;
        let url = format!("https://localhost:{}/tsa", server.port());
        Some(Self {
            inner,
            url,
            _server: server,
        })
    }

    pub(super) fn becomes(&self, behaviour: Behaviour) {
        *self.inner.behaviour.lock().unwrap() = behaviour;
    }

    /// The content types and the bodies of the requests.
    pub(super) fn requests(&self) -> Vec<(Option<String>, Vec<u8>)> {
        self.inner.requests.lock().unwrap().clone()
    }

    /// What `openssl ts -verify` says about a timestamp of a file.
    pub(super) fn verifies(&self, token: &Path, data: &Path) -> Output {
        let [token, data] = [token, data].map(|path| path.to_str().unwrap());
        let verify = [
            "ts", "-verify", "-in", token, "-data", data, "-CAfile", "ca.pem",
        ];
        openssl(self.inner.folder.path(), &verify)
    }

    /// A timestamp of a file, asked for by openssl.
    pub(super) fn stamps(&self, data: &Path) -> Vec<u8> {
        let query = [
            "ts",
            "-query",
            "-data",
            data.to_str().unwrap(),
            "-sha256",
            "-cert",
            "-out",
            "q.tsq",
        ];
        let at = self.inner.folder.path();
        succeeds(at, &query);
        reply(at, &std::fs::read(at.join("q.tsq")).unwrap())
    }
}

impl Inner {
    fn new(behaviour: Behaviour) -> Option<Arc<Self>> {
        if let Err(error) = Command::new("openssl").arg("version").output() {
            println!("skipped: there is no openssl ({error}; Debian: apt-get install openssl)");
            return None;
        }
        let folder = folder();
        let at = folder.path();
        std::fs::write(at.join("tsa.cnf"), CONFIGURATION).unwrap();
        std::fs::write(at.join("serial"), "01\n").unwrap();
        let use_of_key =
            "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n";
        std::fs::write(at.join("use.cnf"), use_of_key).unwrap();
        let new = [
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ];
        let root = [
            "-x509", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Root",
        ];
        succeeds(at, &[&new[..], &root].concat());
        let asked = [
            "-keyout",
            "tsa.key",
            "-out",
            "tsa.csr",
            "-subj",
            "/CN=Authority",
        ];
        succeeds(at, &[&new[..], &asked].concat());
        let signed = [
            "x509",
            "-req",
            "-in",
            "tsa.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-extfile",
            "use.cnf",
            "-out",
            "tsa.pem",
        ];
        succeeds(at, &signed);
        Some(Arc::new(Self {
            folder,
            behaviour: Mutex::new(behaviour),
            requests: Mutex::default(),
        }))
    }
}

/// The reply to a request.
fn reply(folder: &Path, query: &[u8]) -> Vec<u8> {
    std::fs::write(folder.join("request.tsq"), query).unwrap();
    let reply = [
        "ts",
        "-reply",
        "-config",
        "tsa.cnf",
        "-queryfile",
        "request.tsq",
        "-signer",
        "tsa.pem",
        "-inkey",
        "tsa.key",
        "-out",
        "reply.tsr",
    ];
    succeeds(folder, &reply);
    std::fs::read(folder.join("reply.tsr")).unwrap()
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, inner: Arc<Inner>) {
    let service = service_fn(|request| answer(Arc::clone(&inner), request));
    let stream = TokioIo::new(stream);
    // A client may go at any time.
    let _gone = http1::Builder::new()
        .serve_connection(stream, service)
        .await;
}

async fn answer(
    inner: Arc<Inner>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let kind = request.headers().get("content-type");
    let kind = kind.map(|kind| kind.to_str().unwrap().to_owned());
    let query = request.into_body().collect().await?.to_bytes().to_vec();
    inner.requests.lock().unwrap().push((kind, query.clone()));
    let behaviour = *inner.behaviour.lock().unwrap();
    let at = inner.folder.path();
    let with = |change: fn(&mut [u8], usize)| {
        let mut query = query.clone();
        // The hash follows the tag and the length of its string.
        let hash = query
            .windows(2)
            .position(|pair| pair == [0x04, 0x20])
            .unwrap()
            + 2;
        change(&mut query, hash);
        reply(at, &query)
    };
    let body = match behaviour {
        Behaviour::Stamps => reply(at, &query),
        Behaviour::OtherHash => with(|query, hash| query[hash] ^= 1),
        // The number of the request follows the hash, a tag and a length.
        Behaviour::OtherRequest => with(|query, hash| query[hash + 36] ^= 1),
        // An algorithm that the authority does not accept.
        Behaviour::Refuses => with(|query, hash| query[hash - 5] = 3),
        Behaviour::Garbage => b"<html>It works!</html>".to_vec(),
        Behaviour::Huge => vec![0x30; 10 << 20],
        Behaviour::Busy => return Ok(status(StatusCode::SERVICE_UNAVAILABLE)),
        Behaviour::Redirects => {
            let mut response = status(StatusCode::FOUND);
            response
                .headers_mut()
                .insert("location", "/tsa".parse().unwrap());
            return Ok(response);
        }
        Behaviour::Silent => std::future::pending().await,
    };
    let mut response = Response::new(body.into());
    let kind = "application/timestamp-reply".parse().unwrap();
    response.headers_mut().insert("content-type", kind);
    Ok(response)
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}
