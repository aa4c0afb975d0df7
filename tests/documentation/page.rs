//! The pages: where they are, their parts, and whether their links lead somewhere.

use std::fs;
use std::path::{Path, PathBuf};

/// One page of the documentation.
pub struct Page {
    /// Its path below the root of the project.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// The root of the project.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The page at `path`.
pub fn page(path: &str) -> Page {
    let text = fs::read_to_string(root().join(path)).unwrap();
    Page { path: path.into(), text }
}

/// Every page of the project.
pub fn pages() -> Vec<Page> {
    let mut found = Vec::new();
    collect(root(), &mut found);
    assert!(found.len() >= 8, "only {} pages were found", found.len());
    found
}

fn collect(folder: &Path, found: &mut Vec<Page>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let foreign = ["target", "node_modules"].contains(&name) || name.starts_with('.');
        if path.is_dir() && !foreign {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            let text = fs::read_to_string(&path).unwrap();
            found.push(Page { path: path.strip_prefix(root()).unwrap().into(), text });
        }
    }
}

impl Page {
    /// The lines outside fenced blocks.
    fn prose(&self) -> impl Iterator<Item = &str> {
        let mut fenced = false;
        self.text.lines().filter(move |line| {
            let fence = line.starts_with("```");
            fenced ^= fence;
            !fenced && !fence
        })
    }

    /// The text below the heading `title` up to the next heading of the same or a higher level.
    #[track_caller]
    pub fn section(&self, title: &str) -> String {
        let level = |line: &str| line.chars().take_while(|c| *c == '#').count();
        let mut lines = self.text.lines().skip_while(|line| level(line) == 0 || heading(line) != title);
        let depth = level(lines.next().unwrap_or_else(|| panic!("no section {title}")));
        let own: Vec<&str> = lines.take_while(|line| level(line) == 0 || level(line) > depth).collect();
        own.join("\n")
    }

    fn headings(&self) -> impl Iterator<Item = &str> {
        self.prose().filter(|line| line.starts_with('#')).map(heading)
    }

    /// The names by which links reach the headings, as common renderers make them.
    fn anchors(&self) -> Vec<String> {
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let anchor =
            |text: &str| text.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-");
        self.headings().map(anchor).collect()
    }

    fn links(&self) -> Vec<&str> {
        let after = |line| str::split(line, "](").skip(1);
        self.prose().flat_map(after).filter_map(|rest| rest.split(')').next()).collect()
    }

    /// What is wrong with `link`, if anything.
    fn broken(&self, link: &str) -> Option<String> {
        if link.starts_with("https://") {
            return None;
        }
        let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
        let here = root().join(&self.path);
        let target = if file.is_empty() { here } else { here.parent().unwrap().join(file) };
        if !target.exists() {
            return Some(format!("{}: {link} leads nowhere", self.path.display()));
        }
        let known = anchor.is_empty() || {
            let text = fs::read_to_string(&target).unwrap_or_default();
            Page { path: target, text }.anchors().iter().any(|known| known == anchor)
        };
        (!known).then(|| format!("{}: {link} names no heading", self.path.display()))
    }
}

fn heading(line: &str) -> &str {
    line.trim_start_matches('#').trim()
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let broken: Vec<String> =
        pages.iter().flat_map(|page| page.links().into_iter().filter_map(|link| page.broken(link))).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn a_broken_link_would_be_found() {
    let page =
        Page { path: "README.md".into(), text: "see [x](no/such.md) and [y](protocol.md#no-such)".into() };
    assert_eq!(page.links().iter().filter_map(|link| page.broken(link)).count(), 2);
}

#[test]
fn every_section_of_the_contract_is_in_its_table_of_contents() {
    for path in ["protocol.md", "docs/configuration.md"] {
        let page = page(path);
        let sections = page.prose().filter_map(|line| line.strip_prefix("## "));
        for section in sections {
            assert!(page.text.contains(&format!("- [{section}](#")), "{path} does not list {section}");
        }
    }
}
