//! Where the command line takes the API key from.

use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use meraki_mock::Authorization;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::sleep;

use super::{KEY, arguments, command, error, get_command, json, mv_clip};
use crate::support::{SERIAL, World, footage};

const KEY_FILE: &str = "MERAKI_DASHBOARD_API_KEY_FILE";

/// A private file with this content.
fn file(folder: &TempDir, name: &str, content: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    path
}

/// Runs `get` without a key in the environment, but for these variables.
async fn get(world: &World, options: &[&str], variables: &[(&str, &Path)]) -> Output {
    let mut command = get_command(world, SERIAL, options);
    command.env_remove(KEY).envs(variables.iter().copied());
    command.output().await.unwrap()
}

fn has_key(world: &World, output: &Output) -> bool {
    assert!(
        !error(output).contains(world.mock.key()),
        "{}",
        error(output)
    );
    let requests = world.mock.take_requests();
    let right = requests.first().map(|request| request.authorization) == Some(Authorization::Right);
    assert_eq!(right, output.status.success(), "{}", error(output));
    right
}

#[tokio::test]
async fn the_first_source_of_the_key_counts() {
    let world = World::new().await;
    let folder = TempDir::new().unwrap();
    let right = file(&folder, "right", &format!("{}\n", world.mock.key()));
    let wrong = file(&folder, "wrong", "wrong-key");
    let services = TempDir::new().unwrap();
    file(&services, "meraki-dashboard-api-key", world.mock.key());
    let [right_file, wrong_file] = [&right, &wrong].map(|path| path.to_str().unwrap());
    let (option, service) = ("--key-file", ("CREDENTIALS_DIRECTORY", services.path()));
    let value = Path::new(world.mock.key());
    type Variables<'a> = &'a [(&'a str, &'a Path)];
    let cases: [(&str, &[&str], Variables<'_>, bool); 9] = [
        ("option", &[option, right_file], &[], true),
        ("variable", &[], &[(KEY_FILE, &right)], true),
        ("service", &[], &[service], true),
        ("environment", &[], &[(KEY, value)], true),
        (
            "option before all",
            &[option, right_file],
            &[(KEY_FILE, &wrong), service],
            true,
        ),
        (
            "a wrong option",
            &[option, wrong_file],
            &[(KEY_FILE, &right), service],
            false,
        ),
        (
            "variable before service",
            &[],
            &[(KEY_FILE, &wrong), service],
            false,
        ),
        (
            "the same twice",
            &[option, right_file],
            &[(KEY, value)],
            true,
        ),
        (
            "service of others",
            &[],
            &[("CREDENTIALS_DIRECTORY", folder.path()), (KEY, value)],
            true,
        ),
    ];
    for (case, options, variables, expected) in cases {
        for mode in ["injection", "placeholder", "environment"] {
            let options = [options, &["--key-mode", mode]].concat();
            let output = get(&world, &options, variables).await;
            assert_eq!(
                has_key(&world, &output),
                expected,
                "{case} {mode}: {}",
                error(&output)
            );
        }
    }
}

#[tokio::test]
async fn two_different_keys_are_refused() {
    let world = World::new().await;
    let folder = TempDir::new().unwrap();
    let right = file(&folder, "right", world.mock.key());
    let other = Path::new("5ec2e7-other");
    for variables in [
        [(KEY_FILE, right.as_path()), (KEY, other)],
        [(KEY, Path::new("5ec2e7\n")), (KEY_FILE, &right)],
    ] {
        let output = get(&world, &[], &variables).await;
        let error = error(&output);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(KEY), "{error}");
        assert!(!error.contains("5ec2e7"), "{error}");
    }
    let output = get(&world, &["--json"], &[(KEY_FILE, &right), (KEY, other)]).await;
    let message = json(&output).to_string();
    assert!(message.contains("different keys"), "{message}");
    assert!(world.mock.requests().is_empty());
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named() {
    let world = World::new().await;
    let folder = TempDir::new().unwrap();
    let open = file(&folder, "open", world.mock.key());
    fs::set_permissions(&open, Permissions::from_mode(0o644)).unwrap();
    let empty = file(&folder, "empty", "\n");
    let none = folder.path().join("none");
    for (path, words) in [
        (open.as_path(), "chmod 600"),
        (&empty, "holds no API key"),
        (&none, "No such file"),
        (folder.path(), "neither a file nor a pipe"),
    ] {
        let output = get(&world, &["--key-file", path.to_str().unwrap()], &[]).await;
        let error = error(&output);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(
            error.contains(words) && error.contains(path.to_str().unwrap()),
            "{error}"
        );
    }
    let output = get(&world, &[], &[]).await;
    let error = error(&output);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(
        error.contains("MERAKI_DASHBOARD_API_KEY is not set"),
        "{error}"
    );
    assert!(error.contains("--key-file"), "{error}");
    assert!(world.mock.requests().is_empty());
}

/// What is not there is passed over, and what cannot be looked at is an error.
#[tokio::test]
async fn a_credential_that_cannot_be_looked_up_is_an_error() {
    let world = World::new().await;
    let folder = TempDir::new().unwrap();
    let no_folder = file(&folder, "file", "");
    let variables = [
        ("CREDENTIALS_DIRECTORY", no_folder.as_path()),
        (KEY, Path::new(world.mock.key())),
    ];
    let output = get(&world, &[], &variables).await;
    let error = error(&output);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains(no_folder.to_str().unwrap()), "{error}");
    assert!(world.mock.requests().is_empty());
}

/// The mock accepts the key from the file alone, in each command that needs one.
#[tokio::test]
async fn every_command_takes_the_key_from_a_file() {
    let world = World::new().await.unset(KEY);
    let folder = TempDir::new().unwrap();
    let key = file(&folder, "key", world.mock.key());
    let (key, out) = (key.to_str().unwrap(), folder.path().join("out"));
    let window = footage(SERIAL);
    let out = ["--out", out.to_str().unwrap()];
    let clip = |command| arguments(command, &window).to_vec();
    for arguments in [
        clip("get"),
        [clip("range"), out.to_vec()].concat(),
        [["incident", SERIAL, "--at", &window.start].as_slice(), &out].concat(),
        [["coverage", SERIAL, "--at", &window.start].as_slice(), &out].concat(),
    ] {
        let arguments = [arguments.as_slice(), &["--key-file", key]].concat();
        let output = mv_clip(&world, &arguments).await;
        assert_eq!(
            output.status.code(),
            Some(0),
            "{arguments:?}: {}",
            error(&output)
        );
        assert!(!error(&output).contains(world.mock.key()));
    }
}

/// A pipe that nobody writes to.
#[tokio::test]
async fn ctrl_c_ends_the_wait_for_a_key() {
    let world = World::new().await.unset(KEY);
    let folder = TempDir::new().unwrap();
    let (pipe, out) = (folder.path().join("pipe"), folder.path().join("out"));
    let made = Command::new("mkfifo").arg(&pipe).status().await.unwrap();
    assert!(made.success());
    let window = footage(SERIAL);
    let (pipe, out) = (pipe.to_str().unwrap(), out.to_str().unwrap());
    let arguments = [
        "incident",
        SERIAL,
        "--at",
        &window.start,
        "--out",
        out,
        "--key-file",
        pipe,
    ];
    let mut command = command(&world, &arguments);
    let mut child = command.kill_on_drop(true).spawn().unwrap();
    // Fails until the command reads.
    let mut open = OpenOptions::new();
    open.write(true).custom_flags(nix::libc::O_NONBLOCK);
    let _silent = loop {
        match open.open(pipe) {
            Ok(writer) => break writer,
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    };
    let id = Pid::from_raw(child.id().unwrap().try_into().unwrap());
    kill(id, Signal::SIGINT).unwrap();
    assert_eq!(child.wait().await.unwrap().code(), Some(130));
}
