//! `src/oauth/url.rs`: what may be used, and which URLs are one server.

use crate::laws;
use crate::urls::{ipv4_host, text, urlish};
use crate::{holds, one_of};
use mcp_credential::oauth::url::{endpoint, is_loopback, same_server, server_url};
use proptest::prelude::*;
use url::Url;

#[test]
fn no_text_gets_past_the_rules_for_urls() {
    holds(text(), |text| laws::url::any(&text));
}

#[test]
fn an_address_is_this_machine_however_it_is_spelled() {
    holds(ipv4_host(), |(address, host)| {
        let url = format!("http://{host}/mcp");
        assert_eq!(is_loopback(&Url::parse(&url).unwrap()), address.is_loopback(), "{url}");
        assert_eq!(server_url(&url).is_ok(), address.is_loopback(), "{url}");
        assert!(server_url(&format!("https://{host}/mcp")).is_ok());
    });
}

#[test]
fn a_name_that_only_looks_like_this_machine_is_not_it() {
    let label = "[a-z][a-z0-9]{0,8}";
    let name = one_of(["localhost", "127.0.0.1", "127.1", "0x7f.1", "LocalHost"]);
    holds((label, name, 0..5), |(label, name, place)| {
        let host = match place {
            0 => format!("{name}.{label}"),
            1 => format!("{name}{label}"),
            2 => format!("{label}.localhost"),
            3 => format!("{label}localhost"),
            _ => format!("{name}.{label}."),
        };
        let url = format!("http://{host}/");
        assert!(endpoint(&url).is_err(), "{url}");
        assert!(Url::parse(&url).is_err() || !is_loopback(&Url::parse(&url).unwrap()), "{url}");
    });
}

/// Path and query in the characters of RFC 3986, without what a URL parser takes out: segments of dots.
fn written() -> impl Strategy<Value = String> {
    let segment = "([A-Za-z0-9_~!$&()*+,;=:@-]|%[3-7][0-9A-Fa-f]){1,6}(\\.[a-z]{1,3})?";
    let path = prop::collection::vec(segment, 0..4);
    let query = prop::option::of("([A-Za-z0-9._~!$&()*+,;=:@/?-]|%[0-9A-Fa-f]{2}){0,12}");
    (path, any::<bool>(), query).prop_map(|(path, slash, query)| {
        let mut text: String = path.iter().flat_map(|segment| ["/", segment.as_str()]).collect();
        text.push_str(if slash { "/" } else { "" });
        text.extend(query.map(|query| format!("?{query}")));
        text
    })
}

#[test]
fn a_server_url_keeps_path_and_query_byte_for_byte() {
    let origin =
        one_of(["https://mcp.example.com", "HTTPS://MCP.example.COM:443", "https://mcp.example.com:443"]);
    holds((origin, written()), |(origin, written)| {
        let text = format!("{origin}{written}");
        assert_eq!(server_url(&text), Ok(format!("https://mcp.example.com{written}")), "{text}");
    });
}

/// Different servers, and for each of them other spellings.
const SERVERS: [[&str; 4]; 6] = [
    ["https://a.example", "https://A.Example/", "HTTPS://a.example:443", "https://a.example/."],
    [
        "https://a.example/mcp",
        "https://a.example:443/mcp",
        "https://a.EXAMPLE/x/../mcp",
        "https:\\\\a.example\\mcp",
    ],
    [
        "https://a.example/mcp/",
        "https://a.example/./mcp/",
        "https://a.example/mcp/%2e",
        "https://a.example/mcp/x/..",
    ],
    [
        "https://a.example/mcp?x=1",
        "https://a.example:443/mcp?x=1",
        "https://A.example/mcp?x=1",
        "https:/a.example/mcp?x=1",
    ],
    [
        "https://a.example:8443/mcp",
        "https://A.example:8443/mcp",
        "https://a.example:08443/mcp",
        "https:a.example:8443/mcp",
    ],
    ["http://127.0.0.1/mcp", "http://127.1/mcp", "http://0x7f.0.0.1:80/mcp", "http://2130706433/mcp"],
];

#[test]
fn two_texts_are_one_server_exactly_where_they_name_the_same_one() {
    let named = || (0..SERVERS.len(), 0..SERVERS[0].len());
    holds((named(), named()), |((server, spelling), (other, other_spelling))| {
        let (one, two) = (SERVERS[server][spelling], SERVERS[other][other_spelling]);
        assert_eq!(same_server(one, two), server == other, "{one} and {two}");
    });
}

#[test]
fn being_the_same_server_is_an_equivalence() {
    let near = || prop_oneof![urlish(), one_of(SERVERS.concat()).prop_map(str::to_owned)];
    holds((near(), near(), near()), |(one, two, three)| {
        assert_eq!(same_server(&one, &one), Url::parse(&one).is_ok_and(|url| url.fragment().is_none()));
        assert_eq!(same_server(&one, &two), same_server(&two, &one));
        if same_server(&one, &two) && same_server(&two, &three) {
            assert!(same_server(&one, &three), "{one}, {two}, {three}");
        }
    });
}
