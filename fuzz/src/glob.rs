//! Any text as a glob over any names: the catalog's walk finds what a test of each name finds.

use std::collections::BTreeSet;
use std::sync::Arc;

use plumbago::catalog::{Catalog, FindOptions};
use plumbago::metric::pattern::Pattern;
use plumbago::metric::{Retention, Rollup, name};

/// The first line is the pattern, the others are names.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.lines();
    let pattern_text = lines.next().unwrap_or_default();
    let Ok(pattern) = Pattern::parse(pattern_text) else {
        return;
    };
    let catalog = Catalog::in_memory();
    let retention = Arc::new(Retention::parse("60:10").expect("it is well formed"));
    let mut names = BTreeSet::new();
    for line in lines.take(100) {
        let hash = name::hash(line.as_bytes());
        let created = catalog.create(line, hash, &retention, Rollup::default());
        if created.is_ok() && !line.contains(';') {
            names.insert(line);
        }
    }
    let Ok(found) = catalog.find(pattern_text, FindOptions::LEAVES) else {
        return;
    };
    if pattern_text.contains(';') {
        return;
    }
    let found: Vec<&str> = found.iter().map(|node| &*node.path).collect();
    let expected = names.into_iter().filter(|line| pattern.matches(line));
    assert_eq!(found, expected.collect::<Vec<_>>(), "{pattern_text}");
}

/// Patterns of each kind over a handful of names.
pub fn seeds() -> Vec<Vec<u8>> {
    let names = "a.b\na.b.c\na.bc.d\nab.b.c\na-b.c\nx\nm;t=1\na.b.c.d.e";
    let patterns = [
        "*",
        "a.*",
        "**",
        "a.**.c",
        "{a,ab}.b*.[a-c]",
        "a..b",
        "?",
        "a.{b,}.c",
        "a.b.",
        r"\*.[!x]",
    ];
    let inputs = patterns.iter().map(|pattern| format!("{pattern}\n{names}"));
    inputs.map(String::into_bytes).collect()
}
