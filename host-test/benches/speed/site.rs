//! The mock that all arms call, in a thread of its own.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{SecondsFormat, TimeDelta, Utc};
use meraki_mock::{CLIP, DEFAULT_KEY, MockConfig, MockMeraki};
use mv_clip_host::{Setting, Settings};
use tokio::runtime::{Builder, Runtime};

pub const SERIAL: &str = "Q2MV-MOCK-0001";

/// A mock without a limit, and the runtime of the arms in this process.
pub struct Site {
    pub mock: MockThread,
    pub runtime: Runtime,
}

impl Site {
    pub fn start() -> Result<Self> {
        Ok(Self {
            mock: MockThread::start(MockConfig::default().rate_limit(None))?,
            runtime: Builder::new_current_thread().enable_all().build()?,
        })
    }
}

/// A mock that runs beside its clients, as a server does.
pub struct MockThread {
    pub base_url: String,
    /// None if the mock runs in another process.
    connections: Option<mpsc::Sender<mpsc::Sender<usize>>>,
}

impl MockThread {
    pub fn start(mut config: MockConfig) -> Result<Self> {
        config.clip.get_or_insert(CLIP.into());
        let (started, address) = mpsc::channel();
        let (connections, asked) = mpsc::channel::<mpsc::Sender<usize>>();
        thread::Builder::new().name("mock".into()).spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mock = MockMeraki::start(config).await?;
                started.send(mock.base_url()).ok();
                loop {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    match asked.try_recv() {
                        Ok(reply) => drop(reply.send(mock.connections())),
                        Err(mpsc::TryRecvError::Empty) => {}
                        Err(mpsc::TryRecvError::Disconnected) => return anyhow::Ok(()),
                    }
                }
            })
        })?;
        let base_url = address.recv().context("the mock did not start")?;
        Ok(Self {
            base_url,
            connections: Some(connections),
        })
    }

    /// One that another process runs.
    pub fn at(base_url: &str) -> Self {
        Self {
            base_url: base_url.to_owned(),
            connections: None,
        }
    }

    /// How many connections clients have opened so far.
    pub fn connections(&self) -> Result<usize> {
        let (reply, answer) = mpsc::channel();
        let connections = self.connections.as_ref();
        connections
            .context("another process runs the mock")?
            .send(reply)?;
        Ok(answer.recv()?)
    }

    pub fn origin(&self) -> &str {
        self.base_url.trim_end_matches("/api/v1")
    }

    /// The settings that point a host here.
    pub fn settings(&self) -> Settings {
        Settings::default()
            .base_url(&self.base_url)
            .text(Setting::ApiKey, DEFAULT_KEY)
            .requests_per_second(100)
    }

    /// The same as environment variables.
    pub fn variables(&self) -> Vec<(String, String)> {
        [
            ("MERAKI_BASE_URL", self.base_url.as_str()),
            ("MERAKI_DASHBOARD_API_KEY", DEFAULT_KEY),
            ("MV_CLIP_REQUESTS_PER_SECOND", "100"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }
}

/// The window of the document's samples: two minutes that ended five minutes ago.
pub fn window() -> (String, String) {
    let end = Utc::now() - TimeDelta::minutes(5);
    let text = |time: chrono::DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
    (text(end - TimeDelta::minutes(2)), text(end))
}
