use super::*;

fn through(proxy: &Proxy, destination: &str) -> Option<String> {
    let via = proxy.routes().to(&destination.parse().unwrap())?;
    Some(via.uri().to_string())
}

#[test]
fn an_url_of_a_proxy_is_read_as_curl_does() {
    for (url, expected) in [
        ("http://proxy.example:3128", "http://proxy.example:3128/"),
        ("http://proxy.example:3128/", "http://proxy.example:3128/"),
        ("proxy.example:3128", "http://proxy.example:3128/"),
        ("https://proxy.example", "https://proxy.example/"),
        ("http://10.0.0.1:8080", "http://10.0.0.1:8080/"),
        ("http://[fd00::1]:8080", "http://[fd00::1]:8080/"),
        ("http://user:p%40ss@10.0.0.1:80", "http://10.0.0.1:80/"),
    ] {
        let proxy = Proxy::new(url).unwrap();
        let found = through(&proxy, "https://api.meraki.com/");
        assert_eq!(found.as_deref(), Some(expected), "{url}");
    }
}

#[test]
fn the_credentials_are_for_the_proxy_and_not_for_a_log() {
    let proxy = Proxy::new("http://us%C3%A9r:s3cr%40t@proxy.example:3128").unwrap();
    let via = proxy
        .routes()
        .to(&Uri::from_static("https://api.meraki.com"));
    let sent = via.unwrap().basic_auth().unwrap().clone();
    assert_eq!(sent, "Basic dXPDqXI6czNjckB0");
    assert!(sent.is_sensitive());
    let printed = format!("{proxy:?}");
    assert_eq!(
        printed,
        "Proxy { address: http://proxy.example:3128, except: \"\", .. }"
    );
}

#[test]
fn what_is_no_proxy_is_an_error_without_its_url() {
    for url in [
        "",
        "http://",
        "http://user:s3cret@",
        "http://user:s3cret@proxy.example:99999",
        "http://user:s3cret@proxy example",
        "http://user:s3cret@x@proxy.example",
        "http://user:s3cret@127.1",
        "http://user:s3cret@/",
        "/s3cret",
    ] {
        let error = Proxy::new(url).unwrap_err();
        assert_eq!(error, ProxyError::Url, "{url}");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
    for scheme in ["socks5", "socks4a", "ftp"] {
        let error = Proxy::new(format!("{scheme}://user:s3cret@proxy.example")).unwrap_err();
        assert_eq!(error, ProxyError::Scheme(scheme.to_owned()));
    }
}

#[test]
fn this_machine_plain_http_and_the_exceptions_are_reached_directly() {
    let proxy = Proxy::new("http://proxy.example:3128").unwrap();
    let proxy = proxy.except("internal.example, .corp.example,10.0.0.0/8,fd00::/8,192.0.2.1");
    for destination in [
        "http://api.meraki.com/",
        "https://localhost:8443/",
        "https://127.0.0.1/",
        "https://127.8.9.10/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://internal.example/",
        "https://a.internal.example/",
        "https://a.corp.example/",
        "https://10.1.2.3/",
        "https://[fd00::1]/",
        "https://192.0.2.1:8443/",
    ] {
        assert_eq!(through(&proxy, destination), None, "{destination}");
    }
    for destination in [
        "https://api.meraki.com/",
        "https://notinternal.example/",
        "https://192.0.2.2/",
        "https://11.0.0.1/",
        "https://localhost.example/",
    ] {
        assert!(through(&proxy, destination).is_some(), "{destination}");
    }
    let none = proxy.except("*");
    assert_eq!(through(&none, "https://api.meraki.com/"), None);
}

#[test]
fn the_variables_are_those_of_curl() {
    let found = |variables: &[(&str, &str)]| {
        let get = |name: &'static str| {
            let found = variables.iter().find(|(given, _)| *given == name);
            found.map(|(_, value)| Some((*value).to_owned()))
        };
        let proxy = Proxy::from_variables(get).unwrap()?;
        through(&proxy, "https://api.meraki.com/")
    };
    let [a, b] = ["http://a.example", "http://b.example"];
    for name in PROXY {
        let via = found(&[(name, a), ("HTTP_PROXY", b), ("http_proxy", b)]);
        assert_eq!(via.as_deref(), Some("http://a.example/"), "{name}");
    }
    for (first, second) in PROXY.iter().zip(&PROXY[1..]) {
        let via = found(&[(second, b), (first, a)]);
        assert_eq!(via.as_deref(), Some("http://a.example/"), "{first}");
        let via = found(&[(first, ""), (second, b)]);
        assert_eq!(via.as_deref(), Some("http://b.example/"), "{second}");
    }
    for name in NO_PROXY {
        assert_eq!(found(&[("HTTPS_PROXY", a), (name, "meraki.com")]), None);
    }
    assert_eq!(found(&[]), None);
    assert_eq!(found(&[("http_proxy", a), ("HTTP_PROXY", a)]), None);
}

#[test]
fn a_variable_that_cannot_be_used_is_named_without_its_value() {
    for (value, expected) in [
        (Some("http://user:s3cret@proxy:x"), ProxyError::Url),
        (
            Some("socks5://user:s3cret@proxy"),
            ProxyError::Scheme("socks5".to_owned()),
        ),
        (None, ProxyError::Url),
    ] {
        let get = |name: &'static str| (name == "ALL_PROXY").then(|| value.map(ToOwned::to_owned));
        let error = Proxy::from_variables(get).unwrap_err();
        let text = format!("{error}");
        assert!(text.starts_with("ALL_PROXY: "), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
        let expected = ProxyError::Variable {
            variable: "ALL_PROXY",
            error: Box::new(expected),
        };
        assert_eq!(error, expected);
    }
}
