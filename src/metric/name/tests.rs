use super::*;

fn with(policy: NamePolicy, raw: &[u8]) -> Result<String, Refusal> {
    let rules = NameRules {
        policy,
        ..NameRules::default()
    };
    let mut scratch = NameScratch::default();
    let name = rules.canonical(raw, &mut scratch)?;
    Ok(String::from_utf8(name.to_vec()).unwrap())
}

fn strict(raw: &str) -> Result<String, Refusal> {
    with(NamePolicy::Strict, raw.as_bytes())
}

fn replaced(raw: &[u8]) -> Result<String, Refusal> {
    with(NamePolicy::Replace, raw)
}

#[test]
fn hash_and_shard_never_change() {
    assert_eq!(hash(b""), 0x2d06_8005_38d3_94c2);
    assert_eq!(hash(b"servers.web01.cpu.load"), 2_367_770_419_559_221_478);
    assert_eq!(shard_of(0x0000_0000_8000_0000, 4), 2);
    assert_eq!(shard_of(u64::MAX, 7), 6);
    assert_eq!(shard_of(0xffff_ffff_0000_0000, 7), 0);
}

#[test]
fn plain_name_is_used_where_it_lies() {
    let raw = b"servers.web01.cpu-0.load_1m";
    let mut scratch = NameScratch::default();
    let name = NameRules::default().canonical(raw, &mut scratch).unwrap();
    assert!(std::ptr::eq(name, raw.as_slice()));
}

#[test]
fn dots_are_folded_to_one_canonical_name() {
    for raw in ["a.b", ".a.b", "a.b.", "a..b", "...a...b..."] {
        assert_eq!(strict(raw).unwrap(), "a.b", "{raw}");
    }
    assert_eq!(strict("..."), Err(Refusal::BadName));
    assert_eq!(strict(""), Err(Refusal::BadName));
}

#[test]
fn forbidden_bytes_are_refused_or_replaced() {
    let cases: [(&[u8], &str); 6] = [
        (b"a/b", "a_b"),
        (b"a\0b", "a_b"),
        (b"a\x1bb", "a_b"),
        (b"a\x7fb", "a_b"),
        (b"a\xff\xfeb", "a__b"),
        (b"a b", "a_b"),
    ];
    for (raw, expected) in cases {
        assert_eq!(with(NamePolicy::Strict, raw), Err(Refusal::BadName));
        assert_eq!(replaced(raw).unwrap(), expected);
    }
}

#[test]
fn utf8_and_glob_characters_and_backslashes_are_names() {
    for raw in ["größe.läuft", "温度.東京", r"a\b%2F.c", "a.b[0]*?{x}"] {
        assert_eq!(strict(raw).unwrap(), raw);
    }
}

#[test]
fn tags_are_sorted_and_the_last_duplicate_wins() {
    assert_eq!(strict("m;b=2;a=1").unwrap(), "m;a=1;b=2");
    assert_eq!(strict("m;a=1;b=2;a=3").unwrap(), "m;a=3;b=2");
    assert_eq!(strict("m;host2=x;host=y").unwrap(), "m;host=y;host2=x");
    assert_eq!(strict("m..x;a=b..c").unwrap(), "m.x;a=b..c");
    assert_eq!(strict("m;a=b=c").unwrap(), "m;a=b=c");
    assert_eq!(strict("m;mount=/var/log").unwrap(), "m;mount=/var/log");
}

#[test]
fn tag_called_name_is_the_metric_itself() {
    assert_eq!(strict("m;name=other;a=1").unwrap(), "m;a=1");
    assert_eq!(strict("m;name=other").unwrap(), "m");
}

#[test]
fn broken_tags_are_refused_under_either_policy() {
    for raw in [
        "m;", "m;a", "m;=1", "m;a=", "m;a=~1", "m;a!=1", "m;^a=1", ";a=1", "m;;a=1",
    ] {
        assert_eq!(strict(raw), Err(Refusal::BadName), "{raw}");
        assert_eq!(replaced(raw.as_bytes()), Err(Refusal::BadName), "{raw}");
    }
}

#[test]
fn openmetrics_form_becomes_the_canonical_one() {
    let cases = [
        (r#"m{b="2",a="1"}"#, "m;a=1;b=2"),
        (r#"m{ b = "2" , a="1",}"#, "m;a=1;b=2"),
        (r#"m{b="x\"y\\z"}"#, r#"m;b=x"y\z"#),
        (r#"m{le="+Inf",code="2 0 0"}"#, "m;code=2 0 0;le=+Inf"),
        (r#"m{a="}"}"#, "m;a=}"),
        (r#"m{a="{\"}"}"#, r#"m;a={"}"#),
        (r#"m;a={"}"#, r#"m;a={"}"#),
    ];
    for (raw, expected) in cases {
        assert_eq!(strict(raw).as_deref(), Ok(expected), "{raw}");
    }
    for raw in [
        r#"m{"}"#,
        r#"m{a="1"b="2"}"#,
        r#"m{a=1,b="2"}"#,
        r#"m{a=""}"#,
        r#"{a="1"}"#,
        r#"m{a="1;2"}"#,
        r#"m{a="x\"}"#,
    ] {
        assert_eq!(strict(raw), Err(Refusal::BadName), "{raw}");
    }
    assert_eq!(replaced(br#"m{a="1;2"}"#).unwrap(), "m;a=1_2");
    assert_eq!(replaced(br#"m{a="1\n2"}"#).unwrap(), "m;a=1_2");
}

#[test]
fn lengths_are_held_for_nodes_and_for_the_whole() {
    let node = "n".repeat(255);
    assert!(strict(&node).is_ok());
    assert_eq!(strict(&format!("{node}n")), Err(Refusal::NameTooLong));
    assert_eq!(strict(&format!("a.{node}n.b")), Err(Refusal::NameTooLong));
    let whole = format!("{}.{}", vec![node.as_str(); 15].join("."), "n".repeat(255));
    assert_eq!(whole.len(), 4095);
    assert!(strict(&whole).is_ok());
    assert_eq!(strict(&format!("{whole}.n")), Err(Refusal::NameTooLong));
    assert!(strict(&format!("m;tag={}", "v".repeat(1000))).is_ok());
}
