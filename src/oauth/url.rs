//! Which URLs may be used for what. Pure rules; nothing is fetched here.
//!
//! Hosts are judged as the URL standard parses them, so `0x7f.1` and `127.1` are the loopback address that
//! they denote, and no rule looks at the text of a host.

use crate::text::one_line;
use std::net::Ipv4Addr;
use url::{Host, Position, Url};

/// The longest place or identifier that a server may name, in bytes: it is stored, and has to fit into the room that is
/// reserved for a record.
pub const LONGEST_ENDPOINT: usize = 4096;

/// The longest client identifier that is a URL, in bytes: it stands in every authorization request.
const LONGEST_CLIENT_ID: usize = 2048;

/// The canonical URL of an MCP server (MCP authorization, "canonical server URI"; RFC 8707, section 2):
/// scheme and host in lower case, default port left out, path and query as written (but for dot segments and
/// characters that no URL holds), and no slash added to a URL without a path.
///
/// # Errors
/// A sentence that says what is wrong: not an absolute http(s) URL, plain http to a host that is not
/// loopback, user information, or a fragment.
pub fn server_url(text: &str) -> Result<String, String> {
    let url = endpoint(text)?;
    if url.fragment().is_some() {
        return Err("it has a fragment (`#…`), which a server URL must not have".to_owned());
    }
    let path = if has_path(text) { url.path() } else { "" };
    Ok(format!("{}{path}{}", &url[..Position::BeforePath], &url[Position::AfterPath..]))
}

/// Whether a slash follows the host of `text`, which has been parsed as a URL: the parser reads `\` as `/`.
fn has_path(text: &str) -> bool {
    let after_scheme = text.split_once(':').map_or(text, |(_, rest)| rest);
    let before_query = after_scheme.split('?').next().unwrap_or_default();
    before_query.trim_start_matches(['/', '\\']).contains(['/', '\\'])
}

/// An endpoint that a request may be sent to: absolute, https, or http to a loopback host, without user
/// information (MCP authorization, "communication security").
///
/// # Errors
/// A sentence that says which of these it breaks.
pub fn endpoint(text: &str) -> Result<Url, String> {
    if text.chars().any(|c| c.is_control() || c == ' ') {
        return Err("it holds a blank or a control character".to_owned());
    }
    let url = Url::parse(text).map_err(|error| format!("it is not an absolute URL ({error})"))?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(format!("its scheme is `{}`, not https", url.scheme()));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("it has no host".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it carries a user name or a password".to_owned());
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err("it is plain http, which is allowed for loopback hosts only".to_owned());
    }
    Ok(url)
}

/// An absolute URI of any scheme (RFC 3986, section 4.3), as `resource` must be one (RFC 8707, section 2).
///
/// For identifiers that are kept and sent as they stand: who receives one reads it in his own way. A parser mends what no
/// URI may hold (`\\` becomes `/`), another one does not, and the two then see different hosts.
///
/// # Errors
/// A sentence that says what is wrong: no scheme, a fragment, or a character that no URI may hold.
pub fn absolute_uri(text: &str) -> Result<(), String> {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    if let Some(stranger) = text.chars().find(|c| !is_of_uris(*c)) {
        let shown = match stranger {
            ' ' => "a blank".to_owned(),
            _ if stranger.is_ascii_graphic() => format!("`{stranger}`"),
            _ => format!("`{}`", stranger.escape_unicode()),
        };
        return Err(format!("it holds {shown}, which no URI may hold (RFC 3986, section 2)"));
    }
    let Some((_, rest)) = text.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) else {
        return Err("it does not begin with a scheme such as `https:`".to_owned());
    };
    if rest.is_empty() {
        return Err("nothing follows its scheme".to_owned());
    }
    if rest.contains('#') {
        return Err("it has a fragment (`#…`)".to_owned());
    }
    Ok(())
}

/// The characters of RFC 3986, section 2: unreserved ones, reserved ones, and the percent sign.
fn is_of_uris(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c)
}

/// The URL of a Client ID Metadata Document (draft-ietf-oauth-client-id-metadata-document, section 3), which is
/// a `client_id` at the same time: https, a path, no fragment, no user information, no dot segments.
///
/// Servers compare it as a text, so it must stand as a URL parser would write it.
///
/// # Errors
/// Half a sentence that says what is wrong.
pub fn client_metadata_url(text: &str) -> Result<(), String> {
    let url = endpoint(text)?;
    if url.scheme() != "https" {
        return Err("its scheme is not https".to_owned());
    }
    if url.fragment().is_some() {
        return Err("it has a fragment (`#…`)".to_owned());
    }
    if url.path() == "/" {
        return Err("it has no path, which a client identifier needs".to_owned());
    }
    if url.as_str() != text {
        return Err(format!("servers that parse it would read {}; write it so", one_line(url.as_str())));
    }
    if text.len() > LONGEST_CLIENT_ID {
        return Err("it is longer than a client identifier may be".to_owned());
    }
    Ok(())
}

/// Whether the URL's host is this machine: `localhost`, `127.0.0.0/8` or `::1`.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        // Names below `localhost` are not included: a resolver may send them elsewhere.
        Some(Host::Domain(name)) => name.strip_suffix('.').unwrap_or(name) == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|v4: Ipv4Addr| v4.is_loopback())
        }
        None => false,
    }
}

/// [`origin`] of a text, or the text itself where it is no URL.
#[must_use]
pub fn origin_of(text: &str) -> String {
    Url::parse(text).map_or_else(|_| text.to_owned(), |url| origin(&url))
}

/// Scheme, host and port of a URL, for example `https://idp.example.com`. Two URLs have one origin when
/// these texts are equal.
#[must_use]
pub fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Whether two server URLs name the same server: scheme, host, port, path and query, after parsing. Never
/// a substring or a pattern. A text that is no URL equals nothing.
#[must_use]
pub fn same_server(one: &str, other: &str) -> bool {
    matches!((Url::parse(one), Url::parse(other)), (Ok(one), Ok(other))
        if one.fragment().is_none() && other.fragment().is_none() && one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pathless_url_gets_no_slash_and_a_written_one_keeps_its_own() {
        assert_eq!(server_url("HTTPS://MCP.Example.com").unwrap(), "https://mcp.example.com");
        assert_eq!(server_url("https://mcp.example.com/").unwrap(), "https://mcp.example.com/");
        assert_eq!(server_url("https://a.example:443/Mcp?x=1").unwrap(), "https://a.example/Mcp?x=1");
        assert_eq!(server_url("https://a.example:443?x=/1").unwrap(), "https://a.example?x=/1");
        assert_eq!(server_url("https://a.example/?x=1").unwrap(), "https://a.example/?x=1");
        assert_eq!(server_url("https:\\\\a.example\\.").unwrap(), "https://a.example/");
    }

    #[test]
    fn loopback_is_judged_by_the_parsed_host() {
        for url in ["http://0x7f.1/mcp", "http://127.1/", "http://localhost./x", "http://[::1]:8/"] {
            assert!(server_url(url).is_ok(), "{url}");
        }
        for url in ["http://127.0.0.1.evil.example/", "http://localhost.evil.example/", "http://10.0.0.1/"] {
            assert!(server_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn urls_that_hide_something_are_refused() {
        for url in [
            "mcp.example.com",
            "https://",
            "https://u:p@a.example/",
            "https://a.example/#x",
            "file:///x",
            "javascript:alert(1)",
            "https://a.example/ x",
            "https://a.example/\u{7}",
        ] {
            assert!(server_url(url).is_err(), "{url:?}");
        }
    }

    #[test]
    fn a_client_metadata_url_is_https_with_a_path_and_written_as_it_is_read() {
        for url in ["https://a.example/client.json", "https://a.example:8443/x/y", "https://a.example/x?v=1"]
        {
            assert_eq!(client_metadata_url(url), Ok(()), "{url}");
        }
        for (url, why) in [
            ("http://a.example/c", "plain http"),
            ("http://127.0.0.1:1/c", "https"),
            ("https://a.example", "path"),
            ("https://a.example/", "path"),
            ("https://a.example/c#f", "fragment"),
            ("https://u@a.example/c", "user name"),
            ("https://a.example/x/../c", "https://a.example/c"),
            ("https://a.example/./c", "https://a.example/c"),
            ("https://a.example/x/%2e%2E/c", "https://a.example/c"),
            ("https://A.example/c", "https://a.example/c"),
            ("https://a.example:443/c", "https://a.example/c"),
            ("https:\\\\a.example\\c", "https://a.example/c"),
            ("client", "absolute"),
        ] {
            let problem = client_metadata_url(url).unwrap_err();
            assert!(problem.contains(why), "{url}: {problem}");
        }
        assert!(client_metadata_url(&format!("https://a.example/{}", "c".repeat(2048))).is_err());
    }

    #[test]
    fn a_uri_of_any_scheme_is_one_without_fragments_and_what_a_parser_would_have_to_mend() {
        for uri in [
            "https://a.example",
            "https://[::1]:8/a%20b/(c);d='e'?f=g&h=~i!$*+,@",
            "api://0f1e-2d3c/mcp",
            "urn:example:mcp",
        ] {
            assert_eq!(absolute_uri(uri), Ok(()), "{uri}");
        }
        let strangers =
            [" ", "\t", "\n", "\0", "\u{7f}", "ü", "\u{202e}", "<", ">", "\"", "{", "}", "|", "^", "`", "\\"];
        for stranger in strangers {
            let problem = absolute_uri(&format!("https://a.example/{stranger}")).unwrap_err();
            assert!(
                problem.contains("no URI may hold") && !problem.contains(['\n', '\0', '\u{202e}']),
                "{problem}"
            );
        }
        for other in ["", "mcp", "a.example/mcp", "https:", ":x", "1a:x", "/mcp:8", "?a:b"] {
            assert!(absolute_uri(other).is_err(), "{other}");
        }
        assert!(absolute_uri("api://x#y").unwrap_err().contains("fragment"));
    }

    #[test]
    fn servers_are_the_same_by_their_parts_alone() {
        assert!(same_server("https://a.example", "https://A.example:443/"));
        assert!(!same_server("https://a.example/mcp", "https://a.example/mcp/"));
        assert!(!same_server("https://a.example/mcp", "https://a.example.evil/mcp"));
    }
}
