use super::*;

#[track_caller]
fn url(text: &str) -> Url {
    Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

#[test]
fn https_is_accepted_for_any_host() {
    for text in [
        "https://api.meraki.com/api/v1",
        "https://10.0.0.1:8443/x",
        "HTTPS://h",
    ] {
        assert!(url(text).is_https(), "{text}");
    }
}

#[test]
fn http_is_accepted_for_loopback_only() {
    for text in [
        "http://127.0.0.1:8080/api/v1",
        "http://127.9.9.9",
        "http://[::1]:80/",
        "http://localhost:1",
        "http://LocalHost",
    ] {
        assert!(!url(text).is_https(), "{text}");
    }
    for text in [
        "http://api.meraki.com/",
        "http://128.0.0.1",
        "http://0.0.0.0",
        "http://[::2]",
        "http://localhost.evil.com",
        "http://127.0.0.1.evil.com",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
    ] {
        assert!(
            matches!(
                Url::parse(text),
                Err(UrlError::Insecure | UrlError::Malformed)
            ),
            "{text}"
        );
    }
}

#[test]
fn other_texts_are_rejected() {
    for text in [
        "",
        "/clip",
        "//host/clip",
        "https://",
        "https:///clip",
        "https://h:99999/",
        "https://h/a b",
        "https://h/\r\nX: y",
        "https://é/",
        "data:text/plain,x",
        "https://:443/",
    ] {
        assert_eq!(Url::parse(text), Err(UrlError::Malformed), "{text:?}");
    }
    assert_eq!(
        Url::parse("https://api.meraki.com@evil.com/"),
        Err(UrlError::UserInfo)
    );
}

#[test]
fn ambiguous_hosts_are_rejected() {
    for host in [
        "evil.com%2F.meraki.com",
        "evil.com%00.meraki.com",
        "api%2emeraki.com",
        "evil.com;.meraki.com",
        "a..meraki.com",
        ".meraki.com",
        "127.1",
        "0x7f000001",
        "2130706433",
        "meraki.com.0X7F.",
        "meraki.com.0x",
        "[v1.meraki.com]",
        "-h.example",
        "h-.example",
        &"a".repeat(64),
    ] {
        let text = format!("https://{host}/x");
        assert_eq!(Url::parse(&text), Err(UrlError::Malformed), "{text}");
    }
    for host in [
        "my_nas",
        "3com",
        "0xyz",
        &"a".repeat(63),
        "h.",
        "a-1.xn--p1ai",
        "[::1]",
        "10.0.0.1",
    ] {
        assert_eq!(url(&format!("https://{host}:8443/x")).host(), host);
    }
}

#[test]
fn references_are_resolved() {
    let base = url("https://api.meraki.com/api/v1/devices/Q/camera/clip?a=b");
    for (reference, whole) in [
        ("https://n1.meraki.com/x?y", "https://n1.meraki.com/x?y"),
        ("//n1.meraki.com/x", "https://n1.meraki.com/x"),
        ("/api/v1/x?y=z", "https://api.meraki.com/api/v1/x?y=z"),
        (
            "other?y",
            "https://api.meraki.com/api/v1/devices/Q/camera/other?y",
        ),
        ("../up", "https://api.meraki.com/api/v1/devices/Q/up"),
    ] {
        assert_eq!(base.join(reference).unwrap().expose(), whole, "{reference}");
    }
    assert_eq!(
        base.join("http://api.meraki.com/x"),
        Err(UrlError::Insecure)
    );
    assert_eq!(base.join("http://[oops"), Err(UrlError::Malformed));
}

#[test]
fn path_and_query_is_never_empty() {
    assert_eq!(url("https://h").path_and_query(), "/");
    assert_eq!(url("https://h?a=b").path_and_query(), "/?a=b");
    assert_eq!(url("https://h/p?a=b#f").path_and_query(), "/p?a=b");
}

#[test]
fn origins() {
    let base = url("https://api.meraki.com/api/v1");
    for text in ["https://api.meraki.com/x", "https://API.meraki.com:443/"] {
        assert!(base.same_origin(&url(text)), "{text}");
    }
    for text in [
        "https://api.meraki.com:444/",
        "https://n1.meraki.com/",
        "https://api.meraki.com./",
    ] {
        assert!(!base.same_origin(&url(text)), "{text}");
    }
    assert!(!url("http://127.0.0.1:443/").same_origin(&url("https://127.0.0.1:443/")));
}

#[test]
fn meraki_is_matched_by_whole_labels() {
    for text in [
        "https://api.meraki.com/",
        "https://meraki.com/",
        "https://n1.shard.MERAKI.CA/",
        "https://api.meraki.cn",
        "https://api.meraki.in",
        "https://api.gov-meraki.com",
        "https://api.meraki.com:443/",
    ] {
        assert!(url(text).is_meraki(), "{text}");
    }
    for text in [
        "https://evilmeraki.com/",
        "https://api.meraki.com.evil.com/",
        "https://meraki.co/",
        "https://api.meraki.com.",
        "https://not-gov-meraki.com/",
        "https://api.meraki.com:8443/",
    ] {
        assert!(!url(text).is_meraki(), "{text}");
    }
}

#[test]
fn the_api_of_meraki_is_one_of_few_names() {
    for text in [
        "https://api.meraki.com/",
        "https://API.Meraki.ca/",
        "https://api.meraki.cn:443",
        "https://n1.meraki.in",
        "https://n149.gov-meraki.com",
    ] {
        assert!(url(text).is_meraki_api(), "{text}");
    }
    for text in [
        "https://meraki.com/",
        "https://n.meraki.com/",
        "https://n1a.meraki.com/",
        "https://an1.meraki.com/",
        "https://spn49.meraki.com/",
        "https://dashboard.meraki.com/",
        "https://api.n1.meraki.com/",
        "https://n1.api.meraki.com/",
        "https://apis.meraki.com/",
        "https://api.evilmeraki.com/",
        "https://api.meraki.com.evil.com/",
        "https://api.meraki.com:8443/",
    ] {
        assert!(!url(text).is_meraki_api(), "{text}");
    }
}

#[test]
fn debug_hides_path_and_query() {
    let shown = format!(
        "{:?}",
        url("https://spn49.meraki.com/stream/t0ken?k=s3cret")
    );
    assert_eq!(shown, "Url(https://spn49.meraki.com/...)");
}
