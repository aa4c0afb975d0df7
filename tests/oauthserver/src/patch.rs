//! Changes laid over a JSON object just before it is sent, for hostile or bent answers.
//!
//! Knows nothing about what the members mean.

use serde_json::{Map, Value};

/// Members to set in, or to remove from, a JSON object.
///
/// ```
/// use oauthserver::Patch;
/// let patch = Patch::new()
///     .set("authorization_endpoint", "javascript:alert(1)")
///     .set("expires_in", serde_json::Value::Null)
///     .remove("issuer");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch(Vec<(String, Option<Value>)>);

impl Patch {
    /// Changes nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the member `name` to `value`, whatever it was.
    #[must_use]
    pub fn set(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.0.push((name.into(), Some(value.into())));
        self
    }

    /// Leaves the member `name` out.
    #[must_use]
    pub fn remove(mut self, name: impl Into<String>) -> Self {
        self.0.push((name.into(), None));
        self
    }

    /// Applies the changes in the order in which they were written.
    pub(crate) fn apply(&self, object: &mut Map<String, Value>) {
        for (name, value) in &self.0 {
            match value {
                Some(value) => drop(object.insert(name.clone(), value.clone())),
                None => drop(object.shift_remove(name)),
            }
        }
    }
}
