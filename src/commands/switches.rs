//! Which guards are lowered for a server: by its configuration, and by what is known of it.

use crate::config::{ResourceParameter, Server};
use crate::oauth::known;
use serde_json::{Value, json};

/// Every switch that is on for `server`, in the order of the documentation: its key, its value and, where it is
/// built in, the public page that speaks of it and when.
#[must_use]
pub fn of(server: &Server) -> Vec<Value> {
    let mut switches = Vec::new();
    let mut on = |name: &str, value: Value| switches.push(json!({"name": name, "value": value}));
    if server.callback.allow_remote {
        on("callbackAllowRemote", true.into());
    }
    if server.resource == ResourceParameter::Omitted {
        on("resource", "".into());
    }
    if server.scope_on_refresh {
        on("scopeOnRefresh", true.into());
    }
    if let Some(issuer) = &server.trusted_issuer {
        on("trustedIssuer", issuer.as_str().into());
    }
    if server.allow_missing_pkce_metadata {
        on("allowMissingPkceMetadata", true.into());
    }
    if !server.allow_private_hosts.is_empty() {
        on("allowPrivateHosts", server.allow_private_hosts.clone().into());
    }
    let built_in = known::of(known::TABLE, server).map(|row| {
        json!({"name": "trustedIssuer", "value": row.issuer, "source": row.source, "stated": row.stated})
    });
    switches.extend(built_in);
    switches
}

/// A switch as a line for people.
#[must_use]
pub fn line(switch: &Value) -> String {
    let text = |name: &str| switch[name].as_str();
    let value = text("value").map_or_else(|| switch["value"].to_string(), str::to_owned);
    let value = if value.is_empty() { "\"\"" } else { &value };
    let built_in = text("source").zip(text("stated"));
    let built_in =
        built_in.map_or_else(String::new, |(source, stated)| format!(" (built in: {source}, {stated})"));
    format!("{} {value}{built_in}", text("name").unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lowered_guard_is_listed_and_none_where_none_is_lowered() {
        assert_eq!(of(&Server::default()), [Value::Null; 0]);
        let callback = crate::config::Callback { allow_remote: true, ..Default::default() };
        let server = Server {
            callback,
            resource: ResourceParameter::Omitted,
            scope_on_refresh: true,
            trusted_issuer: Some("https://a.example".to_owned()),
            allow_missing_pkce_metadata: true,
            allow_private_hosts: vec!["10.0.0.1".to_owned()],
            ..Server::default()
        };
        let lines: Vec<String> = of(&server).iter().map(line).collect();
        let expected = [
            "callbackAllowRemote true",
            "resource \"\"",
            "scopeOnRefresh true",
            "trustedIssuer https://a.example",
            "allowMissingPkceMetadata true",
            "allowPrivateHosts [\"10.0.0.1\"]",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn what_is_built_in_is_listed_with_its_source_unless_the_server_is_strict() {
        let server = Server { url: "https://mcp.slack.com/mcp".to_owned(), ..Server::default() };
        let lines: Vec<String> = of(&server).iter().map(line).collect();
        assert_eq!(lines.len(), 1);
        assert!(
            lines[0].starts_with("trustedIssuer https://slack.com (built in: https://github.com/"),
            "{lines:?}"
        );
        assert_eq!(of(&Server { strict: true, ..server }), [Value::Null; 0]);
    }
}
