use super::*;

#[test]
fn never_contain_the_key() {
    let echo = format!("bad header: Bearer {KEY}");
    let call = Simulation::new().run([error(401, &echo)]);
    assert!(!format!("{call:?}").contains(KEY), "{call:?}");
    assert!(
        call.permanent()
            .message
            .ends_with("Meraki says: \"bad header: Bearer (API key)\".")
    );
}

#[test]
fn never_contain_the_key_from_a_host_name() {
    let shard = format!("https://{KEY}.meraki.com/x");
    let call = Simulation::new().run([redirect(&shard), reply(404, "")]);
    let message = &call.permanent().message;
    assert!(
        message.contains("that (API key).meraki.com is its region"),
        "{message}"
    );
}

#[test]
fn never_contain_the_clip_url() {
    let call = Simulation::new().run([clip()]);
    assert!(!format!("{:?}", call.result).contains("t0ken"));
}

#[test]
fn accept_any_body() {
    for body in ["<html>\u{0}</html>", "{\"errors\":7}", "", "\u{202e}"] {
        let call = Simulation::new().run([reply(404, body)]);
        assert!(
            call.permanent().message.ends_with("is its region."),
            "{body}"
        );
    }
}
