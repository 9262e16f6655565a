//! The password of a signing key.

use std::process::Stdio;

use minisign::KeyPair;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::command::{command, json, run, words};
use super::signed::{Case, Keys, pairs};
use crate::support::SERIAL;
use crate::terminal;

/// What the terminal shows first.
const PROMPT: &str = "Password of the signing key";

const PASSWORD: &str = "5ec2e7 pässword";

async fn case() -> Case {
    let pair = KeyPair::generate_encrypted_keypair(Some(PASSWORD.to_owned())).unwrap();
    Case::with(Keys::of(&pair)).await
}

#[tokio::test]
async fn a_password_in_a_file_opens_the_key_and_is_printed_nowhere() {
    let case = case().await;
    // As `pass show` prints it, with more lines.
    let file = case
        .keys
        .file("password", &format!("{PASSWORD}\nurl: none\n"));
    let options = [
        "--sign",
        &case.keys.secret,
        "--sign-password-file",
        &file,
        "-vv",
    ];
    let output = case.fills(SERIAL, &options).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(pairs(&case.differences().await), []);
    let mut printed = words(&output.stderr) + &words(&output.stdout);
    for name in case.names() {
        printed += &String::from_utf8_lossy(&std::fs::read(case.path(&name)).unwrap());
    }
    assert!(!printed.contains("5ec2e7"));
}

#[tokio::test]
async fn a_password_that_is_wrong_or_missing_ends_the_run_before_any_request() {
    let case = case().await;
    let wrong = case.keys.file("wrong", "5ec2e8\n");
    let second = case.keys.file("second", &format!("\n{PASSWORD}\n"));
    let none = "/none/at/all";
    let open = case.keys.file("open", PASSWORD);
    std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    for (file, expected) in [
        (&*wrong, "the password does not open the signing key in "),
        (&second, "the password does not open the signing key in "),
        (&open, "is open to other users"),
        (none, "cannot read the password of the signing key"),
    ] {
        let options = [
            "--sign",
            &case.keys.secret,
            "--sign-password-file",
            file,
            "--json",
        ];
        let output = case.fills(SERIAL, &options).await;
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let error = json(&output)["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(
            error.contains(expected) && !error.contains("5ec2e"),
            "{error}"
        );
    }
    // Without a terminal.
    let arguments = case.arguments(SERIAL, &["--sign", &case.keys.secret]);
    let program = command(&case.world, &arguments);
    let mut detached = tokio::process::Command::new("setsid");
    detached.arg("--wait").arg(program.as_std().get_program());
    detached.args(program.as_std().get_args()).env_clear();
    let variables = program.as_std().get_envs();
    detached.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    let output = detached.stdin(Stdio::null()).output().await.unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let error = words(&output.stderr);
    assert!(error.contains("--sign-password-file"), "{error}");
    assert_eq!(case.names(), [""; 0]);
    assert_eq!(case.asked(), 0);
}

#[tokio::test]
async fn a_password_file_without_a_key_is_a_mistake() {
    let case = case().await;
    let file = case.keys.file("password", PASSWORD);
    let output = run(
        &case.world,
        &case.arguments(SERIAL, &["--sign-password-file", &file]),
    )
    .await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

/// Runs a command at a terminal, types something when it is asked for the password, and gives what the terminal shows.
/// The last line is the state of the terminal. `None`, with a word, if nothing can make a terminal.
async fn at_a_terminal(case: &Case, options: &[&str], typed: &[u8]) -> Option<String> {
    let arguments = case.arguments(SERIAL, &["--sign", &case.keys.secret]);
    let program = command(&case.world, &[&arguments, options].concat());
    let line = terminal::line(&program);
    // The shell outlives Ctrl-C.
    let line = format!("trap : INT; {line}; echo code $?; stty -a | grep -o -e '-*\\becho\\b'");
    let mut terminal = terminal::script(&line, &program)?;
    let mut child = terminal.spawn().unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut shown = Vec::new();
    let mut has_typed = false;
    while output.read_buf(&mut shown).await.unwrap() > 0 {
        if !has_typed && String::from_utf8_lossy(&shown).contains(PROMPT) {
            input.write_all(typed).await.unwrap();
            has_typed = true;
        }
    }
    Some(String::from_utf8_lossy(&shown).replace('\r', ""))
}

#[tokio::test]
async fn the_terminal_is_asked_for_the_password_and_does_not_show_it() {
    let case = case().await;
    let Some(shown) = at_a_terminal(&case, &[], format!("{PASSWORD}\n").as_bytes()).await else {
        return;
    };
    assert!(shown.contains(PROMPT), "{shown}");
    assert!(shown.ends_with("code 0\necho\n"), "{shown}");
    assert!(!shown.contains("5ec2e7"), "{shown}");
    assert_eq!(pairs(&case.differences().await), []);
}

#[tokio::test]
async fn a_terminal_shows_again_what_is_typed_after_ctrl_c_at_the_password() {
    let case = case().await;
    let Some(shown) = at_a_terminal(&case, &[], b"\x03").await else {
        return;
    };
    assert!(shown.contains(PROMPT), "{shown}");
    assert!(shown.ends_with("code 130\necho\n"), "{shown}");
    assert_eq!(case.names(), [""; 0]);
    assert_eq!(case.asked(), 0);
}

#[tokio::test]
async fn what_is_typed_and_is_no_password_is_told_from_a_missing_terminal() {
    let case = case().await;
    for (typed, expected) in [
        (&b"\x04"[..], "no password was typed"),
        (b"\xff\n", "not text in UTF-8"),
    ] {
        let Some(shown) = at_a_terminal(&case, &[], typed).await else {
            return;
        };
        assert!(shown.contains(expected), "{shown}");
        assert!(shown.ends_with("code 2\necho\n"), "{shown}");
    }
    assert_eq!(case.asked(), 0);
}

/// The thread that reads the password is still at it when the process ends.
#[tokio::test]
async fn a_terminal_shows_again_what_is_typed_after_the_deadline_at_the_password() {
    let case = case().await;
    let Some(shown) = at_a_terminal(&case, &["--deadline", "2"], b"").await else {
        return;
    };
    assert!(shown.contains(PROMPT), "{shown}");
    assert!(shown.ends_with("code 75\necho\n"), "{shown}");
    assert_eq!(case.asked(), 0);
}
