//! Logs that are signed.

use std::path::{Path, PathBuf};
use std::process::Output;

use meraki_mock::{Target, WireFault};
use minisign::KeyPair;
use serde_json::Value;
use tempfile::TempDir;

use super::command::{ago, command, json, run, words};
use super::{folder, names};
use crate::support::{SERIAL, World};

pub(super) const LOG: &str = "log.jsonl";
pub(super) const SIGNATURE: &str = "log.jsonl.minisig";

/// A camera of the mock besides [`SERIAL`].
pub(super) const OTHER: &str = "Q2MV-MOCK-0004.1";

/// A pair of keys in files of minisign's.
pub(super) struct Keys {
    folder: TempDir,
    pub(super) secret: String,
    pub(super) public: String,
    /// The public key in base64.
    pub(super) line: String,
    /// The identifier.
    pub(super) id: String,
}

impl Keys {
    pub(super) fn new() -> Self {
        Self::of(&KeyPair::generate_unencrypted_keypair().unwrap())
    }

    pub(super) fn of(pair: &KeyPair) -> Self {
        let folder = folder();
        let write = |name: &str, text: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            make_private(&path);
            path.to_str().unwrap().to_owned()
        };
        let secret = write("key", pair.sk.to_box(None).unwrap().into_string());
        let public = write("key.pub", pair.pk.to_box().unwrap().into_string());
        let mut id = pair.pk.keynum().to_vec();
        id.reverse();
        Self {
            secret,
            public,
            line: pair.pk.to_base64(),
            id: hex::encode_upper(id),
            folder,
        }
    }

    /// A file beside the keys, which nobody else may read.
    pub(super) fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        make_private(&path);
        path.to_str().unwrap().to_owned()
    }
}

fn make_private(path: &Path) {
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    #[cfg(not(unix))]
    let _ = path;
}

/// A folder, and the commands that fill it and verify it.
pub(super) struct Case {
    pub(super) world: World,
    pub(super) keys: Keys,
    folder: TempDir,
    at: String,
}

impl Case {
    pub(super) async fn new() -> Self {
        Self::with(Keys::new()).await
    }

    pub(super) async fn with(keys: Keys) -> Self {
        Self {
            world: World::new().await,
            keys,
            folder: folder(),
            at: ago(20),
        }
    }

    /// A folder that two runs filled and signed.
    pub(super) async fn signed_twice() -> Self {
        let case = Self::new().await;
        for camera in [SERIAL, OTHER] {
            case.signs(camera).await;
        }
        case
    }

    pub(super) fn out(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub(super) fn names(&self) -> Vec<String> {
        names(self.folder.path())
    }

    /// The arguments of a run that saves a clip of this camera.
    pub(super) fn arguments<'a>(&'a self, camera: &'a str, options: &[&'a str]) -> Vec<&'a str> {
        let run = ["incident", camera, "--at", &self.at, "--out", self.out()];
        [&run, options].concat()
    }

    pub(super) async fn fills(&self, camera: &str, options: &[&str]) -> Output {
        run(&self.world, &self.arguments(camera, options)).await
    }

    /// The command that `verify` names to get the clip of this camera.
    fn gets(&self, camera: &str) -> String {
        let at = chrono::DateTime::parse_from_rfc3339(&self.at).unwrap();
        let [start, end] = [-30, 30].map(|seconds| {
            let time = at.to_utc() + chrono::TimeDelta::seconds(seconds);
            time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
        });
        format!(
            "mv-clip range {camera} --start {start} --end {end} --out {}",
            self.out()
        )
    }

    /// A run that signs and succeeds.
    pub(super) async fn signs(&self, camera: &str) {
        let output = self.fills(camera, &["--sign", &self.keys.secret]).await;
        assert_eq!(output.status.code(), Some(0), "{}", words(&output.stderr));
    }

    pub(super) async fn verifies(&self, options: &[&str]) -> Output {
        let verify = [&["verify", self.out()], options].concat();
        run(&self.world, &verify).await
    }

    /// The name and the kind of each difference that a check with the key finds.
    pub(super) async fn differences(&self) -> Vec<(String, String)> {
        let output = self.verifies(&["--key", &self.keys.public, "--json"]).await;
        let found = json(&output);
        let differences = found["differences"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let code = if found["ok"] == true { 0 } else { 1 };
        assert_eq!(output.status.code(), Some(code));
        differences
            .iter()
            .map(|found| (text(&found["name"]), text(&found["kind"])))
            .collect()
    }

    /// The requests to the API.
    pub(super) fn asked(&self) -> usize {
        let requests = self.world.mock.requests();
        let is_api = |target| !matches!(target, Target::Media);
        requests.iter().filter(|sent| is_api(sent.target)).count()
    }
}

pub(super) fn pairs(found: &[(String, String)]) -> Vec<(&str, &str)> {
    found.iter().map(|(one, two)| (&**one, &**two)).collect()
}

#[tokio::test]
async fn a_signed_folder_verifies_with_the_public_key() {
    let case = Case::signed_twice().await;
    for key in [&case.keys.public, &case.keys.line] {
        let verified = case.verifies(&["--key", key]).await;
        let printed = words(&verified.stdout);
        assert_eq!(verified.status.code(), Some(0), "{verified:?}");
        let expected = format!(
            "9 of 9 lines of the log are signed with the key {}",
            case.keys.id
        );
        assert!(printed.contains(&expected), "{printed}");
    }
    let verified = case.verifies(&["--key", &case.keys.line, "--json"]).await;
    let signature = &json(&verified)["signature"];
    assert_eq!(signature["key"], case.keys.id);
    assert_eq!(signature["verified"], true);
    // Without the key, nothing is said to be verified.
    let printed = words(&case.verifies(&[]).await.stdout);
    assert!(printed.contains("Signature: not verified."), "{printed}");
    let report = case.read("report.html");
    assert!(report.contains(&case.keys.id));
}

#[tokio::test]
async fn a_signing_run_names_its_key_and_the_state_that_it_signed() {
    let case = Case::new().await;
    let output = case
        .fills(SERIAL, &["--sign", &case.keys.secret, "--json"])
        .await;
    let printed = json(&output);
    let log = std::fs::read(case.path(LOG)).unwrap();
    let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&log));
    let expected = serde_json::json!({ "key": case.keys.id, "lines": 4, "sha256": digest });
    assert_eq!(printed["signature"], expected);
    assert_eq!(printed["runs"][0]["signer"], case.keys.id);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(case.path(SIGNATURE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn an_earlier_signature_stays_in_the_log() {
    let case = Case::new().await;
    case.signs(SERIAL).await;
    let first = std::fs::read(case.path(SIGNATURE)).unwrap();
    case.signs(OTHER).await;
    let log = case.read(LOG);
    let last: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!(last["type"], "replaced");
    assert_eq!(last["name"], SIGNATURE);
    let kept = data_encoding::BASE64.decode(last["content"].as_str().unwrap().as_bytes());
    assert_eq!(kept.unwrap(), first);
}

#[tokio::test]
async fn a_run_that_does_not_sign_is_told_from_a_change() {
    let case = Case::new().await;
    case.signs(SERIAL).await;
    let output = case.fills(OTHER, &[]).await;
    assert_eq!(output.status.code(), Some(0));
    let verified = case.verifies(&["--key", &case.keys.public]).await;
    assert_eq!(verified.status.code(), Some(1));
    let told = words(&verified.stderr);
    assert!(told.contains("lines 5 to 8 were added, 1 run"), "{told}");
    let unsigned = told
        .lines()
        .filter(|line| line.contains("was saved after the signature"));
    assert_eq!(unsigned.count(), 2, "{told}");
    assert!(
        words(&verified.stdout).contains("4 of 8 lines"),
        "{verified:?}"
    );
    // The next run that signs says what it signs.
    let output = case.fills(SERIAL, &["--sign", &case.keys.secret]).await;
    let note = words(&output.stderr);
    assert!(
        note.contains("lines 5 to 8 of the log have no signature yet"),
        "{note}"
    );
    assert_eq!(pairs(&case.differences().await), []);
}

#[tokio::test]
async fn a_folder_that_was_not_signed_is_named() {
    let case = Case::new().await;
    case.fills(SERIAL, &[]).await;
    let found = case.differences().await;
    assert_eq!(pairs(&found), [(SIGNATURE, "not-signed")]);
    let output = case.fills(SERIAL, &["--sign", &case.keys.secret]).await;
    let note = words(&output.stderr);
    assert!(
        note.contains("lines 1 to 4 of the log have no signature yet"),
        "{note}"
    );
    assert_eq!(pairs(&case.differences().await), []);
}

/// What a kill leaves after the last line of the log and before the new signature has its name.
#[tokio::test]
async fn a_kill_between_log_and_signature_is_named_and_mended() {
    let case = Case::new().await;
    case.signs(SERIAL).await;
    let before = case.read(SIGNATURE);
    case.signs(OTHER).await;
    let part = format!("{SIGNATURE}.0badcafe.part");
    case.write(&part, case.read(SIGNATURE));
    case.write(SIGNATURE, before);
    let found = case.differences().await;
    let of_proofs: Vec<_> = pairs(&found)
        .into_iter()
        .filter(|(name, _)| name.starts_with(LOG))
        .collect();
    assert_eq!(of_proofs, [(LOG, "added-lines"), (&*part, "unfinished")]);
    case.signs(OTHER).await;
    assert_eq!(pairs(&case.differences().await), []);
    assert!(!case.names().contains(&part));
    // The signature of the first run is in the log once.
    let replaced = case.read(LOG).matches("\"replaced\"").count();
    assert_eq!(replaced, 1);
}

#[tokio::test]
async fn a_run_that_was_killed_is_named_with_its_command_and_mended() {
    let case = Case::new().await;
    case.signs(SERIAL).await;
    case.world.mock.script_media([WireFault::StallInBody]);
    let arguments = case.arguments(OTHER, &["--sign", &case.keys.secret]);
    let mut child = command(&case.world, &arguments).spawn().unwrap();
    while !case.names().iter().any(|name| name.ends_with(".ts.part")) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    child.kill().await.unwrap();
    let verified = case.verifies(&["--key", &case.keys.public]).await;
    assert_eq!(verified.status.code(), Some(1));
    let told = words(&verified.stderr);
    assert!(told.contains("line 5 was added, 1 run"), "{told}");
    let command = case.gets(OTHER);
    assert!(
        told.contains("not saved yet: Q2MV-MOCK-0004, imager 1 from ")
            && told.contains(&format!("to get it, run {command} --sign SECRET_KEY")),
        "{told}"
    );
    assert!(
        words(&verified.stdout).contains("; 1 clip is not saved yet"),
        "{verified:?}"
    );
    // A clip that is not there yet is no difference, and the folder is not complete without it.
    let part = case
        .names()
        .into_iter()
        .find(|name| name.ends_with(".part"));
    std::fs::remove_file(case.path(&part.unwrap())).unwrap();
    let verified = case.verifies(&["--json"]).await;
    let found = json(&verified);
    assert_eq!(
        (verified.status.code(), &found["ok"]),
        (Some(1), &false.into())
    );
    assert_eq!(found["differences"], serde_json::json!([]));
    assert_eq!(found["unsaved"][0]["command"], command);
    case.signs(OTHER).await;
    assert_eq!(pairs(&case.differences().await), []);
}

/// A key that cannot be used is a mistake in the arguments: nothing is asked for, and nothing is written.
#[tokio::test]
async fn a_key_that_cannot_be_used_ends_the_run_before_any_request() {
    let case = Case::new().await;
    let keys = &case.keys;
    let open = keys.file("open", &std::fs::read_to_string(&keys.secret).unwrap());
    #[cfg(unix)]
    std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let (none, wrong) = (keys.file("wrong", "comment\nno key\n"), "/none/at/all");
    let new = case.path("new");
    for (key, expected) in [
        (&*none, "is not a secret key of minisign"),
        (wrong, "cannot read the signing key"),
        (&keys.public, "is not a secret key of minisign"),
        #[cfg(unix)]
        (&open, "is open to other users"),
    ] {
        let at = ago(20);
        let arguments = [
            "incident",
            SERIAL,
            "--at",
            &at,
            "--out",
            new.to_str().unwrap(),
            "--sign",
            key,
            "--json",
        ];
        let output = run(&case.world, &arguments).await;
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let error = json(&output)["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(error.contains(expected), "{error}");
        assert!(!new.exists());
    }
    let verified = case.verifies(&["--key", &none]).await;
    assert_eq!(verified.status.code(), Some(2), "{verified:?}");
    assert_eq!(case.asked(), 0);
}
