//! Attacks on a signed folder, by somebody who can write to it and does not have the key.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::command::{json as parsed, words};
use super::signed::{Case, Keys, LOG, OTHER, SIGNATURE, pairs};
use crate::support::SERIAL;

fn sha256(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn lines(case: &Case) -> Vec<Value> {
    let log = case.read(LOG);
    log.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Writes the log anew, with a chain that fits.
fn rewrite(case: &Case, lines: Vec<Value>) {
    let mut log = String::new();
    for mut line in lines {
        if line["type"] == "run" && !log.is_empty() {
            line["previous"] = sha256(&log).into();
        }
        log.push_str(&format!("{line}\n"));
    }
    case.write(LOG, log);
}

/// The names of the files of a camera.
fn files_of(case: &Case, camera: &str) -> Vec<String> {
    let serial = camera.split('.').next().unwrap();
    let names = case.names().into_iter();
    names.filter(|name| name.starts_with(serial)).collect()
}

/// The differences in the log and its proofs.
async fn in_log(case: &Case) -> Vec<(String, String)> {
    let found = case.differences().await.into_iter();
    found.filter(|(name, _)| name.starts_with(LOG)).collect()
}

/// A run that signs does not vouch for what somebody else wrote.
async fn assert_not_signed_again(case: &Case) {
    let (asked, before) = (case.asked(), case.read(LOG));
    let output = case.fills(SERIAL, &["--sign", &case.keys.secret]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(case.asked(), asked);
    assert_eq!(case.read(LOG), before);
}

#[tokio::test]
async fn a_line_that_was_dropped_from_the_middle_is_found() {
    let case = Case::signed_twice().await;
    let log = case.read(LOG);
    let dropped = log.lines().nth(1).unwrap();
    case.write(LOG, log.replacen(&format!("{dropped}\n"), "", 1));
    let found = case.differences().await;
    let mut expected: Vec<_> = files_of(&case, SERIAL);
    expected.sort();
    let expected: Vec<_> = expected.iter().map(|name| (&**name, "extra")).collect();
    let of_log = [(LOG, "log"), (SIGNATURE, "not-as-signed")];
    assert_eq!(pairs(&found), [expected, of_log.to_vec()].concat());
    let told = words(&case.verifies(&["--key", &case.keys.line]).await.stderr);
    assert!(
        told.contains("8 lines are there, and 9 were signed"),
        "{told}"
    );
    assert_not_signed_again(&case).await;
}

#[tokio::test]
async fn a_last_line_that_was_dropped_is_found() {
    let case = Case::signed_twice().await;
    let mut all = lines(&case);
    all.pop();
    rewrite(&case, all);
    assert_eq!(
        pairs(&case.differences().await),
        [(SIGNATURE, "not-as-signed")]
    );
    assert_not_signed_again(&case).await;
}

/// The clip of a camera is left out of the log and of the folder. Without the signature, nothing shows.
#[tokio::test]
async fn a_log_that_was_written_anew_is_found() {
    let case = Case::signed_twice().await;
    let serial = OTHER.split('.').next().unwrap();
    let kept = lines(&case).into_iter();
    let kept = kept.filter(|line| !line.to_string().contains(serial));
    rewrite(
        &case,
        kept.filter(|line| line["type"] != "summary").collect(),
    );
    for name in files_of(&case, OTHER) {
        std::fs::remove_file(case.path(&name)).unwrap();
    }
    assert_eq!(case.verifies(&[]).await.status.code(), Some(0));
    assert_eq!(
        pairs(&case.differences().await),
        [(SIGNATURE, "not-as-signed")]
    );
    assert_not_signed_again(&case).await;
}

#[tokio::test]
async fn a_clip_that_was_replaced_with_all_records_of_it_is_found() {
    let case = Case::new().await;
    case.signs(SERIAL).await;
    let clip = files_of(&case, SERIAL).pop().unwrap();
    assert!(clip.ends_with(".ts"));
    let mut bytes = std::fs::read(case.path(&clip)).unwrap();
    bytes[30_000] ^= 1;
    let before = sha256(std::fs::read(case.path(&clip)).unwrap());
    let after = sha256(&bytes);
    case.write(&clip, bytes);
    for name in ["manifest.json", "report.html"] {
        case.write(name, case.read(name).replace(&before, &after));
    }
    let mut all = lines(&case);
    for line in &mut all {
        *line = serde_json::from_str(&line.to_string().replace(&before, &after)).unwrap();
        for file in line["files"].as_array_mut().into_iter().flatten() {
            file["sha256"] = sha256(case.read(file["name"].as_str().unwrap())).into();
        }
    }
    rewrite(&case, all);
    let unsigned = case.verifies(&[]).await;
    assert_eq!(unsigned.status.code(), Some(0), "{unsigned:?}");
    assert_eq!(
        pairs(&case.differences().await),
        [(SIGNATURE, "not-as-signed")]
    );
    let told = words(&case.verifies(&["--key", &case.keys.line]).await.stderr);
    assert!(
        told.contains("of its first 4 lines, some were changed"),
        "{told}"
    );
    assert_not_signed_again(&case).await;
}

#[tokio::test]
async fn lines_in_another_order_are_found() {
    let case = Case::signed_twice().await;
    let log = case.read(LOG);
    let mut all: Vec<_> = log.lines().collect();
    all.swap(6, 7);
    case.write(LOG, all.join("\n") + "\n");
    assert_eq!(
        pairs(&case.differences().await),
        [(SIGNATURE, "not-as-signed")]
    );
    // The signature of the first run is in the log, and says where the change is not.
    let told = words(&case.verifies(&["--key", &case.keys.line]).await.stderr);
    let expected = "Lines 1 to 4 are as an earlier signature has them";
    assert!(told.contains(expected), "{told}");
    assert_not_signed_again(&case).await;
}

#[tokio::test]
async fn lines_that_were_added_are_found() {
    let case = Case::signed_twice().await;
    let log = case.read(LOG);
    let mut added: Value = lines(&case)[1].clone();
    added["type"] = "kept".into();
    case.write(LOG, format!("{log}{added}\n"));
    assert_eq!(pairs(&case.differences().await), [(LOG, "added-lines")]);
    assert_eq!(case.verifies(&[]).await.status.code(), Some(0));
    // A clip that was smuggled in, with a line of its own.
    let clip = files_of(&case, SERIAL).pop().unwrap();
    let mut added = lines(&case)[1].clone();
    added["sha256"] = sha256("other").into();
    added["size"] = 5.into();
    case.write(&clip, "other");
    case.write(LOG, format!("{log}{added}\n"));
    let found = case.differences().await;
    assert_eq!(
        found.last(),
        Some(&(LOG.to_owned(), "added-lines".to_owned()))
    );
    assert!(
        found.contains(&(clip, "added-file".to_owned())),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_signature_by_another_key_is_not_trusted() {
    let case = Case::new().await;
    case.signs(SERIAL).await;
    let other = Keys::new();
    let signed = case.fills(SERIAL, &["--sign", &other.secret]).await;
    assert_eq!(signed.status.code(), Some(0));
    let note = words(&signed.stderr);
    let expected = format!(
        "signed with another key, {}; its signature stays",
        case.keys.id
    );
    assert!(note.contains(&expected), "{note}");
    assert_eq!(pairs(&case.differences().await), [(SIGNATURE, "other-key")]);
    let told = words(&case.verifies(&["--key", &case.keys.line]).await.stderr);
    assert!(
        told.contains(&other.id) && told.contains(&case.keys.id),
        "{told}"
    );
}

/// Also if the key's identifier in the signature is set to that of the trusted key.
#[tokio::test]
async fn a_key_is_trusted_for_itself_and_not_for_its_name() {
    let case = Case::new().await;
    let other = Keys::new();
    case.fills(SERIAL, &["--sign", &other.secret]).await;
    let signature = case.read(SIGNATURE);
    let mut all: Vec<_> = signature.lines().map(str::to_owned).collect();
    let base64 = &data_encoding::BASE64;
    let mut bytes = base64.decode(all[1].as_bytes()).unwrap();
    let public = base64.decode(case.keys.line.as_bytes()).unwrap();
    bytes[2..10].copy_from_slice(&public[2..10]);
    all[1] = base64.encode(&bytes);
    case.write(SIGNATURE, all.join("\n") + "\n");
    assert_eq!(
        pairs(&case.differences().await),
        [(SIGNATURE, "not-as-signed")]
    );
}

#[tokio::test]
async fn the_signature_of_another_log_is_not_taken() {
    let case = Case::signed_twice().await;
    let other = Case::new().await;
    let signed = other.fills(SERIAL, &["--sign", &case.keys.secret]).await;
    assert_eq!(signed.status.code(), Some(0));
    case.write(SIGNATURE, other.read(SIGNATURE));
    assert_eq!(
        pairs(&case.differences().await),
        [(SIGNATURE, "not-as-signed")]
    );
    assert_not_signed_again(&case).await;
}

#[tokio::test]
async fn a_signature_that_is_gone_or_damaged_is_named() {
    let case = Case::signed_twice().await;
    let signature = case.read(SIGNATURE);
    let lines: Vec<_> = signature.lines().collect();
    let short = "AAAA";
    for (damaged, kind) in [
        (String::new(), "not-a-signature"),
        ("x".repeat(20_000), "unreadable"),
        (
            [lines[0], lines[1], lines[2], short].join("\n"),
            "not-a-signature",
        ),
        (signature.replace("bytes:", "bytes:1"), "not-as-signed"),
        (signature.replace("lines:9", "lines:4"), "not-as-signed"),
        (signature.replace("\tbytes:", "\tBytes:"), "not-as-signed"),
    ] {
        assert_ne!(damaged, signature);
        case.write(SIGNATURE, &damaged);
        assert_eq!(
            pairs(&case.differences().await),
            [(SIGNATURE, kind)],
            "{damaged}"
        );
        assert_not_signed_again(&case).await;
    }
    std::fs::remove_file(case.path(SIGNATURE)).unwrap();
    assert_eq!(
        pairs(&case.differences().await),
        [(SIGNATURE, "signature-gone")]
    );
    // Without the key too: the log names it.
    let verified = case.verifies(&[]).await;
    assert_eq!(verified.status.code(), Some(1), "{verified:?}");
    assert!(words(&verified.stderr).contains(&case.keys.id));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("/dev/zero", case.path(SIGNATURE)).unwrap();
        assert_eq!(
            pairs(&case.differences().await),
            [(SIGNATURE, "unreadable")]
        );
    }
}

/// An older state of the log with its signature is a signed log. The clips that came later are then not in it.
#[tokio::test]
async fn what_an_older_signed_state_left_out_is_named() {
    let case = Case::new().await;
    case.signs(SERIAL).await;
    let before: Vec<_> = [LOG, SIGNATURE, "manifest.json", "report.html"]
        .map(|name| (name, case.read(name)))
        .to_vec();
    case.signs(OTHER).await;
    for (name, content) in before {
        case.write(name, content);
    }
    let left_out = files_of(&case, OTHER);
    let expected: Vec<_> = left_out.iter().map(|name| (&**name, "extra")).collect();
    assert_eq!(expected.len(), 2);
    assert_eq!(pairs(&case.differences().await), expected);
}

#[tokio::test]
async fn a_missing_clip_is_named_beside_a_signature_that_holds() {
    let case = Case::signed_twice().await;
    let clip = files_of(&case, OTHER).pop().unwrap();
    std::fs::remove_file(case.path(&clip)).unwrap();
    assert_eq!(pairs(&case.differences().await), [(&*clip, "missing")]);
}

/// A kill leaves the beginning of a record, or room for it. Everything else was written by somebody.
#[tokio::test]
async fn a_last_line_that_is_garbage_is_named_and_one_that_was_cut_off_is_not() {
    let case = Case::new().await;
    case.fills(SERIAL, &[]).await;
    let log = case.read(LOG);
    for (end, is_garbage) in [
        ("", false),
        ("{\"type\":\"saved\",\"na", false),
        ("{\"type\":\"sav\0\0\0\0", false),
        ("\0\0\0\0", false),
        ("garbage", true),
        ("garbage\n", true),
        ("[]\n", true),
        ("{\"type\":\"saved\"}\n", true),
        ("{\"type\":\"other\"}\n", true),
    ] {
        case.write(LOG, format!("{log}{end}"));
        let verified = case.verifies(&["--json"]).await;
        let found = &parsed(&verified)["differences"];
        let expected = match is_garbage {
            true => json!([{
                "name": LOG, "kind": "garbage", "message": "line 5 is not a record of mv-clip",
            }]),
            false => json!([]),
        };
        assert_eq!(*found, expected, "{end:?}");
        assert_eq!(verified.status.code(), Some(i32::from(is_garbage)));
    }
}

#[tokio::test]
async fn garbage_after_the_signature_is_named_as_both() {
    let case = Case::signed_twice().await;
    case.write(LOG, case.read(LOG) + "garbage\n");
    let expected = [(LOG, "garbage"), (LOG, "added-lines")];
    assert_eq!(pairs(&in_log(&case).await), expected);
    assert_not_signed_again(&case).await;
}

/// The log names the key, so a signature that is gone, or by somebody else, is no reason to sign what is there.
#[tokio::test]
async fn a_log_that_was_written_anew_without_its_signature_is_not_signed_again() {
    let case = Case::new().await;
    case.signs(SERIAL).await;
    let mut all = lines(&case);
    all[1]["content"] = "other".into();
    rewrite(&case, all);
    std::fs::remove_file(case.path(SIGNATURE)).unwrap();
    assert_not_signed_again(&case).await;

    let (other, theirs) = (Case::new().await, Keys::new());
    let signed = other.fills(SERIAL, &["--sign", &theirs.secret]).await;
    assert_eq!(signed.status.code(), Some(0));
    case.write(SIGNATURE, other.read(SIGNATURE));
    assert_not_signed_again(&case).await;
}

#[tokio::test]
async fn a_folder_that_two_keys_sign_in_turn_can_be_signed_by_both() {
    let case = Case::new().await;
    let other = Keys::new();
    for key in [
        &case.keys.secret,
        &other.secret,
        &case.keys.secret,
        &other.secret,
    ] {
        let signed = case.fills(SERIAL, &["--sign", key]).await;
        assert_eq!(signed.status.code(), Some(0), "{signed:?}");
    }
}

/// Each signature that is tried costs a look at the whole log.
#[tokio::test]
async fn planted_signatures_do_not_hide_that_the_log_was_changed() {
    let case = Case::signed_twice().await;
    let signature = case.read(SIGNATURE);
    let mut log = case.read(LOG).replacen("packets", "Packets", 1);
    for lines in 0..50 {
        let planted = signature.replace("lines:9", &format!("lines:{lines}"));
        let content = data_encoding::BASE64.encode(planted.as_bytes());
        let line = json!({ "type": "replaced", "name": SIGNATURE, "content": content });
        log += &format!("{line}\n");
    }
    case.write(LOG, log);
    let found = in_log(&case).await;
    assert!(
        pairs(&found).contains(&(SIGNATURE, "not-as-signed")),
        "{found:?}"
    );
}
