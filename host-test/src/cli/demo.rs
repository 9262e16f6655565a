//! `mv-clip demo`: from a serial number to a checked clip, with the time of each step.

use std::time::Instant;

use anyhow::Context;
use chrono::{SecondsFormat, TimeDelta, Utc};
use meraki_mock::{MockConfig, MockMeraki};
use mv_clip_host::{ApiKey, ClipRequest, Setting, Settings};
use mv_clip_mpegts as mpegts;

use super::deadline::{self, Deadline};
use super::options::{ComponentFile, KeyHolder};
use super::output::{OutputError, print};
use super::settings::{self, Configuration};
use super::stop::Stop;
use super::stopped::Limit;

/// Get a clip from a mock of the Meraki API, and print the time of each step
///
/// The clip is checked to be an MPEG transport stream. With a serial number, the command uses the Meraki API and the API
/// key in place of the mock.
#[derive(clap::Args)]
#[command(after_help = deadline::help(deadline::OF_DEMO))]
pub(super) struct Args {
    /// A camera at the Meraki API
    serial: Option<String>,

    #[command(flatten)]
    component: ComponentFile,

    #[command(flatten)]
    key: KeyHolder,

    #[command(flatten)]
    deadline: Deadline,
}

/// The camera, and the settings to reach it.
struct Target {
    configuration: Configuration,
    serial: String,
    /// Stops when it is dropped.
    _mock: Option<MockMeraki>,
}

pub(super) async fn run(args: Args, stop: &Stop) -> anyhow::Result<()> {
    let settings = Settings::from_env()?;
    let limit = Limit {
        time: args.deadline.or(deadline::of_demo(&settings)),
        resumes: false,
        json: false,
    };
    stop.bound(limit, demo(&args, settings)).await
}

async fn demo(args: &Args, settings: Settings) -> anyhow::Result<()> {
    let started = Instant::now();
    let target = target(args, settings).await?;
    let settings = &target.configuration.settings;
    step("target", started, settings::base_url(settings))?;

    let started = Instant::now();
    let file = args.component.component.display().to_string();
    let (trust, configuration) = (&args.key.trust, &target.configuration);
    let host = settings::host(&args.component, trust, configuration, &[]).await?;
    step("load", started, &file)?;

    let started = Instant::now();
    let end = Utc::now() - TimeDelta::minutes(5);
    let start = end - TimeDelta::minutes(2);
    let [start, end] = [start, end].map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true));
    let request = ClipRequest {
        serial: target.serial,
        start,
        end,
        imager_id: None,
    };
    let clip = host.request_clip(settings, &request).await?;
    step(
        "get-clip",
        started,
        &format!("{} from {} to {}", clip.serial, clip.start, clip.end),
    )?;
    print(&format!("{:INDENT$}{}", "", clip.url.expose()))?;

    let started = Instant::now();
    let bytes = host.media_client()?.fetch(&clip.url).await?;
    step("fetch", started, &format!("{} bytes", bytes.len()))?;

    let started = Instant::now();
    let summary = mpegts::scan(&bytes).context("the media host sent no clip")?;
    Ok(step("check", started, &format!("MPEG-TS: {summary}"))?)
}

async fn target(args: &Args, settings: Settings) -> anyhow::Result<Target> {
    if let Some(serial) = &args.serial {
        let configuration = Configuration::with_key(settings, &args.key)
            .await
            .context("a serial number needs the Meraki API; omit it to use the mock")?;
        print(&format!(
            "Using the Meraki API at {}",
            settings::base_url(&configuration.settings)
        ))?;
        return Ok(Target {
            configuration,
            serial: serial.clone(),
            _mock: None,
        });
    }
    print(&format!(
        "Using a mock of the Meraki API (for the real one, set {} and pass a serial number)",
        Setting::ApiKey
    ))?;
    let mock = MockMeraki::start(MockConfig::default()).await?;
    // The mock gets no real key.
    let key = ApiKey::new(mock.key())?;
    let settings = settings.base_url(mock.base_url());
    let serial = mock
        .cameras()
        .first()
        .context("the mock has no camera")?
        .serial
        .clone();
    Ok(Target {
        configuration: Configuration::new(settings, Some(key), args.key.key_mode)?,
        serial,
        _mock: Some(mock),
    })
}

/// The column of the text of the steps.
const INDENT: usize = 26;

fn step(name: &str, started: Instant, text: &str) -> Result<(), OutputError> {
    let milliseconds = started.elapsed().as_secs_f64() * 1_000.0;
    let time = format!("{name:<10}{milliseconds:>9.1} ms");
    print(&format!("{time:<INDENT$}{text}"))
}
