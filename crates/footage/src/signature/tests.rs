use minisign::KeyPair;

use super::*;

fn pair() -> (SigningKey, VerifyingKey) {
    let pair = KeyPair::generate_unencrypted_keypair().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, pair.sk.to_box(None).unwrap().into_string()).unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let key = crate::keys::LockedKey::read(path).unwrap();
    let key = key.unlock(None).unwrap();
    let public = VerifyingKey::parse(&pair.pk.to_base64()).unwrap();
    (key, public)
}

const LOG_BYTES: &[u8] = b"one\ntwo\n";

fn signed(key: &SigningKey) -> String {
    let extent = Extent { bytes: 8, lines: 2 };
    let (text, sha256) = Signature::sign(key, LOG_BYTES, extent).unwrap();
    assert_eq!(sha256, digest::of_bytes(LOG_BYTES).1);
    text
}

fn verified(text: &str, key: &VerifyingKey, log: &[u8]) -> Result<String, Invalid> {
    let signature = Signature::parse(text.as_bytes()).unwrap();
    signature.verify(key, log).unwrap()
}

#[test]
fn a_signature_holds_for_the_signed_bytes_whatever_follows_them() {
    let (key, public) = pair();
    let text = signed(&key);
    let parsed = Signature::parse(text.as_bytes()).unwrap();
    assert_eq!(parsed.extent, Some(Extent { bytes: 8, lines: 2 }));
    assert_eq!(parsed.key(), public.id());
    assert!(parsed.signed_at.is_some());
    let expected = Ok(digest::of_bytes(LOG_BYTES).1);
    assert_eq!(verified(&text, &public, LOG_BYTES), expected);
    assert_eq!(verified(&text, &public, b"one\ntwo\nthree\n"), expected);
}

#[test]
fn a_signature_holds_for_nothing_else() {
    let (key, public) = pair();
    let (_, other) = pair();
    let text = signed(&key);
    for log in [
        &b""[..],
        b"one\n",
        b"two\none\n",
        b"one\ntwo",
        b"One\ntwo\n",
    ] {
        assert_eq!(verified(&text, &public, log), Err(Invalid::Content));
    }
    let by_other = Err(Invalid::OtherKey(public.id()));
    assert_eq!(verified(&text, &other, LOG_BYTES), by_other);
    // The comment is signed too.
    for changed in [
        text.replace("bytes:8", "bytes:4"),
        text.replace("lines:2", "lines:1"),
        text.replace("bytes:8\t", ""),
    ] {
        assert_ne!(changed, text);
        let found = verified(&changed, &public, LOG_BYTES);
        assert_eq!(found, Err(Invalid::Content), "{changed}");
    }
}

#[test]
fn what_is_not_a_signature_is_refused() {
    let (key, _) = pair();
    let text = signed(&key);
    let lines: Vec<_> = text.lines().collect();
    let with = |at: usize, line: &str| {
        let mut lines = lines.clone();
        lines[at] = line;
        lines.join("\n")
    };
    let long = BASE64.encode(&[0; 65]);
    let short = BASE64.encode(&[0; 31]);
    for text in [
        String::new(),
        lines[..3].join("\n"),
        with(0, "no comment"),
        with(1, "no base64"),
        with(1, &short),
        with(2, "no comment"),
        with(3, ""),
        with(3, &short),
        with(3, &long),
    ] {
        assert!(Signature::parse(text.as_bytes()).is_none(), "{text}");
    }
    assert!(Signature::parse(b"\xff").is_none());
}
