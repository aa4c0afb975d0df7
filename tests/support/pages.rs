//! What stands in the address of a page.

use url::Url;

/// A parameter of `url`.
#[track_caller]
pub fn parameter(url: &str, name: &str) -> String {
    let url = Url::parse(url).unwrap();
    let found = url.query_pairs().find(|(present, _)| present == name);
    found.unwrap_or_else(|| panic!("no {name} in {url}")).1.into_owned()
}
