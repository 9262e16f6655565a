//! Every command ends: at its deadline, by a signal, and without work that goes on in the background.
//!
//! The commands are processes, so their time is real. No result depends on how long something takes, because the commands
//! would never end by themselves.

use std::fs;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use meraki_mock::MockConfig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, mkfifo};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::{World, arguments, command, error, get_command, json};
use crate::guest;
use crate::support::{SERIAL, footage};

/// Far longer than any of the commands takes to end.
const HANGS: Duration = Duration::from_secs(120);

/// A command that does not end by itself, and what it needs.
struct Endless {
    name: &'static str,
    command: Command,
    _folder: TempDir,
    _world: World,
    _destination: Option<TcpListener>,
}

fn pipe(folder: &TempDir, name: &str) -> PathBuf {
    let pipe = folder.path().join(name);
    mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    pipe
}

fn file(folder: &TempDir, bytes: &[u8]) -> PathBuf {
    let file = folder.path().join("guest.wasm");
    fs::write(&file, bytes).unwrap();
    file
}

/// A server that answers after a day, and settings with which the calls wait for it.
async fn silent() -> World {
    let config = MockConfig::default().latency(Duration::from_secs(86_400));
    patient(World::with(config).await)
}

fn patient(world: World) -> World {
    world
        .set("MV_CLIP_DEADLINE_SECONDS", "86400")
        .set("MV_CLIP_ATTEMPT_TIMEOUT_SECONDS", "600")
}

/// All of them, with this deadline in seconds.
async fn endless(deadline: &str) -> Vec<Endless> {
    let window = footage(SERIAL);
    let (start, end) = (window.start.as_str(), window.end.as_str());
    let mut all = Vec::new();
    let mut add =
        |name, world: World, folder: TempDir, arguments: &[&str], component: Option<&Path>| {
            let mut command = command(&world, &[arguments, &["--deadline", deadline]].concat());
            if let Some(component) = component {
                command.env("MV_CLIP_COMPONENT", component);
                // The cache must not have it.
                command.env("MV_CLIP_CACHE", folder.path().join("cache"));
            }
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .kill_on_drop(true);
            all.push(Endless {
                name,
                command,
                _folder: folder,
                _world: world,
                _destination: None,
            });
        };
    let folder = || tempfile::tempdir().unwrap();
    let get = ["get", SERIAL, "--start", start, "--end", end];
    let spin = ["get", "spin", "--start", start, "--end", end];

    let (world, place) = (World::new().await, folder());
    let guest = file(&place, &guest::by_serial());
    add("a guest that spins", world, place, &spin, Some(&guest));

    let (world, place) = (World::new().await, folder());
    let guest = file(&place, &guest::never_starts());
    add(
        "a guest that never starts",
        world,
        place,
        &get,
        Some(&guest),
    );

    let (world, place) = (World::new().await, folder());
    let guest = file(&place, &guest::vast());
    add("a long compilation", world, place, &get, Some(&guest));

    let (world, place) = (World::new().await, folder());
    let guest = file(&place, &guest::vast());
    add(
        "a long inspection",
        world,
        place,
        &["inspect"],
        Some(&guest),
    );

    add("a silent server", silent().await, folder(), &get, None);

    // It blocks the only thread of the command.
    let (world, place) = (World::new().await, folder());
    let roots = pipe(&place, "roots.pem");
    let arguments = [&get[..], &["--ca-file", roots.to_str().unwrap()]].concat();
    add("a pipe as certificates", world, place, &arguments, None);

    for command in [
        &["incident", SERIAL, "--at", end],
        &["coverage", SERIAL, "--at", end],
        &["range", SERIAL, "--start", start, "--end", end][..],
    ] {
        let (world, place) = (silent().await, folder());
        let out = place.path().join("out");
        let arguments = [command, &["--out", out.to_str().unwrap()]].concat();
        add("a silent server of many", world, place, &arguments, None);
    }

    let demo = ["demo", SERIAL];
    add(
        "a silent server of a demo",
        silent().await,
        folder(),
        &demo,
        None,
    );

    let world = patient(World::new().await);
    let destination = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/clip", destination.local_addr().unwrap());
    let save = ["save", SERIAL, "--start", start, "--end", end, "--to", &url];
    add("an upload that nobody takes", world, folder(), &save, None);
    all.last_mut().unwrap()._destination = Some(destination);
    all
}

async fn ended(name: &str, child: Child) -> Output {
    let output = timeout(HANGS, child.wait_with_output()).await;
    output.unwrap_or_else(|_| panic!("{name} hangs")).unwrap()
}

#[tokio::test]
async fn every_command_ends_at_its_deadline() {
    for mut endless in endless("1").await {
        let name = endless.name;
        let output = ended(name, endless.command.spawn().unwrap()).await;
        let words = error(&output);
        assert_eq!(output.status.code(), Some(75), "{name}: {words}");
        assert!(
            words.contains("did not end by its deadline of 1 s"),
            "{name}: {words}"
        );
    }
}

/// It blocks the only thread of the command, as soon as something is logged.
#[tokio::test]
async fn a_deadline_holds_if_standard_error_accepts_nothing() {
    let (world, (_reader, mut full)) = (World::new().await, UnixStream::pair().unwrap());
    full.set_nonblocking(true).unwrap();
    while full.write(&[b'x'; 64]).is_ok() {}
    full.set_nonblocking(false).unwrap();
    let window = footage(SERIAL);
    let options = ["--start", &window.start, "--end", &window.end];
    let arguments = [&["get", SERIAL, "-vv", "--deadline", "1"], &options[..]].concat();
    let mut command = command(&world, &arguments);
    command
        .stdout(Stdio::null())
        .stderr(OwnedFd::from(full))
        .kill_on_drop(true);
    let output = ended("a command", command.spawn().unwrap()).await;
    assert_eq!(output.status.code(), Some(75));
}

/// Sends the signal as soon as the command waits for one, and returns what it printed.
async fn signalled(endless: &mut Endless, signals: &[Signal]) -> Output {
    let mut child = endless.command.arg("-v").spawn().unwrap();
    let process = Pid::from_raw(child.id().unwrap().try_into().unwrap());
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut words = String::new();
    let started = async {
        while !words.contains("command started") {
            assert_ne!(log.read_line(&mut words).await.unwrap(), 0, "{words}");
        }
    };
    timeout(HANGS, started).await.expect("the command starts");
    for signal in signals {
        kill(process, *signal).unwrap();
    }
    let mut output = ended(endless.name, child).await;
    log.read_to_string(&mut words).await.unwrap();
    output.stderr = words.into();
    output
}

#[tokio::test]
async fn every_command_ends_by_ctrl_c_and_by_sigterm() {
    for (signal, code, expected) in [
        (Signal::SIGTERM, 143, "error: terminated"),
        (Signal::SIGINT, 130, "error: interrupted"),
    ] {
        for mut endless in endless("80000").await {
            let output = signalled(&mut endless, &[signal]).await;
            let (name, words) = (endless.name, error(&output));
            assert_eq!(output.status.code(), Some(code), "{name}: {words}");
            assert!(words.contains(expected), "{name}: {words}");
        }
    }
}

#[tokio::test]
async fn a_second_signal_ends_a_command_too() {
    for mut endless in endless("80000").await {
        let signals = [Signal::SIGTERM, Signal::SIGINT];
        let output = signalled(&mut endless, &signals).await;
        let code = output.status.code();
        assert!(
            matches!(code, Some(130 | 143)),
            "{}: {code:?}",
            endless.name
        );
        let words = error(&output);
        assert!(
            words.contains("error: terminated") || words.contains("error: interrupted"),
            "{}: {words}",
            endless.name
        );
    }
}

#[tokio::test]
async fn the_mock_has_no_deadline_and_ends_by_sigterm() {
    let world = World::new().await;
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut mock = command(&world, &["mock", "--listen", "127.0.0.1:0", "--json"]);
        let mut mock = mock
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut first = String::new();
        let mut printed = BufReader::new(mock.stdout.take().unwrap());
        printed.read_line(&mut first).await.unwrap();
        assert!(first.contains("base_url"), "{first}");
        let process = Pid::from_raw(mock.id().unwrap().try_into().unwrap());
        kill(process, signal).unwrap();
        assert_eq!(ended("mock", mock).await.status.code(), Some(0));
    }
    let deadline = command(&world, &["mock", "--deadline", "1"]).output();
    assert_eq!(deadline.await.unwrap().status.code(), Some(2));
}

#[tokio::test]
async fn a_deadline_is_shown_and_is_an_error_in_json() {
    let world = World::new().await;
    for name in [
        "get", "save", "incident", "range", "coverage", "verify", "inspect", "demo",
    ] {
        let help = command(&world, &[name, "--help"]).output().await.unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        assert!(help.contains("Deadline without --deadline: "), "{help}");
    }
    let world = silent().await;
    let get = get_command(&world, SERIAL, &["--json", "--deadline", "1"])
        .stdout(Stdio::piped())
        .spawn();
    let output = ended("get", get.unwrap()).await;
    assert_eq!(output.status.code(), Some(75));
    assert_eq!(json(&output)["error"]["case"], "stopped");
}

/// A component that never ends is refused before it is opened.
#[tokio::test]
async fn what_is_no_component_is_refused_in_one_line() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let fifo = pipe(&folder, "pipe");
    let text = folder.path().join("text");
    fs::write(&text, "no component").unwrap();
    let window = footage(SERIAL);
    let get = arguments("get", &window);
    let module = folder.path().join("module");
    fs::write(&module, b"\0asm\x01\0\0\0").unwrap();
    let endless = Path::new("/dev/zero");
    for component in [endless, Path::new("."), &fifo, &text, &module] {
        for arguments in [&get[..], &["inspect"]] {
            let mut refused = command(&world, arguments);
            refused.env("MV_CLIP_COMPONENT", component);
            let child = refused
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .unwrap();
            let output = ended("a refused component", child).await;
            let words = error(&output);
            assert_eq!(output.status.code(), Some(1), "{words}");
            assert!(
                words.contains("is not a WebAssembly component") && words.contains("mv-clip.wasm"),
                "{words}"
            );
            assert_eq!(words.lines().count(), 1, "{words}");
        }
    }
}
