//! The native answer and the native error, version 1.

use crate::broker::{Answer, Source};
use crate::clock::rfc3339;
use crate::config::Server;
use crate::failure::Failure;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The version of the protocol.
pub const VERSION: u32 = 1;

/// A token as protocol.md describes it. Never a refresh token, never a client secret.
#[derive(Serialize)]
pub struct NativeAnswer<'a> {
    version: u32,
    server: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a str>,
    token_type: &'a str,
    access_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    refresh_after: u64,
    generation: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'a str>,
    source: Source,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_ttl_met: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    persisted: Option<bool>,
    headers: Map<String, Value>,
}

impl<'a> NativeAnswer<'a> {
    /// The answer for `server`.
    #[must_use]
    pub fn new(answer: &'a Answer, server: &Server) -> Self {
        let clear = &answer.clear;
        let headers = super::own_headers(answer).into_iter().collect();
        Self {
            version: VERSION,
            server: &clear.server,
            resource: clear.resource.as_deref(),
            token_type: &clear.token_type,
            access_token: answer.access_token.expose(),
            expires_at: clear.expires_at,
            expires: clear.expires_at.map(rfc3339),
            refresh_after: clear.refresh_after(server.refresh_skew_seconds),
            generation: &clear.generation,
            scopes: clear.scopes.as_deref(),
            issuer: clear.issuer.as_deref(),
            source: answer.source,
            min_ttl_met: answer.min_ttl_met,
            persisted: (!answer.persisted).then_some(false),
            headers,
        }
    }
}

/// The error object.
#[must_use]
pub fn failure_json(failure: &Failure) -> Value {
    let mut error = Map::new();
    error.insert("code".to_owned(), json!(failure.code));
    error.insert("message".to_owned(), json!(failure.message));
    error.insert("retryable".to_owned(), json!(failure.code.retryable()));
    if let Some(seconds) = failure.retry_after {
        error.insert("retry_after".to_owned(), json!(seconds));
    }
    if !failure.scopes.is_empty() {
        error.insert("scopes".to_owned(), json!(failure.scopes));
    }
    if let Some(command) = login_command(failure) {
        error.insert("login".to_owned(), json!(command));
    }
    let mut object = Map::new();
    object.insert("version".to_owned(), json!(VERSION));
    if let Some(server) = &failure.server {
        object.insert("server".to_owned(), json!(server));
    }
    object.insert("error".to_owned(), Value::Object(error));
    Value::Object(object)
}

/// The command that ends the failure, where a login does: program and arguments, for no shell.
#[must_use]
pub fn login_command(failure: &Failure) -> Option<Vec<String>> {
    let helps = failure.code.wants_login() && !failure.without_login;
    let server = failure.server.as_deref().filter(|_| helps)?;
    let mut command = vec!["mcp-credential".to_owned(), "login".to_owned(), server.to_owned()];
    if !failure.scopes.is_empty() {
        command.extend(["--scope".to_owned(), failure.scopes.join(" ")]);
    }
    Some(command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Code;
    use crate::secret::Secret;
    use crate::token::samples;

    #[test]
    fn the_native_answer_is_byte_exact() {
        let mut clear = samples::clear(1_789_996_400, Some(3600));
        clear.scopes = Some(vec!["read:jira".into()]);
        clear.generation = "gen".into();
        let answer = Answer {
            clear,
            access_token: Secret::new("token"),
            dpop_key: None,
            proof: None,
            source: Source::Cache,
            min_ttl_met: None,
            persisted: true,
        };
        let server = Server { refresh_skew_seconds: 30, ..Server::default() };
        assert_eq!(
            serde_json::to_string(&NativeAnswer::new(&answer, &server)).unwrap(),
            concat!(
                r#"{"version":1,"server":"demo","resource":"https://mcp.example.com/mcp","token_type":"Bearer","#,
                r#""access_token":"token","expires_at":1790000000,"expires":"2026-09-21T14:13:20Z","#,
                r#""refresh_after":1789999970,"generation":"gen","scopes":["read:jira"],"#,
                r#""issuer":"https://idp.example.com","source":"cache","#,
                r#""headers":{"Authorization":"Bearer token"}}"#
            )
        );
    }

    #[test]
    fn the_native_error_is_byte_exact() {
        let failure = Failure::new(Code::InteractionRequired, "nobody is logged in").of_server("demo");
        assert_eq!(
            failure_json(&failure).to_string(),
            concat!(
                r#"{"version":1,"server":"demo","error":{"code":"interaction_required","#,
                r#""message":"nobody is logged in","retryable":false,"login":["mcp-credential","login","demo"]}}"#
            )
        );
        let scopes = ["a".to_owned(), "b".to_owned()];
        let failure = Failure::new(Code::InsufficientScope, "more").of_server("demo").demanding(&scopes);
        assert_eq!(
            failure_json(&failure).to_string(),
            concat!(
                r#"{"version":1,"server":"demo","error":{"code":"insufficient_scope","message":"more","#,
                r#""retryable":false,"scopes":["a","b"],"login":["mcp-credential","login","demo","--scope","a b"]}}"#
            )
        );
        let alone = Failure { without_login: true, ..failure };
        assert_eq!(failure_json(&alone)["error"].get("login"), None);
        let failure = Failure::new(Code::RateLimited, "slow down").retry_after(Some(7));
        assert_eq!(
            failure_json(&failure).to_string(),
            r#"{"version":1,"error":{"code":"rate_limited","message":"slow down","retryable":true,"retry_after":7}}"#
        );
    }
}
