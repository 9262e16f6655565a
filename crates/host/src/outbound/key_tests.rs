use super::*;

const KEY: &str = "5ec2e7-key";
const API: &str = "https://api.meraki.com/api/v1/devices/Q2XX-ABCD-1234/camera/clip?t=1";
const SHARD: &str = "https://n7.meraki.com/api/v1/devices/Q2XX-ABCD-1234/camera/clip";
const FOREIGN: &str = "https://media.example.net/clip";

fn call(mode: KeyMode) -> CallKey {
    let policy = Policy::new(["https://*.meraki.com".parse().unwrap()]);
    let key = ApiKey::new(KEY).unwrap();
    CallKey::new(KeptKey::new(key, mode, Arc::new(policy)).unwrap())
}

fn token(call: &CallKey) -> String {
    call.placeholder.clone().unwrap()
}

/// What `Authorization` becomes on the way to `uri`.
fn sent(call: &CallKey, uri: &str, fields: &[(&str, &str)]) -> Result<Option<String>, Misuse> {
    let mut request = Request::get(uri);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let mut request = request.body(()).unwrap();
    let origin = Origin::of(request.uri()).unwrap();
    let put = call.put_into(&mut request, &origin)?;
    let values: Vec<_> = request.headers().get_all(AUTHORIZATION).iter().collect();
    assert!(values.len() <= 1, "{values:?}");
    let value = values
        .first()
        .map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(put, value.as_ref().is_some_and(|value| value.contains(KEY)));
    Ok(value)
}

#[test]
fn only_accept_and_user_agent_are_sent_with_the_key() {
    let call = call(KeyMode::Injection);
    let asked = Request::get(API)
        .header("accept", "application/json")
        .header("user-agent", "mv-clip")
        .header("accept-encoding", "gzip")
        .header("range", "bytes=0-7")
        .header("x-http-method-override", "DELETE");
    let mut request = asked.body(()).unwrap();
    let origin = Origin::of(request.uri()).unwrap();
    assert_eq!(call.put_into(&mut request, &origin), Ok(true));
    let mut names: Vec<_> = request.headers().keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "authorization", "user-agent"]);
}

#[test]
fn the_key_is_added_only_for_the_api() {
    let call = call(KeyMode::Injection);
    let bearer = Some(format!("Bearer {KEY}"));
    let cases = [
        ("the API", API, bearer.clone()),
        ("a shard", SHARD, bearer),
        ("in plain text", "http://api.meraki.com", None),
        ("another port", "https://api.meraki.com:8443", None),
        ("the domain itself", "https://meraki.com", None),
        ("a lookalike", "https://api.notmeraki.com", None),
        (
            "the domain as a prefix",
            "https://api.meraki.com.evil.net",
            None,
        ),
        ("a foreign host", FOREIGN, None),
    ];
    for (case, uri, expected) in cases {
        let path = "/api/v1/devices/Q2XX-ABCD-1234/camera/clip";
        let uri = if uri.contains("/devices/") {
            uri.to_owned()
        } else {
            format!("{uri}{path}")
        };
        assert_eq!(sent(&call, &uri, &[]), Ok(expected), "{case}");
    }
}

#[test]
fn the_key_is_for_one_operation() {
    let injection = call(KeyMode::Injection);
    for path in [
        "",
        "/",
        "/api/v1/organizations",
        "/api/v1/devices/Q2XX-ABCD-1234",
        "/api/v1/devices/Q2XX-ABCD-1234/camera/clip/",
        "/api/v1/devices/Q2XX-ABCD-1234/camera/clip/x",
        "/api/v1/devices/Q2XX-ABCD-1234/camera/qualityAndRetention",
        "/api/v1/devices/../camera/clip",
        "/api/v1/devices//camera/clip",
        "/api/v1/devices/%2e%2e/camera/clip",
        "/api/v1/networks/Q2XX-ABCD-1234/camera/clip",
        "/media/token",
    ] {
        let uri = format!("https://api.meraki.com{path}");
        assert_eq!(sent(&injection, &uri, &[]), Ok(None), "{path}");
        let placeholder = call(KeyMode::Placeholder);
        let own = format!("Bearer {}", token(&placeholder));
        let swapped = sent(&placeholder, &uri, &[("authorization", &own)]);
        assert_eq!(swapped, Err(Misuse::PlaceholderElsewhere), "{path}");
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::HEAD] {
        assert!(
            !is_operation(&method, API.split('?').next().unwrap()),
            "{method}"
        );
    }
}

#[test]
fn injection_refuses_what_the_guest_sets() {
    let call = call(KeyMode::Injection);
    for uri in [API, FOREIGN] {
        for value in ["Bearer other", "Basic eDp5", ""] {
            let result = sent(&call, uri, &[("authorization", value)]);
            assert_eq!(result, Err(Misuse::OwnAuthorization), "{uri} {value:?}");
        }
    }
}

#[test]
fn the_placeholder_becomes_the_key_on_its_way_to_the_api() {
    let call = call(KeyMode::Placeholder);
    let own = format!("Bearer {}", token(&call));
    let bearer = Ok(Some(format!("Bearer {KEY}")));
    for uri in [API, SHARD] {
        assert_eq!(
            sent(&call, uri, &[("authorization", &own)]),
            bearer,
            "{uri}"
        );
    }
    assert_eq!(sent(&call, API, &[]), Ok(None), "no key is asked for");
    let others = Ok(Some("Bearer other".to_owned()));
    assert_eq!(
        sent(&call, API, &[("authorization", "Bearer other")]),
        others
    );
    assert_eq!(
        sent(&call, FOREIGN, &[("authorization", "Bearer other")]),
        others
    );
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
    let cases: [(&str, &str, Fields<'_>); 9] = [
        ("a foreign host", FOREIGN, &[("authorization", &own)]),
        (
            "in plain text",
            "http://api.meraki.com/devices/Q/camera/clip",
            &[("authorization", &own)],
        ),
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
        let result = sent(&call, uri, fields);
        assert_eq!(result, Err(Misuse::PlaceholderElsewhere), "{case}");
    }
}

#[test]
fn the_placeholder_of_another_call_is_not_replaced() {
    let [one, other] = [(); 2].map(|()| call(KeyMode::Placeholder));
    assert_ne!(token(&one), token(&other));
    let foreign = format!("Bearer {}", token(&other));
    assert_eq!(
        sent(&one, API, &[("authorization", &foreign)]),
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
        assert_eq!(call(mode).secret(), KEY, "{mode:?}");
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
