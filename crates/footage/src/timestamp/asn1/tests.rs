use super::*;

/// Made by `openssl ts` for the text `one\ntwo\n`.
const REPLY: &[u8] = include_bytes!("reply.tsr");

const NONCE: u64 = 0xE41B_04E4_B618_5907;

#[test]
fn a_reply_says_what_existed_and_when() {
    let timestamp = Timestamp::parse(REPLY).unwrap();
    let (_, expected) = crate::digest::of_bytes(b"one\ntwo\n");
    assert_eq!(hex::encode(timestamp.sha256), expected);
    assert_eq!(timestamp.at.to_rfc3339(), "2026-11-28T10:39:00+00:00");
    assert!(timestamp.answers(NONCE));
    assert!(!timestamp.answers(NONCE + 1));
}

#[test]
fn no_damaged_reply_is_taken_for_another_or_panics() {
    for end in 0..REPLY.len() {
        assert_eq!(Timestamp::parse(&REPLY[..end]), Err(Problem::Form), "{end}");
    }
    let whole = Timestamp::parse(REPLY).unwrap();
    for at in 0..REPLY.len() {
        for bit in [0x01, 0x20, 0x80] {
            let mut reply = REPLY.to_vec();
            reply[at] ^= bit;
            // The signature is not verified here, so what it covers may change.
            let _ = Timestamp::parse(&reply);
        }
    }
    let longer = [REPLY, b"more"].concat();
    assert_eq!(Timestamp::parse(&longer), Err(Problem::Form));
    assert_eq!(Timestamp::parse(REPLY), Ok(whole));
}

#[test]
fn a_refusal_is_told_in_the_words_of_the_authority() {
    // Status 2, with and without words.
    let refused = |bytes: &[u8]| match Timestamp::parse(bytes) {
        Err(Problem::Refused(words)) => words,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(b"\x30\x05\x30\x03\x02\x01\x02"), "status 2");
    let words = b"\x30\x0d\x30\x0b\x02\x01\x02\x30\x06\x0c\x04busy";
    assert_eq!(refused(words), "busy");
    let words = b"\x30\x0d\x30\x0b\x02\x01\x02\x30\x06\x0c\x04b\x1b[m";
    assert_eq!(refused(words), "b\u{fffd}[m");
}

#[test]
fn a_request_asks_for_a_certificate_and_has_a_number() {
    let query = query(&[7; 32], 0x00ff).unwrap();
    let version = "020101";
    let imprint = "3031300d06096086480165030402010500";
    let hash = format!("0420{}", "07".repeat(32));
    // Its first bit is not its sign.
    let number = "020200ff";
    let with_certificate = "0101ff";
    let expected = format!("303d{version}{imprint}{hash}{number}{with_certificate}");
    assert_eq!(hex::encode(query), expected);
}
