use super::*;

const KEY: &str = "5ec2e7-key";
const API: &str = "https://api.meraki.com/api/v1/devices/Q2XX-ABCD-1234/camera/clip?t=1";
const FOREIGN: &str = "https://media.example.net/clip";

fn call(mode: KeyMode) -> CallKey {
    CallKey::new(KeptKey::new(ApiKey::new(KEY).unwrap(), mode))
}

fn token(call: &CallKey) -> String {
    call.placeholder.clone().unwrap()
}

/// What `Authorization` becomes on the way to `uri`.
fn sent(
    call: &CallKey,
    uri: &str,
    is_clip: bool,
    fields: &[(&str, &str)],
) -> Result<Option<String>, Misuse> {
    let mut request = Request::get(uri);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let mut request = request.body(()).unwrap();
    let put = call.put_into(&mut request, is_clip)?;
    let values: Vec<_> = request.headers().get_all(AUTHORIZATION).iter().collect();
    assert!(values.len() <= 1, "{values:?}");
    let value = values
        .first()
        .map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(put, value.as_ref().is_some_and(|value| value.contains(KEY)));
    Ok(value)
}

#[test]
fn the_key_is_added_only_to_a_request_for_a_clip() {
    let call = call(KeyMode::Injection);
    assert_eq!(
        sent(&call, API, true, &[]),
        Ok(Some(format!("Bearer {KEY}")))
    );
    assert_eq!(sent(&call, API, false, &[]), Ok(None));
}

#[test]
fn injection_refuses_what_the_guest_sets() {
    let call = call(KeyMode::Injection);
    for is_clip in [true, false] {
        for value in ["Bearer other", "Basic eDp5", ""] {
            let result = sent(&call, API, is_clip, &[("authorization", value)]);
            assert_eq!(result, Err(Misuse::OwnAuthorization), "{is_clip} {value:?}");
        }
    }
}

#[test]
fn the_placeholder_becomes_the_key_on_its_way_to_the_api() {
    let call = call(KeyMode::Placeholder);
    let own = format!("Bearer {}", token(&call));
    let bearer = Ok(Some(format!("Bearer {KEY}")));
    let own = [("authorization", own.as_str())];
    assert_eq!(sent(&call, API, true, &own), bearer);
    assert_eq!(sent(&call, API, true, &[]), Ok(None), "no key is asked for");
    let others = Ok(Some("Bearer other".to_owned()));
    for is_clip in [true, false] {
        let found = sent(&call, API, is_clip, &[("authorization", "Bearer other")]);
        assert_eq!(found, others);
    }
}

#[test]
fn the_placeholder_goes_nowhere_else() {
    let call = call(KeyMode::Placeholder);
    let token = token(&call);
    let own = format!("Bearer {token}");
    let in_query = format!("{API}?key={token}");
    let in_path = format!("{FOREIGN}/{token}");
    let name = format!("x-{token}");
    type Fields<'a> = &'a [(&'a str, &'a str)];
    let cases: [(&str, &str, Fields<'_>); 7] = [
        ("another field", API, &[("x-key", &token)]),
        ("a field's name", API, &[(&name, "x")]),
        (
            "beside the right one",
            API,
            &[("authorization", &own), ("x-key", &own)],
        ),
        (
            "twice",
            API,
            &[("authorization", &own), ("authorization", &own)],
        ),
        (
            "another scheme",
            API,
            &[("authorization", &format!("Basic {token}"))],
        ),
        ("a query", &in_query, &[("authorization", &own)]),
        ("a path", &in_path, &[]),
    ];
    for (case, uri, fields) in cases {
        let result = sent(&call, uri, true, fields);
        assert_eq!(result, Err(Misuse::PlaceholderElsewhere), "{case}");
    }
    let result = sent(&call, API, false, &[("authorization", &own)]);
    assert_eq!(result, Err(Misuse::PlaceholderElsewhere), "another request");
}

#[test]
fn the_placeholder_of_another_call_is_not_replaced() {
    let [one, other] = [(); 2].map(|()| call(KeyMode::Placeholder));
    assert_ne!(token(&one), token(&other));
    let foreign = format!("Bearer {}", token(&other));
    assert_eq!(
        sent(&one, API, true, &[("authorization", &foreign)]),
        Ok(Some(foreign))
    );
}

#[test]
fn a_key_in_the_settings_is_removed() {
    let given = Settings::default()
        .api_key(&ApiKey::new(KEY).unwrap())
        .base_url(API);
    let base_url = (Setting::BaseUrl, API);
    let injection = call(KeyMode::Injection);
    assert_eq!(injection.variables(&given).collect::<Vec<_>>(), [base_url]);
    let placeholder = call(KeyMode::Placeholder);
    let token = token(&placeholder);
    let found: Vec<_> = placeholder.variables(&given).collect();
    assert_eq!(found, [base_url, (Setting::ApiKey, token.as_str())]);
}

#[test]
fn the_secret_is_the_key() {
    for mode in [KeyMode::Injection, KeyMode::Placeholder] {
        assert_eq!(call(mode).secret().expose(), KEY, "{mode:?}");
    }
}

#[test]
fn debug_hides_the_key_and_its_placeholder() {
    let call = call(KeyMode::Placeholder);
    for printed in [format!("{call:?}"), format!("{:?}", call.key)] {
        assert!(printed.contains("mode: Placeholder"), "{printed}");
        assert!(
            !printed.contains(KEY) && !printed.contains(&token(&call)),
            "{printed}"
        );
    }
}
