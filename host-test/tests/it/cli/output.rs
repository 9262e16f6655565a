//! What is printed, and the exit code if it cannot be printed.

use std::fs::{File, OpenOptions};
use std::process::{Output, Stdio};

use tokio::process::Command;

use super::{World, command, error, get_command};
use crate::support::{SERIAL, footage};

fn full() -> Stdio {
    OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap()
        .into()
}

/// A pipe whose reader is closed.
fn closed_pipe() -> Stdio {
    let (_, writer) = std::io::pipe().unwrap();
    writer.into()
}

/// Unlike `Command::output`, does not replace stdout and stderr with pipes.
async fn output(mut command: Command, stdout: Stdio, stderr: Stdio) -> Output {
    let child = command
        .stdout(stdout)
        .stderr(stderr)
        .kill_on_drop(true)
        .spawn();
    child.unwrap().wait_with_output().await.unwrap()
}

/// Commands that print to standard output and succeed, with their arguments.
const SUCCEED: [&[&str]; 6] = [
    &["inspect"],
    &["inspect", "--json"],
    &["demo"],
    &["--help"],
    &["get", "--help"],
    &["--version"],
];

/// Runs with and without `--json`.
async fn get_codes(stdout: fn() -> Stdio) -> Vec<(Option<i32>, String)> {
    let world = World::new().await;
    let mut results = Vec::new();
    for options in [[].as_slice(), &["--json"]] {
        let get = get_command(&world, SERIAL, options);
        let output = output(get, stdout(), Stdio::piped()).await;
        results.push((output.status.code(), error(&output)));
    }
    results
}

#[tokio::test]
async fn an_unwritable_stdout_is_a_failure() {
    let read_only: fn() -> Stdio = || File::open("/dev/null").unwrap().into();
    for stdout in [full, read_only] {
        let world = World::new().await;
        let mut results = get_codes(stdout).await;
        for arguments in SUCCEED {
            let command = command(&world, arguments);
            let output = output(command, stdout(), Stdio::piped()).await;
            results.push((output.status.code(), error(&output)));
        }
        for (code, error) in results {
            assert_eq!(code, Some(1), "{error}");
            assert!(error.contains("cannot write to standard output"), "{error}");
        }
    }
}

/// The same command, run by a shell with a redirection.
fn redirected(command: &Command, redirection: &str) -> Command {
    let command = command.as_std();
    let variables = command.get_envs();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("\"$0\" \"$@\" {redirection}")])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(variables.filter_map(|(name, value)| Some((name, value?))));
    shell
}

#[tokio::test]
async fn get_with_a_closed_stdout_fails_before_a_request() {
    let world = World::new().await;
    for options in [&[][..], &["--json"]] {
        let get = redirected(&get_command(&world, SERIAL, options), ">&-");
        let output = output(get, Stdio::piped(), Stdio::piped()).await;
        let words = error(&output);
        assert_eq!(output.status.code(), Some(1), "{words}");
        if options.is_empty() {
            let expected = "error: cannot write to standard output: it is closed";
            assert!(words.starts_with(expected), "{words}");
        }
    }
    assert_eq!(world.mock.requests().len(), 0);
}

/// Python and Node.js open it for reading and writing to discard the output of a command.
#[tokio::test]
async fn stdout_may_lead_to_dev_null() {
    let world = World::new().await;
    for redirection in ["> /dev/null", "1<> /dev/null"] {
        for arguments in SUCCEED {
            let command = redirected(&command(&world, arguments), redirection);
            let output = output(command, Stdio::piped(), Stdio::piped()).await;
            assert_eq!(output.status.code(), Some(0), "{arguments:?}");
            assert_eq!(error(&output), "", "{arguments:?}");
        }
    }
}

#[tokio::test]
async fn footage_is_kept_if_the_summary_cannot_be_printed() {
    let world = World::new().await;
    let at = footage(SERIAL).start;
    for options in [&[][..], &["--json"]] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().to_str().unwrap();
        let incident = ["incident", SERIAL, "--at", &at, "--out", out];
        let incident = command(&world, &[&incident, options].concat());
        let printed = output(incident, full(), Stdio::piped()).await;
        let words = error(&printed);
        assert_eq!(printed.status.code(), Some(1), "{words}");
        assert!(words.contains("cannot write to standard output"), "{words}");
        let verify = command(&world, &["verify", out]).output().await.unwrap();
        assert_eq!(verify.status.code(), Some(0), "{}", error(&verify));
    }
}

#[tokio::test]
async fn a_mock_that_cannot_print_its_url_exits() {
    let world = World::new().await;
    for options in [[].as_slice(), &["--json"]] {
        let arguments = [&["mock", "--listen", "127.0.0.1:0"], options].concat();
        let mock = command(&world, &arguments);
        let output = output(mock, full(), Stdio::piped()).await;
        assert_eq!(output.status.code(), Some(1), "{}", error(&output));
    }
}

#[tokio::test]
async fn a_closed_pipe_is_not_an_error() {
    let world = World::new().await;
    let mut results = get_codes(closed_pipe).await;
    for arguments in SUCCEED {
        let command = command(&world, arguments);
        let output = output(command, closed_pipe(), Stdio::piped()).await;
        results.push((output.status.code(), error(&output)));
    }
    for result in results {
        assert_eq!(result, (Some(0), String::new()));
    }
}

#[tokio::test]
async fn an_unwritable_stderr_changes_nothing() {
    for stderr in [full, closed_pipe] {
        let world = World::new().await;
        for (serial, options, expected) in [
            (SERIAL, &["-vv"], 0),
            ("Q2XX-NONE-0000", &["-vv"], 1),
            (SERIAL, &["--no-such-option"], 2),
        ] {
            let get = get_command(&world, serial, options);
            let output = output(get, Stdio::piped(), stderr()).await;
            assert_eq!(output.status.code(), Some(expected));
        }
        let verify = command(&world, &["verify", "/no/such/folder"]);
        let output = output(verify, Stdio::piped(), stderr()).await;
        assert_eq!(output.status.code(), Some(1));
    }
}

/// Sets the title of a terminal, clears the screen, and reorders text.
const EVIL: &str = "a\u{1b}]0;t\u{7}\u{1b}[2J\r\u{9b}1A\u{202e}b\u{2066}\u{200f}\u{61c}\u{2028}c";

#[track_caller]
fn assert_neutral(bytes: &[u8], contains: &str) {
    let text = str::from_utf8(bytes).unwrap();
    let is_allowed = |c| c == '\n' || mv_clip_core::text::is_printable(c);
    assert!(text.chars().all(is_allowed), "{text:?}");
    assert!(text.contains(contains), "{text:?}");
}

#[tokio::test]
async fn untrusted_text_does_not_control_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(EVIL);
    let evil = path.to_str().unwrap();
    let world = World::new().await;
    let run = async |arguments: &[&str]| command(&world, arguments).output().await.unwrap();

    // The name of a file in an error, in usage, and in help.
    let output = run(&["inspect", "--component", evil]).await;
    assert_neutral(&output.stderr, "b\u{fffd}");
    // Of these, clap removes escape sequences itself.
    let output = run(&["inspect", EVIL]).await;
    assert_neutral(&output.stderr, "b\u{fffd}");
    let mut help = command(&world, &["get", "--help"]);
    let output = help.env("MV_CLIP_CACHE", EVIL).output().await.unwrap();
    assert_neutral(&output.stdout, "b\u{fffd}");

    // A file that a folder should not have.
    let manifest =
        r#"{"format":1,"updated_at":"2026-03-12T14:30:00.000Z","files":[],"failures":[]}"#;
    std::fs::write(folder.path().join("manifest.json"), manifest).unwrap();
    std::fs::write(&path, "").unwrap();
    let verify = ["verify", folder.path().to_str().unwrap(), "--json"];
    let output = run(&verify[..2]).await;
    assert_neutral(&output.stderr, "c: is not in the log");
    let output = run(&verify).await;
    assert_neutral(&output.stdout, r"a\u001b]0;t\u0007");
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["differences"][0]["name"], EVIL);

    // The log: a cache that is not a folder is a warning.
    let mut get = get_command(&world, SERIAL, &["--cache", evil]);
    let output = get.output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", error(&output));
    // tracing escapes some of it itself.
    assert_neutral(&output.stderr, "1A\u{fffd}b\u{fffd}");

    // A setting in standard output.
    let mut demo = command(&world, &["demo", SERIAL]);
    let output = demo.env("MERAKI_BASE_URL", EVIL).output().await.unwrap();
    assert_neutral(&output.stdout, "a\u{fffd}]0;t");
}

#[tokio::test]
async fn lines_of_a_message_do_not_look_like_messages() {
    let world = World::new().await;
    let name = "x\nerror: forged";
    let output = command(&world, &["inspect", "--component", name]).output();
    let error = error(&output.await.unwrap());
    assert!(error.contains("x\n  error: forged"), "{error}");
}

#[tokio::test]
async fn arguments_and_names_do_not_look_like_messages() {
    let world = World::new().await;
    let parent = tempfile::tempdir().unwrap();
    let forged = "x\u{1b}[m\nerror: forged";
    let run = async |arguments: &[&str]| command(&world, arguments).output().await.unwrap();
    let no_line_is_forged = |output: &Output| {
        for bytes in [&output.stdout, &output.stderr] {
            let text = str::from_utf8(bytes).unwrap();
            assert!(!text.contains("\nerror: forged"), "{text}");
        }
    };
    // What clap repeats of the arguments.
    for arguments in [
        &[forged][..],
        &["get", SERIAL, "--key-mode", forged],
        &["mock", &format!("--listen={forged}")],
    ] {
        let output = run(arguments).await;
        assert_eq!(output.status.code(), Some(2));
        assert!(error(&output).contains("error: forged"));
        no_line_is_forged(&output);
    }
    // The summary of a command.
    let folder = parent.path().join(forged);
    let folder = folder.to_str().unwrap();
    let at = footage(SERIAL).start;
    let output = run(&["incident", SERIAL, "--at", &at, "--out", folder]).await;
    let summary = str::from_utf8(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", error(&output));
    no_line_is_forged(&output);
    // The printed command finds the folder.
    let (_, verify) = summary.split_once("Verify: mv-clip ").unwrap();
    let program = env!("CARGO_BIN_EXE_mv-clip");
    let script = format!("{program} {verify}");
    let output = Command::new("bash").args(["-c", &script]).output();
    assert_eq!(output.await.unwrap().status.code(), Some(0), "{script}");
    // A file that the manifest does not have.
    std::fs::write(format!("{folder}/error: forged"), "").unwrap();
    let output = run(&["verify", folder]).await;
    assert!(error(&output).starts_with("difference: "), "{output:?}");
}

#[tokio::test]
async fn sizes_that_no_file_has_do_not_end_in_a_panic() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let at = footage(SERIAL).start;
    let out = folder.path().to_str().unwrap();
    let incident = ["incident", SERIAL, "--at", &at, "--out", out];
    let run = async |arguments: &[&str]| command(&world, arguments).output().await.unwrap();
    assert_eq!(run(&incident).await.status.code(), Some(0));
    let file = folder.path().join("manifest.json");
    let manifest = std::fs::read_to_string(&file).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let mut other = manifest["files"][0].clone();
    other["serial"] = "Q2XX-ABCD-9999".into();
    for entry in [&mut manifest["files"][0], &mut other] {
        entry["size"] = u64::MAX.into();
    }
    manifest["files"].as_array_mut().unwrap().push(other);
    std::fs::write(&file, manifest.to_string()).unwrap();
    for arguments in [&incident[..], &["verify", out]] {
        let output = run(arguments).await;
        let code = output.status.code();
        assert!(matches!(code, Some(0 | 1)), "{code:?}: {}", error(&output));
    }
}
