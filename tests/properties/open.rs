//! `src/oauth/open.rs`: what may be handed to a browser.

use crate::holds;
use crate::laws;
use crate::laws::form;
use crate::urls::{soup, text};
use mcp_credential::oauth::open::{encode_value, safe_to_open};
use proptest::prelude::*;

#[test]
fn nothing_that_a_shell_acts_on_comes_out_and_the_target_stays() {
    holds(text(), |text| laws::open::any(&text));
    holds((soup(10), soup(10)), |(path, query)| {
        laws::open::any(&format!("https://a.example/{path}?{query}"));
    });
}

#[test]
fn any_printable_path_and_query_can_be_opened() {
    let printable = "[ -\"$-~é]{0,20}";
    holds((printable, printable), |(path, query)| {
        let url = format!("https://a.example/{path}?{query}");
        assert!(safe_to_open(&url).is_ok(), "{url}");
    });
}

#[test]
fn an_encoded_value_arrives_as_it_was_and_is_not_encoded_again() {
    holds((any::<String>(), any::<String>()), |(one, two)| {
        let url = format!("https://a.example/x?one={}&two={}", encode_value(&one), encode_value(&two));
        assert_eq!(safe_to_open(&url).as_ref(), Ok(&url));
        let (_, query) = url.split_once('?').unwrap();
        assert_eq!(form::pairs(query), [("one".to_owned(), one), ("two".to_owned(), two)]);
    });
}
