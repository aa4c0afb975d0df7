//! The token record as bytes: a [`TokenRecord`] in its sealed envelope.

use super::key::Key;
use super::seal::{self, Damage, Kind};
use crate::secret::Secret;
use crate::token::{Clear, TokenRecord};
use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::fmt;
use std::io;
use zeroize::Zeroizing;

/// A new generation: 128 random bits, opaque, no secret, never derived from a token. In hexadecimal, since
/// it stands in command lines: a word that begins with `-` would be taken for an option.
///
/// # Errors
/// When the system has no random bytes.
pub fn new_generation() -> io::Result<String> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(random)))
}

/// The file that holds `record`.
///
/// # Errors
/// When the system has no random bytes.
pub fn encode(key: &Key, record: &TokenRecord) -> io::Result<Vec<u8>> {
    let clear = serde_json::to_string(&record.clear).map_err(io::Error::other)?;
    let secrets = Zeroizing::new(serde_json::to_vec(&Sealed::of(record)).map_err(io::Error::other)?);
    seal::seal(key, Kind::Token, &record.clear.server, &clear, &secrets)
}

/// The bytes that a file with `record` has, at least; the envelope around them has the same in every file.
///
/// # Errors
/// When the record is none.
pub fn weight(record: &TokenRecord) -> io::Result<usize> {
    let clear = serde_json::to_string(&record.clear).map_err(io::Error::other)?;
    let secrets = Zeroizing::new(serde_json::to_vec(&Sealed::of(record)).map_err(io::Error::other)?);
    // Base64.
    Ok(clear.len() + secrets.len().div_ceil(3) * 4)
}

/// The record that `file` holds for `name`.
///
/// # Errors
/// What is wrong with the file.
pub fn decode(key: &Key, name: &str, file: &[u8]) -> Result<TokenRecord, Damage> {
    let opened = seal::open(key, Kind::Token, name, file)?;
    let clear: Clear = serde_json::from_str(opened.clear).map_err(|_| Damage::Shape)?;
    let sealed: Sealed = serde_json::from_slice(&opened.secrets).map_err(|_| Damage::Shape)?;
    if clear.server != name {
        return Err(Damage::Tampered);
    }
    Ok(TokenRecord {
        clear,
        access_token: sealed.access_token,
        refresh_token: sealed.refresh_token,
        dpop_key: sealed.dpop_key,
        other: sealed.other,
    })
}

/// The clear part of `file`, read without the key: for `list` and `status`.
///
/// # Errors
/// What is wrong with the file.
pub fn peek(file: &[u8]) -> Result<Clear, Damage> {
    serde_json::from_str(seal::peek_clear(file)?).map_err(|_| Damage::Shape)
}

/// The sealed members, those of newer versions included.
struct Sealed {
    access_token: Secret,
    refresh_token: Option<Secret>,
    dpop_key: Option<Secret>,
    other: Vec<(String, Secret)>,
}

impl Sealed {
    fn of(record: &TokenRecord) -> Self {
        Self {
            access_token: record.access_token.clone(),
            refresh_token: record.refresh_token.clone(),
            dpop_key: record.dpop_key.clone(),
            other: record.other.clone(),
        }
    }
}

impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("access_token", self.access_token.expose())?;
        if let Some(token) = &self.refresh_token {
            map.serialize_entry("refresh_token", token.expose())?;
        }
        if let Some(key) = &self.dpop_key {
            map.serialize_entry("dpop_key", key.expose())?;
        }
        for (member, raw) in &self.other {
            let raw: &RawValue = serde_json::from_str(raw.expose()).map_err(serde::ser::Error::custom)?;
            map.serialize_entry(member, raw)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Sealed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the sealed members of a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Sealed, A::Error> {
        let (mut access_token, mut refresh_token, mut dpop_key) = (None, None, None);
        let mut other = Vec::new();
        while let Some(member) = map.next_key::<String>()? {
            match member.as_str() {
                "access_token" => access_token = Some(Secret::new(map.next_value::<String>()?)),
                "refresh_token" => refresh_token = Some(Secret::new(map.next_value::<String>()?)),
                "dpop_key" => dpop_key = Some(Secret::new(map.next_value::<String>()?)),
                _ => other.push((member, Secret::new(map.next_value::<&RawValue>()?.get()))),
            }
        }
        let access_token = access_token.ok_or_else(|| de::Error::missing_field("access_token"))?;
        Ok(Sealed { access_token, refresh_token, dpop_key, other })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::key::KeySource;
    use crate::token::samples;
    use std::path::Path;

    fn key() -> Key {
        let text = Secret::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        Key::load(&KeySource::Value(text), Path::new("unused")).unwrap()
    }

    #[test]
    fn a_record_comes_back_as_it_was_with_members_of_newer_versions() {
        let mut record = samples::record("demo");
        record.clear.other.insert("later".into(), serde_json::json!({"x": [1, 5.439_725_508_058_318e48]}));
        record.dpop_key = Some(Secret::new("key-1"));
        record.other.push(("later_key".into(), Secret::new(r#"{"kty":"EC"}"#)));
        let file = encode(&key(), &record).unwrap();
        assert_eq!(decode(&key(), "demo", &file).unwrap(), record);
        assert_eq!(peek(&file).unwrap(), record.clear);
    }

    #[test]
    fn a_generation_is_a_plain_word_and_never_the_same() {
        let (one, two) = (new_generation().unwrap(), new_generation().unwrap());
        assert!(one.len() == 32 && one.bytes().all(|byte| byte.is_ascii_hexdigit()), "{one}");
        assert_ne!(one, two);
    }

    #[test]
    fn no_secret_stands_in_the_file() {
        let file = String::from_utf8(encode(&key(), &samples::record("demo")).unwrap()).unwrap();
        assert!(!file.contains("access-1") && !file.contains("refresh-1"));
    }

    #[test]
    fn a_record_put_at_another_name_is_refused() {
        let file = encode(&key(), &samples::record("demo")).unwrap();
        assert_eq!(decode(&key(), "other", &file), Err(Damage::Tampered));
    }
}
