//! `src/store/record.rs` and `seal.rs`: what is stored comes back, and nothing else is believed.

use crate::clear::{record, sample};
use crate::laws::record::{NAME, changed, content, forged, key};
use crate::{holds, holds_slowly, json};
use mcp_credential::store::record::{decode, encode, peek};
use mcp_credential::store::seal::{Kind, seal};
use mcp_credential::token::TokenRecord;
use proptest::prelude::*;
use serde_json::json;

/// A record of [`NAME`].
fn ours() -> impl Strategy<Value = TokenRecord> {
    record().prop_map(|mut record| {
        NAME.clone_into(&mut record.clear.server);
        record
    })
}

#[test]
fn any_record_comes_back_as_it_was_with_the_members_of_newer_versions() {
    holds(record(), |record| {
        let file = encode(&key(), &record).unwrap();
        assert_eq!(decode(&key(), &record.clear.server, &file).as_ref(), Ok(&record));
        assert_eq!(peek(&file).as_ref(), Ok(&record.clear));
        let other = format!("{}x", record.clear.server);
        assert!(decode(&key(), &other, &file).is_err());
    });
}

#[test]
fn any_change_of_any_byte_is_refused() {
    holds((ours(), any::<prop::sample::Index>(), 1..=255_u8), |(record, at, change)| {
        let mut file = encode(&key(), &record).unwrap();
        // The line end is no part of the record.
        let at = at.index(file.len() - 1);
        file[at] ^= change;
        assert!(decode(&key(), NAME, &file).is_err(), "byte {at}");
    });
}

#[test]
fn a_file_that_was_cut_doubled_or_mixed_is_nothing_or_that_very_record() {
    let index = any::<prop::sample::Index>;
    let junk = prop_oneof!["[ \\n\\t\"{}:,\\\\u0041a]{0,6}".prop_map(String::into_bytes), any::<Vec<u8>>()];
    holds((ours(), index(), index(), junk), |(record, one, two, junk)| {
        let file = encode(&key(), &record).unwrap();
        let (one, two) = (one.index(file.len()), two.index(file.len()));
        let (start, end) = (one.min(two), one.max(two));
        changed(&file[..start], &record);
        changed(&[&file[..start], &file[end..]].concat(), &record);
        changed(&[&file[..end], &file[start..]].concat(), &record);
        changed(&[&file[..start], &junk, &file[start..]].concat(), &record);
        changed(&[&file[..start], &junk, &file[end..]].concat(), &record);
    });
}

#[test]
fn parts_of_two_genuine_records_make_no_third() {
    holds_slowly((ours(), ours()), |(one, two)| {
        let parse = |record| -> serde_json::Value {
            serde_json::from_slice(&encode(&key(), record).unwrap()).unwrap()
        };
        let (first, second) = (parse(&one), parse(&two));
        for member in ["clear", "nonce", "sealed"] {
            let mut mixed = first.clone();
            mixed[member] = second[member].clone();
            if mixed != first {
                forged(mixed.to_string().as_bytes());
            }
        }
    });
}

#[test]
fn what_was_not_sealed_with_the_key_is_never_opened() {
    let envelope = (any::<u32>(), json::value(), "[A-Za-z0-9+/]{16}", "[A-Za-z0-9+/]{24,80}").prop_map(
        |(format, clear, nonce, sealed)| {
            let envelope = json!({
                "format": format % 3,
                "key_id": key().id(),
                "clear": clear,
                "nonce": nonce,
                "sealed": sealed,
            });
            envelope.to_string().into_bytes()
        },
    );
    holds(prop_oneof![envelope, any::<Vec<u8>>()], |file| forged(&file));
}

#[test]
fn what_a_newer_version_sealed_is_refused_or_kept_when_it_is_written_again() {
    let clear = serde_json::to_value(sample()).unwrap();
    let blank = "[ \\n]{0,2}";
    holds((json::value(), json::value(), blank, any::<bool>()), move |(one, two, blank, sound)| {
        let mut clear = clear.clone();
        clear["later"] = one;
        let sealed = if sound { json!({"access_token": "a", "later": two}) } else { two };
        content(&format!("{blank}{clear}{blank}"), sealed.to_string().as_bytes());
    });
}

#[test]
fn a_file_of_another_kind_is_no_record() {
    holds_slowly(ours(), |record| {
        let clear = serde_json::to_string(&record.clear).unwrap();
        for kind in [Kind::Intent, Kind::Client] {
            let file = seal(&key(), kind, NAME, &clear, br#"{"access_token":"a"}"#).unwrap();
            assert!(decode(&key(), NAME, &file).is_err());
        }
    });
}
