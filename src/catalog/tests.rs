use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn retention() -> Arc<Retention> {
    Arc::new(Retention::parse("10s:6h").unwrap())
}

fn create(catalog: &Catalog, name: &str) -> SeriesId {
    let hash = name::hash(name.as_bytes());
    catalog
        .create(name, hash, &retention(), Rollup::default())
        .unwrap()
}

fn catalog(names: &[&str]) -> Catalog {
    let catalog = Catalog::in_memory();
    for name in names {
        create(&catalog, name);
    }
    catalog
}

fn find(catalog: &Catalog, pattern: &str) -> Vec<String> {
    let found = catalog.find(pattern, FindOptions::ALL).unwrap();
    found
        .iter()
        .map(|node| format!("{}{}", node.path, if node.is_leaf() { "" } else { "/" }))
        .collect()
}

#[test]
fn created_series_has_an_id_a_name_and_a_definition() {
    let catalog = catalog(&["a.b", "a.c", "m;t=1"]);
    assert_eq!(catalog.id("a.c"), Some(SeriesId(1)));
    assert_eq!(catalog.id("a"), None);
    assert_eq!(catalog.id("m;t=1"), Some(SeriesId(2)));
    assert_eq!(catalog.name(SeriesId(0)).as_deref(), Some("a.b"));
    assert_eq!(catalog.name(SeriesId(2)).as_deref(), Some("m;t=1"));
    assert_eq!(catalog.name(SeriesId(3)), None);
    let (retention, rollup) = catalog.definition(SeriesId(0)).unwrap();
    assert_eq!(retention.to_string(), "10s:2160");
    assert_eq!(rollup, Rollup::default());
    assert_eq!((catalog.len(), catalog.created()), (3, 3));
}

#[test]
fn creating_a_known_name_changes_nothing() {
    let catalog = catalog(&["a.b"]);
    let other = Arc::new(Retention::parse("1m:1d").unwrap());
    let id = catalog.create("a.b", name::hash(b"a.b"), &other, Rollup::default());
    assert_eq!(id.unwrap(), SeriesId(0));
    assert_eq!(*catalog.definition(SeriesId(0)).unwrap().0, *retention());
    assert_eq!(catalog.len(), 1);
}

#[test]
fn names_that_are_not_canonical_are_refused() {
    let catalog = Catalog::in_memory();
    let long = "x".repeat(NAME_BYTES_MAX + 1);
    for name in ["", ".", "a..b", ".a", "a.", ";t=1", &long] {
        let hash = name::hash(name.as_bytes());
        let error = catalog.create(name, hash, &retention(), Rollup::default());
        assert!(matches!(error, Err(CatalogError::BadName(_))), "{name:.20}");
    }
    assert!(catalog.is_empty());
    assert_eq!(catalog.next_id(), SeriesId(0));
}

#[test]
fn find_answers_sorted_by_full_name_branch_before_leaf() {
    let catalog = catalog(&["a.x", "a-b.x", "a", "b.node", "b.node.child", "_x;t=1"]);
    assert_eq!(find(&catalog, "*"), ["a/", "a", "a-b/", "b/"]);
    assert_eq!(find(&catalog, "*.x"), ["a-b.x", "a.x"]);
    assert_eq!(find(&catalog, "b.*"), ["b.node/", "b.node"]);
    assert_eq!(find(&catalog, "{b.*,a}"), Vec::<String>::new());
    assert_eq!(find(&catalog, "{b,a,b,*}"), ["a/", "a", "a-b/", "b/"]);
    assert_eq!(find(&catalog, "_x;t=1"), ["_x;t=1"]);
    assert_eq!(find(&catalog, "_x;t=*"), Vec::<String>::new());
    let leaves = catalog.find("*", FindOptions::LEAVES).unwrap();
    assert_eq!(leaves.len(), 1);
    assert_eq!(leaves[0].series, Some(SeriesId(2)));
}

#[test]
fn depth_and_empty_nodes_follow_the_reference() {
    let catalog = catalog(&["deep.a.b.c", "deep.a.x", "deep.y", "x"]);
    let all = ["deep.a/", "deep.a.b/", "deep.a.b.c", "deep.a.x", "deep.y"];
    assert_eq!(find(&catalog, "deep.**"), all);
    assert_eq!(find(&catalog, "**.x"), ["deep.a.x", "x"]);
    assert_eq!(find(&catalog, "**.**.x"), ["deep.a.x", "x"]);
    assert_eq!(find(&catalog, "deep.**.c"), ["deep.a.b.c"]);
    assert_eq!(find(&catalog, "deep..a.x"), ["deep.a.x"]);
    assert_eq!(find(&catalog, ".deep.a"), ["deep.a/"]);
    assert_eq!(find(&catalog, "deep.a."), ["deep.a./"]);
    assert_eq!(find(&catalog, "deep.a.."), ["deep.a./"]);
    assert_eq!(find(&catalog, "deep.y."), Vec::<String>::new());
    assert_eq!(find(&catalog, "."), ["/"]);
    assert_eq!(find(&catalog, "deep.{a,}.{x,y}"), ["deep.a.x", "deep.y"]);
}

#[test]
fn find_stops_at_its_limit() {
    let catalog = catalog(&["a.1", "a.2", "a.3"]);
    let options = FindOptions {
        leaves_only: true,
        limit: 3,
    };
    assert_eq!(catalog.find("a.*", options).unwrap().len(), 3);
    let options = FindOptions {
        limit: 2,
        ..options
    };
    let error = catalog.find("a.*", options).unwrap_err();
    assert_eq!(error.to_string(), "\"a.*\" matches more than 2 names");
}

#[test]
fn removed_series_are_gone_everywhere_and_their_ids_stay_unused() {
    let catalog = catalog(&["a.b", "a.c", "m;t=1", "m;t=2"]);
    let mut tables = catalog.name_tables(1);
    let ids = [SeriesId(0), SeriesId(2), SeriesId(77)];
    assert_eq!(catalog.remove(&ids).unwrap(), 2);
    assert_eq!(catalog.id("a.b"), None);
    assert_eq!(find(&catalog, "**"), ["a/", "a.c"]);
    assert_eq!(catalog.find_series(&["name=m"]).unwrap().len(), 1);
    assert_eq!(catalog.removed(), 2);
    for series in catalog.removed_since(0) {
        assert!(tables[0].forget(series.hash, series.id));
    }
    assert_eq!(tables[0].len(), 2);
    assert_eq!(catalog.removed_since(2), []);
    assert_eq!(create(&catalog, "a.b"), SeriesId(4));
    assert_eq!(catalog.definitions().count(), 3);
}

#[test]
fn series_that_moves_has_its_new_id_and_definition_at_once() {
    let catalog = catalog(&["a.b", "a.c", "m;t=1", "m;t=2"]);
    catalog.untag_series("m;t=2").unwrap();
    let mut seen = catalog.follow_removals();
    let to = catalog.reserve(3).unwrap();
    assert_eq!(to, [4, 5, 6].map(SeriesId));
    assert_eq!(create(&catalog, "a.d"), SeriesId(7));
    let pairs = [(0, 4), (3, 5), (77, 6)].map(|(from, to)| MovedSeries {
        from: SeriesId(from),
        to: SeriesId(to),
    });
    let retention = Arc::new(Retention::parse("1s:1h").unwrap());
    assert_eq!(
        catalog
            .rebind(&pairs, &retention, Rollup::default())
            .unwrap(),
        2
    );
    assert_eq!(catalog.id("a.b"), Some(SeriesId(4)));
    assert_eq!(catalog.definition(SeriesId(4)).unwrap().0, retention);
    assert_eq!(catalog.name(SeriesId(0)), None);
    assert_eq!(catalog.id("m;t=2"), Some(SeriesId(5)));
    assert_eq!(
        catalog.find_series(&["name=m"]).unwrap().len(),
        1,
        "still untagged"
    );
    assert_eq!((catalog.len(), catalog.next_id()), (5, SeriesId(8)));
    assert_eq!(find(&catalog, "**"), ["a/", "a.b", "a.c", "a.d"]);
    let removed = catalog.removed_after(&mut seen);
    assert_eq!(removed.len(), 2);
    assert!(removed.iter().all(|series| series.has_moved));
}

#[test]
fn redefined_series_has_its_new_definition() {
    let catalog = catalog(&["a", "b"]);
    let other = Arc::new(Retention::parse("1m:1d").unwrap());
    catalog
        .redefine(&[SeriesId(1), SeriesId(9)], &other, Rollup::default())
        .unwrap();
    assert_eq!(*catalog.definition(SeriesId(0)).unwrap().0, *retention());
    assert_eq!(*catalog.definition(SeriesId(1)).unwrap().0, *other);
}

#[test]
fn name_tables_hold_each_name_in_its_shard() {
    let names: Vec<String> = (0..300).map(|number| format!("host{number}.cpu")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let catalog = catalog(&names);
    let tables = catalog.name_tables(3);
    for (id, name) in names.iter().enumerate() {
        let hash = name::hash(name.as_bytes());
        for (shard, table) in tables.iter().enumerate() {
            let expected = (name::shard_of(hash, 3) == shard).then_some(SeriesId(id as u32));
            assert_eq!(table.lookup(hash, name.as_bytes()), expected);
        }
    }
}

#[test]
fn registered_name_gets_its_series_when_points_come() {
    let catalog = Catalog::in_memory();
    catalog.tag_series("m;t=1").unwrap();
    catalog.tag_series("m;t=1").unwrap();
    catalog.tag_series("plain").unwrap();
    let found = catalog.find_series(&["t=1"]).unwrap();
    assert_eq!((found.len(), found[0].series), (1, None));
    assert_eq!(catalog.find("m;t=1", FindOptions::ALL).unwrap(), []);
    assert!(catalog.is_empty());
    let id = create(&catalog, "m;t=1");
    assert_eq!(catalog.find_series(&["t=1"]).unwrap()[0].series, Some(id));
    let id = create(&catalog, "plain");
    assert_eq!(
        catalog.find_series(&["name=plain"]).unwrap()[0].series,
        Some(id)
    );
    assert!(catalog.untag_series("m;t=1").unwrap());
    assert!(!catalog.untag_series("m;t=1").unwrap());
    assert_eq!(catalog.find_series(&["t=1"]).unwrap(), []);
    assert!(catalog.id("m;t=1").is_some());
}

proptest! {
    #[test]
    fn walk_finds_what_a_test_of_each_name_finds(
        names in proptest::collection::btree_set(r"[ab-]{1,2}(\.[ab-]{1,2}){0,3}", 1..40),
        removed in 0..10usize,
        pattern in r"(\*\*|[ab]|\*|[ab]\*|\{a,\}|\{b,a\*\}|\?[a-b])(\.(\*\*|[ab]|\*|\?b|\{,b\})){0,3}",
    ) {
        let list: Vec<&str> = names.iter().map(String::as_str).collect();
        let catalog = catalog(&list);
        let gone: Vec<_> = (0..removed as u32).map(|id| SeriesId(id * 3)).collect();
        catalog.remove(&gone).unwrap();
        let left = list.iter().enumerate();
        let left = left.filter(|(id, _)| !gone.contains(&SeriesId(*id as u32)));
        let mut expected = BTreeSet::new();
        let glob = Pattern::parse(&pattern).unwrap();
        for (_, name) in left {
            let ends = name.match_indices('.').map(|(end, _)| (end, false));
            for (end, is_leaf) in ends.chain([(name.len(), true)]) {
                if glob.matches(&name[..end]) {
                    expected.insert((name[..end].to_owned(), is_leaf));
                }
            }
        }
        let found = catalog.find(&pattern, FindOptions::ALL).unwrap();
        // The walk also answers `a.` for a branch `a` where the last node may be empty.
        let found = found.iter().filter(|node| !node.path.ends_with('.') && !node.path.is_empty());
        let found: Vec<_> = found.map(|node| (node.path.to_string(), node.is_leaf())).collect();
        prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    }
}
