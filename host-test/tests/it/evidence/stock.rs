//! minisign itself agrees with what is signed and verified here.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use super::command::words;
use super::signed::{Case, LOG, OTHER, SIGNATURE, pairs};
use crate::support::SERIAL;

/// Runs minisign; `None`, with a word, if there is none. Without a terminal, it reads a password from its input.
fn minisign(arguments: &[&str], input: &str) -> Option<Output> {
    let mut command = Command::new("minisign");
    command.args(arguments).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            println!("skipped: there is no minisign ({error}; Debian: apt-get install minisign)");
            return None;
        }
    };
    // It does not always read all of it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    Some(child.wait_with_output().unwrap())
}

#[tokio::test]
async fn minisign_verifies_our_signature() {
    let case = Case::signed_twice().await;
    let log = case.path(LOG);
    let log = log.to_str().unwrap();
    for key in [["-p", &case.keys.public], ["-P", &case.keys.line]] {
        let verify = [&["-V", "-m", log], &key[..]].concat();
        let Some(output) = minisign(&verify, "") else {
            return;
        };
        assert!(output.status.success(), "{output:?}");
        let printed = words(&output.stdout);
        assert!(printed.contains("lines:9"), "{printed}");
    }
    // And not after a run that did not sign.
    case.fills("Q2MV-MOCK-0004.2", &[]).await;
    let output = minisign(&["-V", "-m", log, "-P", &case.keys.line], "").unwrap();
    assert!(!output.status.success(), "{output:?}");
}

#[tokio::test]
async fn a_signature_by_minisign_is_verified() {
    let case = Case::new().await;
    case.fills(SERIAL, &[]).await;
    let log = case.path(LOG);
    let sign = ["-S", "-s", &case.keys.secret, "-m", log.to_str().unwrap()];
    let Some(output) = minisign(&sign, "") else {
        return;
    };
    assert!(output.status.success(), "{output:?}");
    assert_eq!(pairs(&case.differences().await), []);
    // One of the legacy kind is over the file instead of its hash.
    let legacy = minisign(&[&["-l"], &sign[..]].concat(), "").unwrap();
    assert!(legacy.status.success(), "{legacy:?}");
    assert_eq!(
        pairs(&case.differences().await),
        [(SIGNATURE, "not-a-signature")]
    );
    minisign(&sign, "").unwrap();
    // It says no length, so it is over the whole log.
    case.fills(OTHER, &[]).await;
    assert_eq!(
        pairs(&case.differences().await),
        [(SIGNATURE, "not-as-signed")]
    );
}

#[tokio::test]
async fn keys_made_by_minisign_sign() {
    let case = Case::new().await;
    let (secret, public) = (case.keys.file("own", ""), case.keys.file("own.pub", ""));
    let password = "correct horse";
    let file = case.keys.file("password", &format!("{password}\n"));
    let input = format!("{password}\n{password}\n");
    for (without, input, options) in [
        (&["-W"][..], "", &[][..]),
        (&[], &*input, &["--sign-password-file", &*file]),
    ] {
        let make = [&["-G", "-f", "-s", &secret, "-p", &public], without].concat();
        let Some(output) = minisign(&make, input) else {
            return;
        };
        assert!(output.status.success(), "{output:?}");
        let output = case
            .fills(SERIAL, &[&["--sign", &secret], options].concat())
            .await;
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let verified = case.verifies(&["--key", &public]).await;
        assert_eq!(verified.status.code(), Some(0), "{verified:?}");
        let log = case.path(LOG);
        let verify = ["-V", "-m", log.to_str().unwrap(), "-p", &public];
        assert!(minisign(&verify, "").unwrap().status.success());
    }
}
