//! Whether the record that an answer makes fits into its reserve: judged before anything is sent, since what was spent
//! for an answer that cannot be kept is lost.
//!
//! What servers say is bounded where it is read, so what is too long here is a text of the configuration.

use crate::failure::{Code, Failure, Outcome};
use crate::store::reserve::RESERVE_BYTES;
use crate::token::Clear;

/// What an answer may add, sealed, written in base64 and escaped: two tokens of 32 KiB, a key, and 8 KiB of scopes.
const ANSWER: usize = 148 * 1024;

/// Refuses to ask for a token whose record would hold `clear`, where that leaves no room for the answer.
///
/// # Errors
/// `config_invalid`.
pub(super) fn check(clear: &Clear) -> Outcome<()> {
    let size = serde_json::to_vec(clear).map_or(usize::MAX, |json| json.len());
    if size.saturating_add(ANSWER) <= RESERVE_BYTES {
        return Ok(());
    }
    let text = format!(
        "what belongs to a token of {} would be {size} bytes, too many to be stored; nothing was sent; shorten its `url`, \
         `resource`, `scope`, `clientId` or `tokenUrl`",
        clear.server
    );
    Err(Failure::new(Code::ConfigInvalid, text).of_server(&clear.server))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AuthMethod;
    use crate::oauth::grant::{Answer, Client, GrantRequest, Granted, TokenRequest, judge};
    use crate::oauth::http::Reply;
    use crate::oauth::registration::LONGEST_CREDENTIAL;
    use crate::oauth::url::LONGEST_ENDPOINT;
    use crate::secret::{Pairs, Secret};
    use crate::store::key::{Key, KeySource};
    use crate::store::record;
    use crate::store::reserve::RESERVE_BYTES;
    use crate::token::{TokenRecord, samples};
    use serde_json::{Value, json};
    use std::path::Path;

    /// The longest token that is accepted.
    const TOKEN: usize = 32 * 1024;

    fn granted(answer: &Value) -> Granted {
        let request = TokenRequest {
            server: "demo".into(),
            token_endpoint: "https://idp.example.com/token".into(),
            client: Client {
                client_id: "c".into(),
                client_secret: None,
                key: None,
                method: AuthMethod::None,
                dynamic: false,
            },
            grant: GrantRequest::RefreshToken { token: Secret::new("r") },
            scope: None,
            resource: None,
            audience: None,
            extra_params: Pairs::default(),
            dpop: None,
        };
        let body = answer.to_string().into_bytes().into();
        match judge(&request, Ok(Reply { status: 200, headers: oauth2::http::HeaderMap::new(), body }), 0, 0)
        {
            Answer::Granted(granted) => granted,
            other => panic!("{other:?}"),
        }
    }

    /// As much as servers may say about a token, in the characters that take most room.
    fn largest_clear() -> Clear {
        let endpoint = |escaped: &str| {
            let text = format!("https://idp.example.com/{}", escaped.repeat(LONGEST_ENDPOINT));
            Some(text[..LONGEST_ENDPOINT].to_owned())
        };
        let scope: Vec<String> = (0..8 * 1024 / 3).map(|number| format!("{number:02x}")).collect();
        Clear {
            resource: endpoint("r"),
            issuer: endpoint("i"),
            token_endpoint: endpoint("\"").unwrap(),
            revocation_endpoint: endpoint("\""),
            client_id: "\"".repeat(LONGEST_CREDENTIAL),
            scopes_requested: Some(scope),
            ..samples::clear(0, None)
        }
    }

    #[test]
    fn the_largest_record_that_servers_can_make_fits_into_the_reserve_and_is_read_back() {
        let text = Secret::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        let key = Key::load(&KeySource::Value(text), Path::new("unused")).unwrap();
        let quotes = "\"".repeat(TOKEN);
        let first = json!({"access_token": "a", "token_type": "Bearer", "refresh_token": quotes});
        let scope: Vec<String> = (0..6_000).map(|number| format!("\\\\{number:x}")).collect();
        let next =
            json!({"access_token": "A".repeat(TOKEN), "token_type": "Bearer", "scope": scope.join(" ")});
        let clear = largest_clear();
        check(&clear).unwrap();
        let record = TokenRecord::first(clear, &granted(&first), "f".repeat(32));
        let mut record = TokenRecord::renewed(&record, &granted(&next), "f".repeat(32));
        record.dpop_key = Some(Secret::new("k".repeat(512)));
        let file = record::encode(&key, &record).unwrap();
        assert!(file.len() > 180 * 1024 && file.len() <= RESERVE_BYTES, "{}", file.len());
        assert_eq!(record::decode(&key, "demo", &file).unwrap(), record);
        check(&record.clear).unwrap();
    }

    #[test]
    fn what_could_not_be_read_back_is_refused_before_anything_is_sent() {
        let long = Clear { resource: Some("r".repeat(80 * 1024)), ..samples::clear(0, None) };
        let refused = check(&long).unwrap_err();
        assert_eq!((refused.code, refused.server.as_deref()), (Code::ConfigInvalid, Some("demo")));
        assert!(refused.message.len() < 500, "{refused}");
    }
}
