//! What must hold for any input at all, whoever made it up: the property tests (`tests/properties`) feed
//! these laws with inputs that they build, the fuzz targets (`tests/fuzz`) with whatever leads into new code.
//!
//! A law panics where it is broken. It looks at the library from outside and has its own words for the rules:
//! where it decodes or classifies something itself, it does so on purpose.

pub mod callback;
pub mod challenge;
pub mod config;
pub mod discovery;
pub mod form;
pub mod open;
pub mod record;
pub mod request;
pub mod shown;
pub mod token_answer;
pub mod url;
