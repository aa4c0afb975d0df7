//! From the end of a wait to a code, or to the failure that says what to do next.
//!
//! Owns the table of the error codes of the authorization endpoint (RFC 6749, section 4.1.2.1; RFC 8707,
//! section 2; `OpenID` Connect Core, section 3.1.2.6). Foreign text passes through [`one_line`].

use crate::config::Server;
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::callback::{Ended, IssuerBreach};
use crate::secret::Secret;
use crate::text::one_line;

/// # Errors
/// As [`super::authorize`] says.
pub(super) fn code_of(ended: Ended, server: &Server, issuer: Option<&str>) -> Outcome<Secret> {
    let login = login_again(server);
    match ended {
        Ended::Code(code) => Ok(code),
        Ended::Denied { error, description } => Err(denied(&error, description.as_deref(), &login)),
        Ended::Untrusted(breach) => Err(untrusted(&breach, issuer.unwrap_or("(not known)"), &login)),
        Ended::TimedOut => {
            let what = format!(
                "nobody finished the login in time; {login} and open the address that it prints \
                 (`--timeout` or `callbackTimeoutSeconds` gives more time{})",
                port_advice(server)
            );
            Err(Failure::new(Code::Deadline, what))
        }
        Ended::Cancelled => {
            let what = format!("the login was given up before it was finished; {login} to start anew");
            Err(Failure::new(Code::InteractionRequired, what))
        }
    }
}

/// The command that begins such a login anew, in the same way.
fn login_again(server: &Server) -> String {
    let option = if server.callback.pasted { " --paste" } else { "" };
    format!("run `mcp-credential login {}{option}`", one_line(&server.name))
}

/// Nothing of what was pasted was the address of this login.
pub(super) fn none_pasted(server: &Server, lines: u32, redirect_uri: &str) -> Failure {
    let (login, start) = (login_again(server), one_line(redirect_uri));
    let what = format!(
        "none of the {lines} lines that were pasted was the address of this login, which begins with {start}; {login} and \
         paste the whole address at which the browser ends"
    );
    Failure::new(Code::InteractionRequired, what)
}

/// A page that refuses the redirect URI sends nobody back here, so this cannot be told when it happens.
fn port_advice(server: &Server) -> &'static str {
    let known_elsewhere = server.client_id.is_some() || server.client_metadata_url.is_some();
    let open = server.callback.port == 0 && server.callback.redirect_uri.is_none();
    if known_elsewhere && open {
        "; if the page complained about the redirect URI, set `callbackPort` to the port that the client is known with"
    } else {
        ""
    }
}

fn denied(error: &str, description: Option<&str>, login: &str) -> Failure {
    let (code, meaning, next) = meaning(error);
    let next = next.unwrap_or(login);
    let said = match description.map(one_line).filter(|text| !text.is_empty()) {
        Some(description) => format!("`{}`: {description}", one_line(error)),
        None => format!("`{}`", one_line(error)),
    };
    Failure::new(code, format!("{meaning} ({said}); {next}"))
}

/// What an error code means here, and the next step where it is not another login.
fn meaning(error: &str) -> (Code, &'static str, Option<&'static str>) {
    match error {
        "access_denied" => (Code::Denied, "the login was refused, there or by the person", None),
        "temporarily_unavailable" | "server_error" => {
            (Code::Unavailable, "the authorization server could not finish the login", None)
        }
        "unauthorized_client" | "invalid_client" | "unsupported_response_type" => (
            Code::InvalidClient,
            "the authorization server does not let this client log people in",
            Some("check `clientId` and what its registration allows, or the document at `clientMetadataUrl`"),
        ),
        "invalid_scope" => (
            Code::Denied,
            "the authorization server does not grant the scope that was asked for",
            Some("set `scope` to what it grants"),
        ),
        "invalid_target" => (
            Code::Denied,
            "the authorization server does not know the resource that was asked for",
            Some("set `resource` (\"\" leaves it out)"),
        ),
        "login_required" | "interaction_required" | "consent_required" | "account_selection_required" => (
            Code::InteractionRequired,
            "the authorization server may not ask the person anything",
            Some("take `prompt` out of `authorizationParams`"),
        ),
        _ => (
            Code::Denied,
            "the authorization server refused the login",
            Some("check `clientId`, `redirectUri`, `scope` and `authorizationParams`"),
        ),
    }
}

/// RFC 9207, section 2.4: neither the code nor an error of such an answer may be used, so none is shown.
fn untrusted(breach: &IssuerBreach, issuer: &str, login: &str) -> Failure {
    let found = match breach {
        IssuerBreach::Missing => "does not say from whom it is, which that server announced to do".to_owned(),
        IssuerBreach::Repeated => "names several issuers".to_owned(),
        IssuerBreach::Other(iss) => format!("is from `{}`", one_line(iss)),
    };
    let what = format!(
        "the login was sent to `{}`, but the answer {found}; nothing of it was used. If you did not start \
         another login meanwhile, tell the server's operator; then {login}",
        one_line(issuer)
    );
    Failure::new(Code::UntrustedServer, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(ended: Ended) -> Failure {
        let server = Server { name: "demo".to_owned(), ..Server::default() };
        code_of(ended, &server, Some("https://as.example")).unwrap_err()
    }

    fn refused(error: &str, description: Option<&str>) -> Failure {
        failure(Ended::Denied { error: error.to_owned(), description: description.map(str::to_owned) })
    }

    #[test]
    fn every_error_of_the_authorization_endpoint_has_its_code() {
        for (error, code) in [
            ("access_denied", Code::Denied),
            ("server_error", Code::Unavailable),
            ("temporarily_unavailable", Code::Unavailable),
            ("unauthorized_client", Code::InvalidClient),
            ("unsupported_response_type", Code::InvalidClient),
            ("invalid_scope", Code::Denied),
            ("invalid_target", Code::Denied),
            ("login_required", Code::InteractionRequired),
            ("invalid_request", Code::Denied),
            ("brand_new", Code::Denied),
        ] {
            let failure = refused(error, Some("why"));
            assert_eq!(failure.code, code, "{error}");
            assert!(failure.message.contains(&format!("(`{error}`: why);")), "{failure}");
        }
    }

    #[test]
    fn what_the_server_says_is_shown_as_one_short_plain_line() {
        let failure = refused("a\x1b[31m\nb", Some(&"\u{202e}x\r\n".repeat(10_000)));
        assert!(!failure.message.contains(['\x1b', '\n', '\r', '\u{202e}']), "{failure}");
        assert!(failure.message.chars().count() < 600);
        assert!(refused("x", Some(" \n")).message.contains("(`x`);"));
    }

    #[test]
    fn case_30_the_failure_names_both_issuers_and_the_server_to_log_in_to() {
        let other = failure(Ended::Untrusted(IssuerBreach::Other("https://evil.example\x1b".to_owned())));
        assert_eq!(other.code, Code::UntrustedServer);
        for text in ["`https://as.example`", "`https://evil.example\\u{1b}`", "mcp-credential login demo"] {
            assert!(other.message.contains(text), "{other}");
        }
        let missing = failure(Ended::Untrusted(IssuerBreach::Missing));
        assert_eq!(missing.code, Code::UntrustedServer);
        assert_ne!(missing.message, failure(Ended::Untrusted(IssuerBreach::Repeated)).message);
    }

    #[test]
    fn the_port_is_spoken_of_where_a_page_may_have_refused_it() {
        let open = |id: Option<&str>, url: Option<&str>, port| {
            let callback = crate::config::Callback { port, ..Default::default() };
            let (client_id, client_metadata_url) = (id.map(str::to_owned), url.map(str::to_owned));
            let server = Server { client_id, client_metadata_url, callback, ..Server::default() };
            let failure = code_of(Ended::TimedOut, &server, None).unwrap_err();
            failure.message.contains("callbackPort")
        };
        assert!(open(Some("id"), None, 0) && open(None, Some("https://a.example/c"), 0));
        assert!(!open(None, None, 0) && !open(Some("id"), None, 7));
    }

    #[test]
    fn a_login_by_paste_is_begun_anew_by_paste() {
        let callback = crate::config::Callback { pasted: true, ..Default::default() };
        let server = Server { name: "demo".to_owned(), callback, ..Server::default() };
        let denied = Ended::Denied { error: "access_denied".to_owned(), description: None };
        for ended in [Ended::TimedOut, Ended::Cancelled, denied] {
            let failure = code_of(ended, &server, None).unwrap_err();
            assert!(failure.message.contains("run `mcp-credential login demo --paste`"), "{failure}");
        }
        let failure = none_pasted(&server, 10, "http://127.0.0.1/callback");
        assert!(failure.message.contains("run `mcp-credential login demo --paste`"), "{failure}");
        assert_eq!(failure.code, Code::InteractionRequired);
    }

    #[test]
    fn a_login_that_nobody_finished_says_how_to_go_on() {
        for (ended, code) in
            [(Ended::TimedOut, Code::Deadline), (Ended::Cancelled, Code::InteractionRequired)]
        {
            let failure = failure(ended);
            assert_eq!(failure.code, code);
            assert!(failure.message.contains("run `mcp-credential login demo`"), "{failure}");
        }
    }
}
