//! `mv-clip mock`: a mock of the Meraki API, for any HTTP client.

use std::fs::File;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::Args;
use meraki_mock::{
    Camera, DEFAULT_KEY, Faults, MockConfig, MockMeraki, RateLimit, Redirect, is_mock_key,
};
use mv_clip_host::MediaClient;
use mv_clip_mpegts as mpegts;
use tokio::sync::oneshot;

use super::output::{print, print_json};
use super::stop::Stop;

/// Run a mock of the Meraki API until Ctrl-C or SIGTERM
///
/// Prints its URL for any client: this command, curl, or Meraki's SDK. With -v, logs each request.
#[derive(Args)]
pub(crate) struct MockArgs {
    /// The loopback address to listen on; port 0 selects a free port
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The API key with access. Begin it with mock-, so that the other commands send it in plain text [default: a
    /// well-known test key]
    #[arg(long)]
    key: Option<String>,
    /// The serial number of a camera; can be repeated [default: one camera, one with four imagers, and one that
    /// is offline]
    #[arg(long)]
    serial: Vec<String>,
    /// Time until recorded footage is available [default: 30]
    #[arg(long, value_name = "SECONDS")]
    lag: Option<u32>,
    /// Maximum requests per second [default: 10]
    #[arg(long, value_name = "N")]
    rate: Option<NonZeroU32>,
    /// Maximum requests at once after a pause [default: 10]
    #[arg(long, value_name = "N")]
    burst: Option<NonZeroU32>,
    /// Delay of each reply [default: 0]
    #[arg(long, value_name = "MILLISECONDS")]
    latency: Option<u32>,
    /// Lifetime of media URLs [default: 900]
    #[arg(long, value_name = "SECONDS")]
    media_ttl: Option<u32>,
    /// The MPEG-TS file of all media URLs [default: the footage that was asked for, with the camera and the time in each
    /// picture]
    #[arg(long, value_name = "FILE")]
    clip: Option<PathBuf>,
    /// Redirect requests to a shard (302), as Meraki does
    #[arg(long)]
    redirect: bool,
    /// Percentage of replies to fail: errors, malformed replies, connections that break or stall
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(..=100))]
    faults: Option<u8>,
    /// Selects the sequence of faults
    #[arg(long, value_name = "N", requires = "faults", default_value_t = 0)]
    seed: u64,
    /// Print one line of JSON with base_url and serials instead of instructions
    #[arg(long)]
    json: bool,
    /// Also stop at the end of standard input, so that the mock ends with the program that holds the other end of
    /// the pipe
    #[arg(long)]
    until_stdin_closes: bool,
}

impl MockArgs {
    fn config(self) -> anyhow::Result<MockConfig> {
        let default = MockConfig::default();
        let seconds = |given: Option<u32>, default| {
            given.map_or(default, |seconds| Duration::from_secs(seconds.into()))
        };
        let limit = RateLimit::default();
        let cameras = if self.serial.is_empty() {
            default.cameras
        } else {
            self.serial.into_iter().map(Camera::new).collect()
        };
        let latency = self.latency.map_or(default.latency, |milliseconds| {
            Duration::from_millis(milliseconds.into())
        });
        let config = MockConfig::default()
            .listen(self.listen)
            .key(self.key.unwrap_or(default.key))
            .cameras(cameras)
            .lag(seconds(self.lag, default.lag))
            .rate_limit(RateLimit {
                per_second: self.rate.unwrap_or(limit.per_second),
                burst: self.burst.unwrap_or(limit.burst),
            })
            .latency(latency)
            .media_ttl(seconds(self.media_ttl, default.media_ttl))
            .redirect(self.redirect.then_some(Redirect::SamePort))
            .faults(
                self.faults
                    .map(|percent| Faults::new(percent).seed(self.seed)),
            );
        let Some(path) = self.clip else {
            return Ok(config);
        };
        let clip = read_clip(&path);
        Ok(config.clip(clip.with_context(|| format!("cannot use the clip {}", path.display()))?))
    }
}

/// Reads a clip as a camera makes it.
fn read_clip(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut options = File::options();
    options.read(true);
    // A named pipe would wait for a writer.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, nix::libc::O_NONBLOCK);
    let file = options.open(path)?;
    let found = file.metadata()?;
    anyhow::ensure!(found.is_file(), "it is not a regular file");
    let most = MediaClient::LARGEST as u64;
    anyhow::ensure!(found.len() <= most, "it is larger than {most} bytes");
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    mpegts::scan(&bytes)?;
    Ok(bytes)
}

/// Runs the mock until Ctrl-C, SIGTERM or, with `--until-stdin-closes`, the end of standard input.
pub(crate) async fn run(args: MockArgs, stop: &Stop) -> anyhow::Result<()> {
    let (json, until_stdin_closes) = (args.json, args.until_stdin_closes);
    let config = args.config()?;
    let listen = config.listen;
    let mock = MockMeraki::start(config).await.with_context(|| {
        format!("cannot listen on {listen}; choose another address or port with --listen")
    })?;
    if json {
        print_json(&machine_readable(&mock))?;
    } else {
        print(&instructions(&mock, Utc::now()))?;
    }
    tokio::select! {
        _ = stop.reason() => Ok(()),
        () = end_of(io::stdin()), if until_stdin_closes => Ok(()),
    }
}

/// Waits for the end of `input`, and ignores its content.
///
/// The thread is not one of tokio's, because tokio would wait for it at exit: after Ctrl-C, until the end of the
/// input.
async fn end_of(mut input: impl Read + Send + 'static) {
    let (sender, receiver) = oneshot::channel::<()>();
    thread::spawn(move || {
        let _sender = sender;
        // An error ends the input too.
        let _ = io::copy(&mut input, &mut io::sink());
    });
    // This is always an error, because the sender is dropped.
    let _ = receiver.await;
}

fn machine_readable(mock: &MockMeraki) -> serde_json::Value {
    let serials: Vec<_> = mock.cameras().iter().map(|camera| &camera.serial).collect();
    serde_json::json!({ "base_url": mock.base_url(), "serials": serials })
}

/// Commands that use the mock, for a window with footage at `now`.
fn instructions(mock: &MockMeraki, now: DateTime<Utc>) -> String {
    let base_url = mock.base_url();
    let mut cameras = String::new();
    for Camera {
        serial,
        imagers,
        online,
        ..
    } in mock.cameras()
    {
        let imagers = if *imagers > 1 {
            format!(", {imagers} imagers")
        } else {
            String::new()
        };
        let state = if *online { "online" } else { "offline" };
        cameras.push_str(&format!("  {serial}  {state}{imagers}\n"));
    }
    // The user's key is not printed, because it may be a real one.
    let key = if mock.key() == DEFAULT_KEY {
        DEFAULT_KEY
    } else {
        "'the key of --key'"
    };
    let serial = mock.cameras().first();
    let serial = serial.map_or("SERIAL", |camera| camera.serial.as_str());
    let quoted = |text: &str| {
        shlex::try_quote(text).map_or_else(|_| text.to_owned(), |text| text.into_owned())
    };
    let argument = quoted(serial);
    let plain = if is_mock_key(mock.key()) {
        ""
    } else {
        " --allow-plain-http"
    };
    let time = |minutes_ago| {
        let time = now - TimeDelta::minutes(minutes_ago);
        time.to_rfc3339_opts(SecondsFormat::Secs, true)
    };
    let (start, end) = (time(12), time(10));
    let query = format!("startTimestamp={start}&endTimestamp={end}");
    let curl = quoted(&format!("{base_url}/devices/{serial}/camera/clip?{query}"));
    // A JSON string is a string of Python's too.
    let name = serde_json::Value::from(serial);
    let python = quoted(&format!(
        "import meraki; print(meraki.DashboardAPI(base_url='{base_url}', \
         suppress_logging=True).camera.clipDeviceCamera({name}, '{start}', '{end}'))"
    ));
    format!(
        r#"Mock Meraki API: {base_url}
Cameras:
{cameras}
Commands to try:

  export MERAKI_BASE_URL={base_url}
  export MERAKI_DASHBOARD_API_KEY={key}

  mv-clip get {argument} --start {start} --end {end}{plain}

  curl --location --header "Authorization: Bearer $MERAKI_DASHBOARD_API_KEY" \
    {curl}

  python -c {python}

Press Ctrl-C to stop.
"#
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::pin::pin;

    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: MockArgs,
    }

    fn config(args: &[&str]) -> MockConfig {
        let line = ["mock", "--listen", "127.0.0.1:0"].iter().chain(args);
        Cli::try_parse_from(line)
            .ok()
            .unwrap()
            .args
            .config()
            .unwrap()
    }

    #[test]
    fn every_option_reaches_the_mock() {
        let config = config(&[
            "--key",
            "k",
            "--serial",
            "Q2AA-AAAA-AAAA",
            "--serial",
            "Q2BB-BBBB-BBBB",
            "--lag",
            "5",
            "--rate",
            "3",
            "--burst",
            "4",
            "--latency",
            "250",
            "--media-ttl",
            "60",
            "--redirect",
            "--faults",
            "20",
            "--seed",
            "7",
        ]);
        assert_eq!(config.key, "k");
        let serials = ["Q2AA-AAAA-AAAA", "Q2BB-BBBB-BBBB"];
        assert_eq!(config.cameras, serials.map(Camera::new));
        assert_eq!(config.lag, Duration::from_secs(5));
        let limit = config.rate_limit.unwrap();
        assert_eq!((limit.per_second.get(), limit.burst.get()), (3, 4));
        assert_eq!(config.latency, Duration::from_millis(250));
        assert_eq!(config.media_ttl, Duration::from_secs(60));
        assert_eq!(config.redirect, Some(Redirect::SamePort));
        assert_eq!(config.faults, Some(Faults::new(20).seed(7)));
    }

    #[test]
    fn without_options_it_is_the_default_mock() {
        let expected = MockConfig::default();
        let found = config(&[]);
        assert_eq!(format!("{found:?}"), format!("{expected:?}"));
        assert_eq!(found.key, expected.key);
    }

    #[tokio::test]
    async fn a_key_of_the_users_own_is_not_printed() {
        let mock = MockMeraki::start(config(&["--key", "5ec2e7"]))
            .await
            .unwrap();
        assert!(!instructions(&mock, Utc::now()).contains("5ec2e7"));
        assert!(!machine_readable(&mock).to_string().contains("5ec2e7"));
    }

    #[tokio::test]
    async fn the_mock_ends_with_its_input_and_not_before() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut end = pin!(end_of(reader));
        assert!(
            tokio::time::timeout(Duration::ZERO, &mut end)
                .await
                .is_err()
        );
        // More than a pipe holds: written only if somebody reads on.
        writer.write_all(&[0; 1 << 20]).unwrap();
        assert!(
            tokio::time::timeout(Duration::ZERO, &mut end)
                .await
                .is_err()
        );
        drop(writer);
        end.await;
    }
}
