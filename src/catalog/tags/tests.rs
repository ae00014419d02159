use proptest::prelude::*;

use super::*;
use crate::catalog::error::TagError;

fn index() -> TagIndex {
    let mut index = TagIndex::default();
    let names = [
        "requests;dc=east;host=web01;status=200",
        "requests;dc=east;host=web01;status=404",
        "requests;dc=west;host=web03;status=200",
        "latency;dc=east;host=web01;quantile=p50",
        "latency;dc=west;host=web03;quantile=p99",
        "disk.used;host=web03;mount=root",
    ];
    for (series, name) in names.iter().enumerate() {
        let entry = index.insert(name);
        index.set_series(entry, Some(SeriesId(series as u32)));
    }
    index
}

const NONE: [u32; 0] = [];

fn find(index: &TagIndex, expressions: &[&str]) -> Vec<u32> {
    let found = index.find(expressions, usize::MAX).unwrap().unwrap();
    assert!(found.is_sorted_by(|one, other| one.name < other.name));
    let mut ids: Vec<_> = found
        .iter()
        .map(|series| series.series.unwrap().0)
        .collect();
    ids.sort_unstable();
    ids
}

fn complete<'q>(expressions: &'q [&'q str], prefix: &'q str, limit: usize) -> Completion<'q> {
    Completion {
        expressions,
        prefix,
        limit,
    }
}

#[test]
fn each_operator_chooses_what_the_reference_chooses() {
    let index = index();
    assert_eq!(find(&index, &["name=requests"]), [0, 1, 2]);
    assert_eq!(find(&index, &["name=requests", "dc!=east"]), [2]);
    assert_eq!(find(&index, &["name=requests", "status=~4"]), [1]);
    assert_eq!(find(&index, &["name=requests", "status!=~[45]"]), [0, 2]);
    assert_eq!(find(&index, &["status=20"]), NONE);
    assert_eq!(find(&index, &["status=~20"]), [0, 2]);
    assert_eq!(find(&index, &["host=~.*3"]), [2, 4, 5]);
    assert_eq!(find(&index, &["name=~^disk"]), [5]);
    assert_eq!(find(&index, &["host=~(?!web01)web"]), [2, 4, 5]);
    assert_eq!(find(&index, &["nosuch=x"]), NONE);
    assert_eq!(find(&index, &["a=b=c"]), NONE);
}

#[test]
fn series_without_the_tag_have_the_empty_value() {
    let index = index();
    assert_eq!(find(&index, &["name=~.+", "dc="]), [5]);
    assert_eq!(find(&index, &["quantile!="]), [3, 4]);
    assert_eq!(find(&index, &["host=web01", "quantile="]), [0, 1]);
    assert_eq!(find(&index, &["host=web01", "status!=404"]), [0, 3]);
    assert_eq!(find(&index, &["host=web01", "status=~(200)?$"]), [0, 3]);
    assert_eq!(find(&index, &["host=web01", "status!=~.*"]), NONE);
    assert_eq!(
        find(&index, &["host=web01", "nosuch=", "nosuch!=x"]),
        [0, 1, 3]
    );
}

#[test]
fn senseless_expressions_are_refused() {
    let index = index();
    for expressions in [&["name!=requests"][..], &["name=~.*"], &["dc="], &[]] {
        assert_eq!(index.find(expressions, 9), Err(TagError::AllMatchEmpty));
    }
    for text in ["garbage", "=x", "", "a;b=c", "a=b;c", "a!b", "!=x"] {
        let expected = TagError::BadExpression(text.to_owned());
        assert_eq!(index.find(&[text], 9), Err(expected));
    }
    assert!(matches!(
        index.find(&["a=~("], 9),
        Err(TagError::BadRegex { .. })
    ));
}

#[test]
fn lists_are_sorted_counted_filtered_and_cut() {
    let index = index();
    let all = ["dc", "host", "mount", "name", "quantile", "status"];
    assert_eq!(index.tags(None, usize::MAX).unwrap(), all);
    assert_eq!(
        index.tags(Some("^(name|dc)$"), usize::MAX).unwrap(),
        ["dc", "name"]
    );
    assert_eq!(index.tags(Some(".*a"), 2).unwrap(), ["name", "quantile"]);
    let values = index.values("name", None, usize::MAX).unwrap().unwrap();
    let values: Vec<_> = values.iter().map(|v| (v.value.as_str(), v.count)).collect();
    assert_eq!(values, [("disk.used", 1), ("latency", 2), ("requests", 3)]);
    assert_eq!(index.values("nosuch", None, 9).unwrap(), None);
    assert_eq!(
        index.values("dc", Some("zzz"), 9).unwrap(),
        Some(Vec::new())
    );
}

#[test]
fn completion_follows_the_expressions() {
    let index = index();
    let tags = |expressions, prefix, limit| {
        let query = complete(expressions, prefix, limit);
        index.complete_tags(query).unwrap()
    };
    assert_eq!(tags(&[], "h", 9), ["host"]);
    assert_eq!(tags(&[], "", 2), ["dc", "host"]);
    assert_eq!(tags(&["name=requests"], "", 9), ["dc", "host", "status"]);
    assert_eq!(tags(&["name=requests"], "s", 9), ["status"]);
    assert_eq!(tags(&["host=web01"], "", 2), ["dc", "name"]);
    let values = |tag, expressions, prefix, limit| {
        let query = complete(expressions, prefix, limit);
        index.complete_values(tag, query).unwrap()
    };
    assert_eq!(values("host", &[], "", 9), ["web01", "web03"]);
    assert_eq!(values("quantile", &["dc=east"], "", 9), ["p50"]);
    assert_eq!(values("dc", &["dc=east"], "", 9), ["east"]);
    assert_eq!(values("name", &["host=web03"], "l", 9), ["latency"]);
    assert_eq!(values("nosuch", &[], "", 9), Vec::<String>::new());
}

#[test]
fn removed_names_leave_no_trace() {
    let mut index = index();
    for entry in [0, 1, 2, 5] {
        index.set_series(entry, None);
    }
    index.remove(&[0, 1, 2, 5]);
    assert_eq!(
        index.tags(None, 9).unwrap(),
        ["dc", "host", "name", "quantile"]
    );
    assert_eq!(find(&index, &["name=~.+"]), [3, 4]);
    assert_eq!(index.entry("disk.used;host=web03;mount=root"), None);
    index.insert("disk.used;host=web03;mount=root");
    assert_eq!(
        index.find(&["mount=root"], 9).unwrap().unwrap()[0].series,
        None
    );
    assert_eq!(index.registered_only().count(), 1);
}

#[test]
fn series_taken_out_by_hand_can_come_back() {
    let mut index = index();
    index.remove(&[3]);
    assert_eq!(find(&index, &["quantile!="]), [4]);
    let entry = index.entry("latency;dc=east;host=web01;quantile=p50");
    assert_eq!(entry, Some(3));
    index.insert("latency;dc=east;host=web01;quantile=p50");
    assert_eq!(find(&index, &["quantile!="]), [3, 4]);
}

/// One expression on one name, straight from the rules.
fn passes(expression: &str, name: &str) -> bool {
    let (tag, operator, operand) = ["!=~", "=~", "!=", "="]
        .iter()
        .find_map(|operator| {
            let (tag, operand) = expression.split_once(operator)?;
            Some((tag, *operator, operand))
        })
        .unwrap();
    let value = pairs(name).find(|&(other, _)| other == tag);
    let value = value.map_or("", |(_, value)| value);
    let matches = || {
        regex::Regex::new(&format!("^({operand})"))
            .unwrap()
            .is_match(value)
    };
    match operator {
        "=" => value == operand,
        "!=" => value != operand,
        "=~" => matches(),
        _ => !matches(),
    }
}

proptest! {
    #[test]
    fn lists_find_what_a_test_of_each_name_finds(
        names in proptest::collection::btree_set("[mn](;a=[xy]{1,2})?(;b=[xy])?", 1..30),
        removed in proptest::collection::vec(0..30u32, 0..5),
        expressions in proptest::collection::vec("(name|a|b|c)(=|!=|=~|!=~)(|x|xy|y\\.?|x\\|y|\\.\\*|m)", 1..4),
    ) {
        let mut index = TagIndex::default();
        for (series, name) in names.iter().enumerate() {
            let entry = index.insert(name);
            index.set_series(entry, Some(SeriesId(series as u32)));
        }
        let removed: Vec<u32> = removed.into_iter().filter(|&id| (id as usize) < names.len()).collect();
        for &entry in &removed {
            index.set_series(entry, None);
        }
        index.remove(&removed);
        let texts: Vec<&str> = expressions.iter().map(String::as_str).collect();
        let all_match_empty = texts.iter().all(|text| passes(text, ""));
        let found = index.find(&texts, usize::MAX);
        if all_match_empty {
            prop_assert_eq!(found, Err(TagError::AllMatchEmpty));
        } else {
            let left = names.iter().enumerate();
            let left = left.filter(|(entry, _)| !removed.contains(&(*entry as u32)));
            let expected = left.filter(|(_, name)| texts.iter().all(|text| passes(text, name)));
            let expected: Vec<_> = expected.map(|(_, name)| name.clone()).collect();
            let found: Vec<_> = found.unwrap().unwrap().iter().map(|entry| entry.name.to_string()).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
