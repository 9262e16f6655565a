//! `mv-clip demo`: from a serial number to a checked clip, with the time of each step.

use std::cell::RefCell;
use std::time::Instant;

use anyhow::Context;
use chrono::{SecondsFormat, TimeDelta, Utc};
use meraki_mock::{MockConfig, MockMeraki};
use mv_clip_host::{ApiKey, ClipRequest, Setting, Settings};
use mv_clip_mpegts as mpegts;
use serde_json::{Value, json};

use super::camera::Camera;
use super::deadline::{self, Deadline};
use super::key::Source;
use super::notes::Notes;
use super::options::{ComponentFile, KeyHolder};
use super::outcome::clip_json;
use super::output::{OutputError, print, print_json};
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
    /// A camera at the Meraki API, such as Q2XX-ABCD-1234, or Q2XX-ABCD-1234.2 for its second imager
    #[arg(value_name = "SERIAL[.IMAGER]")]
    camera: Option<Camera>,

    /// Print the clip and the steps, or the error, as one JSON object
    #[arg(long)]
    json: bool,

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
    camera: Camera,
    /// Stops when it is dropped.
    _mock: Option<MockMeraki>,
}

pub(super) async fn run(args: Args, stop: &Stop) -> anyhow::Result<()> {
    let settings = Settings::from_env()?;
    let limit = Limit {
        time: args.deadline.or(deadline::of_demo(&settings)),
        resumes: false,
        json: args.json,
    };
    let notes = Notes::default();
    let done = stop.bound(limit, demo(&args, settings, &notes)).await;
    notes.print();
    done
}

async fn demo(args: &Args, settings: Settings, notes: &Notes) -> anyhow::Result<()> {
    let steps = Steps::new(args.json);
    let started = Instant::now();
    let target = target(args, settings, &steps).await?;
    let settings = &target.configuration.settings;
    steps.done("target", started, settings::base_url(settings))?;

    let started = Instant::now();
    let file = args.component.component.display().to_string();
    let (trust, configuration) = (&args.key.trust, &target.configuration);
    let host = settings::host(&args.component, trust, configuration, &[]).await?;
    steps.done("load", started, &file)?;

    let started = Instant::now();
    let end = Utc::now() - TimeDelta::minutes(5);
    let start = end - TimeDelta::minutes(2);
    let [start, end] = [start, end].map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true));
    let request = ClipRequest {
        serial: target.camera.serial,
        start,
        end,
        imager_id: target.camera.imager_id,
    };
    let reply = host.call(settings).request_clip(&request).await;
    let clip = notes.observe(reply, &configuration.key_source)?;
    steps.done(
        "get-clip",
        started,
        &format!("{} from {} to {}", clip.serial, clip.start, clip.end),
    )?;
    steps.say(&format!("{:INDENT$}{}", "", clip.url.expose()))?;

    let started = Instant::now();
    let bytes = host.media_client()?.fetch(&clip.url).await?;
    steps.done("fetch", started, &format!("{} bytes", bytes.len()))?;

    let started = Instant::now();
    let summary = mpegts::scan(&bytes).context("the media host sent no clip")?;
    steps.done("check", started, &format!("MPEG-TS: {summary}"))?;
    if args.json {
        print_json(&json!({ "clip": clip_json(&clip), "steps": steps.list.into_inner() }))?;
    }
    Ok(())
}

async fn target(args: &Args, settings: Settings, steps: &Steps) -> anyhow::Result<Target> {
    if let Some(camera) = &args.camera {
        let configuration = Configuration::with_key(settings, &args.key)
            .await
            .context("a serial number needs the Meraki API; omit it to use the mock")?;
        steps.say(&format!(
            "Using the Meraki API at {}",
            settings::base_url(&configuration.settings)
        ))?;
        return Ok(Target {
            configuration,
            camera: camera.clone(),
            _mock: None,
        });
    }
    steps.say(&format!(
        "Using a mock of the Meraki API (for the real one, set {} and pass a serial number)",
        Setting::ApiKey
    ))?;
    let mock = MockMeraki::start(MockConfig::default()).await?;
    // The mock gets no real key.
    let key = ApiKey::new(mock.key())?;
    let settings = settings.base_url(mock.base_url());
    let camera = mock.cameras().first().context("the mock has no camera")?;
    let camera = Camera {
        serial: camera.serial.clone(),
        imager_id: None,
    };
    Ok(Target {
        configuration: Configuration::new(settings, Some(key), Source::Mock, args.key.key_mode)?,
        camera,
        _mock: Some(mock),
    })
}

/// The column of the text of the steps.
const INDENT: usize = 26;

/// The steps that are done. They are printed when they are done, or all at the end as JSON.
struct Steps {
    json: bool,
    list: RefCell<Vec<Value>>,
}

impl Steps {
    fn new(json: bool) -> Self {
        let list = RefCell::default();
        Self { json, list }
    }

    fn done(&self, name: &str, started: Instant, text: &str) -> Result<(), OutputError> {
        let milliseconds = started.elapsed().as_secs_f64() * 1_000.0;
        let mut list = self.list.borrow_mut();
        list.push(json!({ "step": name, "milliseconds": milliseconds, "result": text }));
        let time = format!("{name:<10}{milliseconds:>9.1} ms");
        self.say(&format!("{time:<INDENT$}{text}"))
    }

    fn say(&self, text: &str) -> Result<(), OutputError> {
        match self.json {
            true => Ok(()),
            false => print(text),
        }
    }
}
