//! Any text as a render target: it is refused, or read into a tree whose text reads the same.

use plumbago::target::{Expression, Variables, parse, parse_prefix};

/// Canonical text may be longer than what was typed; below this it stays within the limit.
const TEXT_BYTES_MAX: usize = 1 << 16;

/// Reads the text, prints the tree, reads it again, and fills in templates.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if text.len() > TEXT_BYTES_MAX {
        return;
    }
    let Ok(prefix) = parse_prefix(&text) else {
        return;
    };
    let tree = prefix.expression;
    let canonical = tree.to_string();
    assert_eq!(parse(&canonical).as_ref(), Ok(&tree), "{canonical}");
    // What was ignored has no part in the tree, and canonical text has nothing to ignore.
    assert_eq!(
        parse_prefix(&canonical).map(|again| again.ignored),
        Ok(String::new())
    );
    let request: Variables = [("k", "a.*"), ("1", "-2.5")].into_iter().collect();
    assert!(!has_template(&tree.expand(&request)));
}

fn has_template(tree: &Expression) -> bool {
    match tree {
        Expression::Template(_) => true,
        Expression::Call(call) => {
            let keyword = call.keyword_arguments.iter().map(|(_, value)| value);
            call.arguments.iter().chain(keyword).any(has_template)
        }
        _ => false,
    }
}

/// The targets of the reference's table.
pub fn seeds() -> Vec<Vec<u8>> {
    (include_str!("../../tests/data/targets.tsv").lines())
        .filter_map(|line| line.split_once('\t'))
        .map(|(target, _)| target.as_bytes().to_vec())
        .collect()
}
