//! Well-known servers that bend one rule, so that they work at the first try: each row lets the metadata of one
//! authorization server name one other issuer, both byte for byte, for one MCP server's origin and no other. A second
//! table has the authorization servers that must not be told to ask for consent.
//!
//! A row stands here only where a public page states exactly these texts. `"strict": true` turns all rows off.
//! Everything else that bends is refused with the setting that would allow it.

use crate::config::Server;
use crate::oauth::url::origin;
use url::Url;

/// One exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known<'a> {
    /// The origin of the MCP server that it holds for.
    pub origin: &'a str,
    /// The authorization server as that server publishes it; its own origin where it publishes none.
    pub published: &'a str,
    /// The other issuer that the metadata of `published` may name.
    pub issuer: &'a str,
    /// The public page that states it.
    pub source: &'a str,
    /// When it was stated there, as `YYYY-MM-DD`.
    pub stated: &'a str,
}

const ATLASSIAN: &str = "https://github.com/atlassian/atlassian-mcp-server/issues/148";
const GOOGLE_WORKSPACE: &str = "https://github.com/NousResearch/hermes-agent/pull/97010";
const GOOGLE_CLOUD: &str = "https://github.com/agentconnect-md/agentconnect/pull/2133";

/// Google publishes `https://accounts.google.com/`, whose metadata names the issuer without the slash.
const fn google(origin: &'static str, source: &'static str, stated: &'static str) -> Known<'static> {
    let (published, issuer) = ("https://accounts.google.com/", "https://accounts.google.com");
    Known { origin, published, issuer, source, stated }
}

/// The rows of this release.
pub const TABLE: &[Known<'static>] = &[
    // /v1/mcp publishes no authorization server.
    Known {
        origin: "https://mcp.atlassian.com",
        published: "https://mcp.atlassian.com",
        issuer: "https://cf.mcp.atlassian.com",
        source: ATLASSIAN,
        stated: "2026-07-27",
    },
    // /v1/mcp/authv2.
    Known {
        origin: "https://mcp.atlassian.com",
        published: "https://auth.atlassian.com/VCeDsk8ZHncYF1g234fKtc4lNipbBhu3",
        issuer: "https://auth.atlassian.com",
        source: ATLASSIAN,
        stated: "2026-07-27",
    },
    Known {
        origin: "https://mcp.slack.com",
        published: "https://mcp.slack.com",
        issuer: "https://slack.com",
        source: "https://github.com/slackapi/slack-skills-plugin/issues/7",
        stated: "2026-03-12",
    },
    Known {
        origin: "https://mcp.pagerduty.com",
        published: "https://mcp.pagerduty.com/",
        issuer: "https://app.pagerduty.com/global/oauth/anonymous",
        source: "https://github.com/PagerDuty/pagerduty-mcp-server/issues/169",
        stated: "2026-08-19",
    },
    google("https://calendarmcp.googleapis.com", GOOGLE_WORKSPACE, "2026-08-28"),
    google("https://docsmcp.googleapis.com", GOOGLE_WORKSPACE, "2026-08-28"),
    google("https://drivemcp.googleapis.com", GOOGLE_WORKSPACE, "2026-08-28"),
    google("https://gmailmcp.googleapis.com", GOOGLE_WORKSPACE, "2026-08-28"),
    google("https://sheetsmcp.googleapis.com", GOOGLE_WORKSPACE, "2026-08-28"),
    google("https://clouderrorreporting.googleapis.com", GOOGLE_CLOUD, "2026-09-17"),
    google("https://cloudtrace.googleapis.com", GOOGLE_CLOUD, "2026-09-17"),
    google("https://logging.googleapis.com", GOOGLE_CLOUD, "2026-09-17"),
    google("https://monitoring.googleapis.com", GOOGLE_CLOUD, "2026-09-17"),
];

/// An authorization server that gives `offline_access` without `prompt=consent`, and where that parameter locks out
/// people whose administrator has consented for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unprompted<'a> {
    /// The origin of its authorization endpoint.
    pub origin: &'a str,
    /// The public page that states it.
    pub source: &'a str,
    /// When it was stated there, as `YYYY-MM-DD`.
    pub stated: &'a str,
}

/// The rows of this release.
pub const UNPROMPTED: &[Unprompted<'static>] = &[Unprompted {
    origin: "https://login.microsoftonline.com",
    source: "https://github.com/anthropics/claude-code/issues/64013",
    stated: "2026-05-30",
}];

/// The row that holds for a login of `server` at `url`, an endpoint of the authorization server; none where the
/// server is strict, or where its configuration says what to send.
#[must_use]
pub fn unprompted<'t>(table: &'t [Unprompted<'t>], server: &Server, url: &str) -> Option<&'t Unprompted<'t>> {
    let is_told = server.strict || server.authorization_params.iter().any(|(name, _)| name == "prompt");
    let at = Url::parse(url).ok().filter(|_| !is_told).map(|url| origin(&url))?;
    table.iter().find(|row| row.origin == at)
}

/// The rows of `table` that hold for `server`; none where it is strict.
pub fn of<'t>(table: &'t [Known<'t>], server: &Server) -> impl Iterator<Item = &'t Known<'t>> {
    let own = Url::parse(&server.url).ok().filter(|_| !server.strict).map(|url| origin(&url));
    table.iter().filter(move |row| own.as_deref() == Some(row.origin))
}

/// The row that lets the metadata of `published` name `issuer`.
#[must_use]
pub fn allowing<'t>(
    table: &'t [Known<'t>],
    server: &Server,
    published: &str,
    issuer: &str,
) -> Option<&'t Known<'t>> {
    of(table, server).find(|row| row.published == published && row.issuer == issuer)
}

/// Whether `one` and `other` are two names of the same authorization server by one row: some servers change
/// between them.
#[must_use]
pub fn same_issuer(table: &[Known], server: &Server, one: &str, other: &str) -> bool {
    of(table, server).any(|row| [one, other].iter().all(|name| [row.published, row.issuer].contains(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::url::endpoint;

    fn at(url: &str) -> Server {
        Server { name: "demo".to_owned(), url: url.to_owned(), ..Server::default() }
    }

    #[test]
    fn every_row_names_one_server_one_pair_of_texts_and_a_dated_public_page() {
        for row in TABLE {
            for text in [row.origin, row.published, row.issuer, row.source] {
                assert_eq!(endpoint(text).unwrap().scheme(), "https", "{row:?}");
            }
            assert_eq!(row.origin, origin(&Url::parse(row.origin).unwrap()), "an origin and nothing more");
            assert_ne!(row.published, row.issuer, "{row:?}");
            let date: Vec<&str> = row.stated.split('-').collect();
            assert!(matches!(date[..], [y, m, d] if y.len() == 4 && m.len() == 2 && d.len() == 2), "{row:?}");
            let same = |other: &&Known| other.origin == row.origin && other.published == row.published;
            assert_eq!(TABLE.iter().filter(same).count(), 1, "{row:?}");
        }
    }

    #[test]
    fn a_server_is_left_unprompted_at_the_origin_of_a_row_unless_it_is_strict_or_told_otherwise() {
        for row in UNPROMPTED {
            assert_eq!(row.origin, origin(&endpoint(row.origin).unwrap()), "an origin and nothing more");
            assert_eq!(endpoint(row.source).unwrap().scheme(), "https", "{row:?}");
            let holds =
                |server: &Server, url: &str| unprompted(UNPROMPTED, server, url).is_some_and(|at| at == row);
            let (demo, here) = (at("https://mcp.example.com"), format!("{}/tenant/authorize", row.origin));
            assert!(holds(&demo, &here));
            for other in
                [format!("{}.evil.example/", row.origin), format!("{}:8443/", row.origin), "x".into()]
            {
                assert!(!holds(&demo, &other), "{other}");
            }
            assert!(!holds(&Server { strict: true, ..demo.clone() }, &here));
            let told = vec![("prompt".to_owned(), "login".to_owned())].into();
            assert!(!holds(&Server { authorization_params: told, ..demo }, &here));
        }
    }

    #[test]
    fn a_row_holds_for_its_own_origin_alone_and_not_where_the_server_is_strict() {
        let allowed =
            |server: &Server, published, issuer| allowing(TABLE, server, published, issuer).is_some();
        let (published, issuer) = ("https://mcp.slack.com", "https://slack.com");
        assert!(allowed(&at("https://mcp.slack.com/mcp"), published, issuer));
        assert!(allowed(&at("https://mcp.slack.com:443/mcp"), published, issuer), "the same origin");
        for url in [
            "https://slack.com/mcp",
            "https://mcp.slack.com.evil.example/mcp",
            "https://evil.mcp.slack.com/mcp",
            "https://mcp.slack.com:8443/mcp",
            "https://evil.example/mcp.slack.com",
        ] {
            assert!(!allowed(&at(url), published, issuer), "{url}");
        }
        assert!(!allowed(&at("https://mcp.slack.com/mcp"), published, "https://slack.com/"));
        assert!(!allowed(&at("https://mcp.slack.com/mcp"), "https://mcp.slack.com/", issuer));
        assert!(!allowed(&Server { strict: true, ..at("https://mcp.slack.com/mcp") }, published, issuer));
    }

    #[test]
    fn the_two_names_of_one_row_are_one_authorization_server_there() {
        let server = at("https://mcp.slack.com/mcp");
        assert!(same_issuer(TABLE, &server, "https://slack.com", "https://mcp.slack.com"));
        assert!(!same_issuer(TABLE, &server, "https://slack.com", "https://auth.atlassian.com"));
        assert!(!same_issuer(TABLE, &at("https://a.example"), "https://slack.com", "https://mcp.slack.com"));
    }
}
