use proptest::prelude::*;

use super::*;

fn matches(pattern: &str, name: &str) -> bool {
    Pattern::parse(pattern).unwrap().matches(name)
}

#[test]
fn each_wildcard_stays_within_its_node() {
    assert!(matches("a.*.c", "a.b.c"));
    assert!(!matches("a.*.c", "a.b.b.c"));
    assert!(!matches("*", "a.b"));
    assert!(matches("servers.web0[1-3].cpu", "servers.web02.cpu"));
    assert!(matches("servers.web0[!1-3].cpu", "servers.web04.cpu"));
    assert!(!matches("servers.web0[!1-3].cpu", "servers.web02.cpu"));
    assert!(matches("web??", "web01"));
    assert!(!matches("web??", "web1"));
    assert!(!matches("WEB*", "web1"));
}

#[test]
fn question_mark_and_sets_take_one_character_of_any_width() {
    assert!(matches("caf?", "café"));
    assert!(!matches("caf??", "café"));
    assert!(matches("*[à-ü]", "café"));
    assert!(matches("c*??", "café"));
    assert!(matches("caf[!a]", "café"));
}

#[test]
fn stars_between_text_are_found_in_order() {
    assert!(matches("*ab*ba*", "xabyba"));
    assert!(!matches("*ab*ba*", "xaba"));
    assert!(matches("a*a", "aa"));
    assert!(!matches("a*a", "a"));
    assert!(matches("a***c", "abc"));
    assert!(matches("*b?d*f", "abcdbxdef"));
    assert!(matches("*?b[0-9]", "abb1"));
}

#[test]
fn braces_nest_and_may_hold_globs_and_nothing() {
    assert!(matches("web{01,02}", "web02"));
    assert!(matches("{a,b{c,d*}}e", "bdxxe"));
    assert!(matches("web{,01}", "web"));
    assert!(matches("web{01}", "web01"));
    assert!(matches("web{}", "web"));
    assert!(!matches("{a,b}", "c"));
    assert!(matches("[{a,b}c]", "c"));
}

#[test]
fn brace_or_bracket_without_partner_is_an_ordinary_character() {
    assert!(matches("host{1,2", "host{1,2"));
    assert!(matches("host}", "host}"));
    assert!(matches("a[b", "a[b"));
    assert!(matches("a[!]", "a[!]"));
    assert!(matches("a[]b", "a[]b"));
    assert!(matches("a[]]", "a]"));
    assert!(matches("a[!]]", "ab"));
}

#[test]
fn odd_sets_are_read_as_fnmatch_reads_them() {
    assert!(!matches("[z-a]", "b"));
    assert!(matches("[!z-a]", "b"));
    assert!(matches("[a-]", "-"));
    assert!(matches("[-a]", "-"));
    assert!(matches("[a-c-e]", "e"));
    assert!(!matches("[a-c-e]", "d"));
    assert!(matches("[^a]", "^"));
    assert!(matches("[^a]", "a"));
    assert!(matches("[[a]", "["));
}

#[test]
fn two_stars_stand_for_any_depth() {
    assert!(matches("deep.**", "deep.a"));
    assert!(matches("deep.**", "deep.a.b.c"));
    assert!(!matches("deep.**", "deep"));
    assert!(matches("**.x", "x"));
    assert!(matches("**.x", "a.b.x"));
    assert!(matches("a.**.x", "a.x"));
    assert!(!matches("a.**.x", "a.b.y"));
    assert!(matches("**", "a"));
    assert!(matches("a.b**", "a.bcd"));
}

#[test]
fn empty_nodes_stand_for_nothing_except_at_the_end() {
    assert!(matches("servers..cpu", "servers.cpu"));
    assert!(matches(".servers", "servers"));
    assert!(!matches("servers.", "servers"));
    assert!(matches("{a,}.b", "b"));
    assert!(matches("{a,}.b", "a.b"));
}

#[test]
fn backslash_takes_the_meaning_of_what_follows() {
    assert!(matches(r"a\*b", "a*b"));
    assert!(!matches(r"a\*b", "axb"));
    assert!(matches(r"we\ird\(1\)", "weird(1)"));
    assert!(matches(r"\{a,b\}", "{a,b}"));
    assert!(matches(r"x\", "x"));
}

#[test]
fn literal_is_told_from_glob() {
    let literal = |text| Pattern::parse(text).unwrap().literal();
    assert_eq!(literal("a.b"), Some("a.b".to_owned()));
    assert_eq!(literal(r"a.b\*"), Some("a.b*".to_owned()));
    assert_eq!(literal("a.{b}"), Some("a.b".to_owned()));
    assert_eq!(literal("a.b*"), None);
    assert_eq!(literal("a."), None);
    assert_eq!(literal("**"), None);
}

#[test]
fn prefix_is_what_stands_before_the_first_wildcard() {
    let prefix = |text: &str| match Pattern::parse(text).unwrap().nodes() {
        [NodePattern::OneOf(globs)] => globs[0].prefix().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(prefix("web*1"), "web");
    assert_eq!(prefix("*web"), "");
    assert_eq!(prefix("we[b]"), "we");
    assert_eq!(prefix("web"), "web");
}

#[test]
fn too_many_alternatives_and_nodes_are_refused() {
    let bomb = "{a,b}".repeat(30);
    assert!(matches!(
        Pattern::parse(&bomb),
        Err(PatternError::TooManyAlternatives(_))
    ));
    assert!(matches!(
        Pattern::parse(&"{}".repeat(30_000)),
        Err(PatternError::TooManyAlternatives(_))
    ));
    assert_eq!(
        Pattern::parse(&".".repeat(NODES_MAX)),
        Err(PatternError::TooManyNodes)
    );
}

/// Each line: `+` or `-`, a node's pattern, a name. The answers are those of Python 3.11's `fnmatch`
/// over the braces as graphite-web expands them, on random input. (One oddity is left out: in `[b-a!c]`
/// Python drops the backward range and then takes the `!` for a negation.)
#[test]
fn nodes_match_as_in_python() {
    for line in include_str!("data/fnmatch.txt").lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [expected, pattern, name] = fields[..] else {
            panic!("{line}");
        };
        assert_eq!(matches(pattern, name), expected == "+", "{line}");
    }
}

/// `fnmatch` on characters, written for plainness: it tries everything.
fn naive_glob(pattern: &[char], name: &[char]) -> bool {
    let Some((&first, rest)) = pattern.split_first() else {
        return name.is_empty();
    };
    match first {
        '*' => (0..=name.len()).any(|skipped| naive_glob(rest, &name[skipped..])),
        '?' => !name.is_empty() && naive_glob(rest, &name[1..]),
        '[' if rest.len() > 2 && rest[2] == ']' && rest[0] != '!' => {
            let is_member = name
                .first()
                .is_some_and(|character| rest[..2].contains(character));
            is_member && naive_glob(&rest[3..], &name[1..])
        }
        literal => name.first() == Some(&literal) && naive_glob(rest, &name[1..]),
    }
}

/// The nodes of a pattern on the nodes of a name, by trying everything.
fn naive_path(pattern: &[&str], name: &[&str]) -> bool {
    let Some((&first, rest)) = pattern.split_first() else {
        return name.is_empty();
    };
    if first == "**" {
        let rest = if rest.is_empty() { &["*"] } else { rest };
        return (0..name.len()).any(|skipped| naive_path(rest, &name[skipped..]));
    }
    let alternatives = match first
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
    {
        Some(inside) => inside.split(',').collect(),
        None => vec![first],
    };
    alternatives.into_iter().any(|alternative| {
        if alternative.is_empty() {
            return !name.is_empty() && naive_path(rest, name);
        }
        let glob: Vec<char> = alternative.chars().collect();
        let node = name.first().map(|node| node.chars().collect::<Vec<_>>());
        node.is_some_and(|node| naive_glob(&glob, &node)) && naive_path(rest, &name[1..])
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn matching_agrees_with_trying_everything(
        pattern in proptest::collection::vec(r"\*\*|(\{(a|b\*|),(ab|\?)\}|[ab*?]{0,3}|\[ab\]|\[ab\]\*b)", 1..5),
        name in proptest::collection::vec("[ab]{1,3}", 1..5),
    ) {
        let text = pattern.join(".");
        let nodes: Vec<&str> = pattern.iter().map(String::as_str).collect();
        let name_nodes: Vec<&str> = name.iter().map(String::as_str).collect();
        let expected = naive_path(&nodes, &name_nodes);
        prop_assert_eq!(matches(&text, &name.join(".")), expected, "{} {}", text, name.join("."));
    }

    #[test]
    fn every_text_is_a_pattern_or_refused(pattern: String, name: String) {
        if let Ok(pattern) = Pattern::parse(&pattern) {
            let _ = pattern.matches(&name);
        }
    }
}
