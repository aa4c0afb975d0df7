//! The fenced blocks of a page: ```` ```json answer ````, ```` ```sh ````, and so on.

use crate::page::{Page, pages};
use serde_json::Value;

/// A fenced block.
pub struct Block {
    /// Where it stands, for messages.
    pub place: String,
    /// `json`, `sh`, `toml`.
    pub language: String,
    /// What the JSON is.
    pub kind: String,
    /// The lines between the fences.
    pub text: String,
}

impl Block {
    /// The block as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.place))
    }
}

/// Every block of every page.
pub fn blocks() -> Vec<Block> {
    pages().iter().flat_map(blocks_of).collect()
}

/// Every block of `page`, in order.
pub fn blocks_of(page: &Page) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open = false;
    for (number, line) in page.text.lines().enumerate() {
        if let Some(info) = line.strip_prefix("```") {
            open = !open;
            if open {
                let (language, kind) = info.split_once(' ').unwrap_or((info, ""));
                let place = format!("{}:{}", page.path.display(), number + 1);
                let (language, kind) = (language.to_owned(), kind.to_owned());
                found.push(Block { place, language, kind, text: String::new() });
            }
        } else if let Some(block) = found.last_mut().filter(|_| open) {
            block.text.push_str(line);
            block.text.push('\n');
        }
    }
    assert!(!open, "{} ends within a block", page.path.display());
    found
}

#[test]
fn every_block_says_what_it_is() {
    for block in blocks() {
        let known = ["json", "sh", "toml"].contains(&block.language.as_str());
        assert!(known, "{} is in no language", block.place);
        assert!(
            block.language != "json" || !block.kind.is_empty(),
            "{} says not what JSON it is",
            block.place
        );
    }
}
