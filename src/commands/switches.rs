//! Which guards are lowered for a server: by its configuration, and by what is known of it.

use crate::config::{Grant, ResourceParameter, Server};
use crate::oauth::known;
use crate::token::Clear;
use serde_json::{Value, json};

/// Every switch that is on for `server`, in the order of the documentation: its key, its value and, where it is
/// built in, the public page that speaks of it and when. `stored` is its login, which says where the authorization
/// server is.
#[must_use]
pub fn of(server: &Server, stored: Option<&Clear>) -> Vec<Value> {
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
    switches.extend(unprompted(server, stored));
    switches
}

/// The exception of the authorization server that logins go to: the configured one, else that of the stored login.
fn unprompted(server: &Server, stored: Option<&Clear>) -> Option<Value> {
    let stored = stored.map(|clear| clear.issuer.as_ref().unwrap_or(&clear.token_endpoint));
    let place = server.authorization_url.as_ref().or(stored);
    let place = place.filter(|_| server.grant == Grant::AuthorizationCode)?;
    let row = known::unprompted(known::UNPROMPTED, server, place)?;
    let value = json!({"prompt": ""});
    Some(json!({"name": "authorizationParams", "value": value, "source": row.source, "stated": row.stated}))
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
        assert_eq!(of(&Server::default(), None), [Value::Null; 0]);
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
        let lines: Vec<String> = of(&server, None).iter().map(line).collect();
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
        let lines: Vec<String> = of(&server, None).iter().map(line).collect();
        assert_eq!(lines.len(), 1);
        assert!(
            lines[0].starts_with("trustedIssuer https://slack.com (built in: https://github.com/"),
            "{lines:?}"
        );
        assert_eq!(of(&Server { strict: true, ..server }, None), [Value::Null; 0]);
    }

    #[test]
    fn a_built_in_exception_of_the_authorization_server_is_listed_where_logins_go_there() {
        let place = "https://login.microsoftonline.com/tenant/v2.0";
        let stored = Clear { issuer: Some(place.to_owned()), ..crate::token::samples::clear(0, None) };
        let told = Server { authorization_url: Some(place.to_owned()), ..Server::default() };
        let listed = |server: &Server, stored: Option<&Clear>| -> Vec<String> {
            of(server, stored).iter().map(line).collect()
        };
        for lines in [listed(&told, None), listed(&Server::default(), Some(&stored))] {
            let expected = "authorizationParams {\"prompt\":\"\"} (built in: https://github.com/";
            assert!(lines.len() == 1 && lines[0].starts_with(expected), "{lines:?}");
        }
        let elsewhere =
            Server { authorization_url: Some("https://idp.example.com/".to_owned()), ..told.clone() };
        assert_eq!(listed(&elsewhere, Some(&stored)), [""; 0]);
        assert_eq!(listed(&Server { strict: true, ..told.clone() }, Some(&stored)), [""; 0]);
        assert_eq!(listed(&Server { grant: Grant::DeviceCode, ..told }, None), [""; 0]);
    }
}
