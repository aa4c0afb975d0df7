//! What the fuzz targets feed with inputs: the laws of the property tests.

#[path = "../laws/mod.rs"]
pub mod laws;
