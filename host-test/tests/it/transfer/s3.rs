//! A real S3 server, presigned URLs, and a clip of 100 MB.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use meraki_mock::MockConfig;
use mv_clip_host::{FailureKind, Reply};
use rusty_s3::{Bucket as S3Bucket, Credentials, S3Action, UrlStyle};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::{long_clip, save, sha256};
use crate::support::{SERIAL, World, footage, memory_at_rest, permanent};

const KEY_ID: &str = "AKIAMVCLIPEXAMPLE";
const SECRET: &str = "s3cret-0f-the-test";

/// A local S3 server that stores objects in files and checks signatures.
struct S3 {
    folder: TempDir,
    address: SocketAddr,
}

impl S3 {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("footage")).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
                tokio::spawn(connection);
            }
        });
        Self { folder, address }
    }

    fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A presigned URL for one PUT of one object.
    fn presign(&self, object: &str, secret: &str) -> String {
        let endpoint = self.origin().parse().unwrap();
        let bucket = S3Bucket::new(endpoint, UrlStyle::Path, "footage", "us-east-1").unwrap();
        let credentials = Credentials::new(KEY_ID, secret);
        let put = bucket.put_object(Some(&credentials), object);
        put.sign(Duration::from_secs(600)).into()
    }

    fn object(&self, object: &str) -> std::path::PathBuf {
        let footage: &Path = &self.folder.path().join("footage");
        footage.join(object)
    }
}

async fn world(s3: &S3, config: MockConfig) -> World {
    let world = World::with(config).await.also(&s3.origin());
    // The server does file I/O, so this test uses real time.
    world.set("MV_CLIP_ATTEMPT_TIMEOUT_SECONDS", "600")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_megabytes_in_constant_memory() {
    let clip = long_clip(1_880);
    let (s3, expected) = (S3::start().await, sha256(&clip));
    let config = MockConfig::default().clip(clip.clone());
    let world = world(&s3, config).await;
    let url = s3.presign("incident.ts", SECRET);
    let started = Instant::now();
    let call = world.host.call(world.settings());
    let Reply { result, report, .. } = call.save_clip(&footage(SERIAL), &url).await;
    let (saved, took) = (result.unwrap(), started.elapsed());
    let growth = report.peak_memory - memory_at_rest(&world.host).await;
    assert!(report.bytes_sent >= saved.bytes && report.bytes_received >= saved.bytes);
    assert_eq!(report.requests, 3, "the API, the media host, the bucket");
    eprintln!(
        "{} bytes in {took:?}, the guest grew by {growth} bytes",
        saved.bytes
    );
    assert_eq!((saved.bytes, &saved.sha256), (clip.len() as u64, &expected));
    assert!(saved.bytes > 100_000_000 && growth < 2 << 20, "{growth}");
    assert_eq!(
        sha256(&std::fs::read(s3.object("incident.ts")).unwrap()),
        expected
    );
}

#[tokio::test]
async fn a_wrong_signature_is_permanent_and_nothing_is_stored() {
    let s3 = S3::start().await;
    let world = world(&s3, MockConfig::default()).await;
    let result = save(&world, &s3.presign("incident.ts", "another")).await;
    let failure = permanent(result, FailureKind::DestinationRefused);
    assert_eq!(failure.status, Some(403));
    assert!(
        failure.message.contains("\"SignatureDoesNotMatch"),
        "{}",
        failure.message
    );
    assert!(!failure.message.contains("X-Amz"), "{}", failure.message);
    assert!(!s3.object("incident.ts").exists());
}
