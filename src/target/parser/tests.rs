//! The grammar as a table made by the reference, and what the table cannot say.

use super::*;

fn canonical(target: &str) -> String {
    parse(target).unwrap().to_string()
}

/// The tree in the notation of the table: `<path>`, `[string]`, `5`, `5.0f`, `tags<text>`.
fn notation(tree: &Expression) -> String {
    let join = |parts: Vec<String>| parts.join(",");
    match tree {
        Expression::Path(path) => format!("<{path}>"),
        Expression::SeriesByTag(query) => format!("tags<{}>", query.text),
        Expression::Call(call) => {
            let positional = call.arguments.iter().map(notation);
            let keyword = (call.keyword_arguments.iter())
                .map(|(name, value)| format!("{name}={}", notation(value)));
            format!(
                "{}({})",
                call.function,
                join(positional.chain(keyword).collect())
            )
        }
        Expression::Template(template) => {
            let variables = (template.variables.iter())
                .map(|(name, value)| format!("{name}:{}", notation(&literal(value))));
            let subject = std::iter::once(notation(&template.subject));
            format!("template{{{}}}", join(subject.chain(variables).collect()))
        }
        Expression::Integer(number) => number.to_string(),
        Expression::Float(number) => format!("{number:?}f"),
        Expression::String(text) => format!("[{text}]"),
        Expression::Boolean(claim) => claim.to_string(),
        Expression::Null => "none".to_owned(),
    }
}

fn literal(value: &Value) -> Expression {
    match value {
        Value::Integer(number) => Expression::Integer(*number),
        Value::Float(number) => Expression::Float(*number),
        Value::String(text) => Expression::String(text.clone()),
    }
}

#[test]
fn targets_are_read_as_the_reference_reads_them() {
    let table = include_str!("../../../tests/data/targets.tsv");
    let mut cases = 0;
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let (target, expected) = line.split_once('\t').expect("two columns");
        let target = target.replace("\\n", "\n").replace("\\t", "\t");
        let actual = parse(&target).map_or_else(|_| "error".to_owned(), |tree| notation(&tree));
        assert_eq!(actual, expected, "{target:?}");
        cases += 1;
    }
    assert!(cases > 100, "the table holds only {cases} cases");
}

#[test]
fn literals_keep_their_types() {
    let Ok(Expression::Call(call)) = parse("f(1,1.0,1e1,'1',true,none,inf,1m,k=-0)") else {
        panic!("not a call");
    };
    assert_eq!(
        call.arguments,
        [
            Expression::Integer(1),
            Expression::Float(1.0),
            Expression::Float(10.0),
            Expression::String("1".to_owned()),
            Expression::Boolean(true),
            Expression::Null,
            Expression::Float(f64::INFINITY),
            Expression::Path("1m".to_owned()),
        ]
    );
    assert_eq!(
        call.keyword_arguments,
        [("k".to_owned(), Expression::Integer(0))]
    );
}

#[test]
fn tag_queries_keep_their_text() {
    let Ok(Expression::Call(call)) = parse("sumSeries( seriesByTag('a=b' ,  \"c=~d\", 5) )") else {
        panic!("not a call");
    };
    let Expression::SeriesByTag(query) = &call.arguments[0] else {
        panic!("not a tag query");
    };
    assert_eq!(query.text, "seriesByTag('a=b' ,  \"c=~d\", 5)");
    assert_eq!(query.conditions, ["a=b", "c=~d"]);
}

#[test]
fn ignored_text_is_reported() {
    for (target, ignored) in [
        ("a.b ", ""),
        ("sumSeries(a", "(a"),
        ("f(a) trailing", "trailing"),
        ("a|f", "|f"),
        ("a||f(1)", "||f(1)"),
    ] {
        assert_eq!(parse_prefix(target).unwrap().ignored, ignored, "{target}");
    }
}

#[test]
fn errors_name_the_position_and_what_was_expected() {
    for (target, message) in [
        ("", "position 0: expected a metric path or a function call"),
        (
            "  (a)",
            "position 2: expected a metric path or a function call",
        ),
        (
            "f(template(\"x\"))",
            "position 2: expected template() with a path",
        ),
        (
            "a|template(b)",
            "position 2: expected template() with a path",
        ),
        (
            "template(a,1,x=2)",
            "position 0: expected template() with a path",
        ),
    ] {
        let text = parse(target).unwrap_err().to_string();
        assert!(text.contains(message), "{target:?} says {text:?}");
    }
}

#[test]
fn nesting_up_to_the_limit_is_read_and_beyond_refused() {
    let nested = |depth: usize| format!("{}a{}", "f(".repeat(depth), ")".repeat(depth));
    let piped = |depth: usize| format!("a{}", "|f()".repeat(depth));
    let both = |depth: usize| format!("f(g({}))", piped(depth - 2));
    for make in [&nested as &dyn Fn(usize) -> String, &piped, &both] {
        assert_eq!(
            canonical(&make(TARGET_DEPTH_MAX)).matches('(').count(),
            TARGET_DEPTH_MAX
        );
        let refused = parse(&make(TARGET_DEPTH_MAX + 1)).unwrap_err();
        assert_eq!(refused.kind, ParseErrorKind::TooDeep);
    }
}

#[test]
fn overlong_targets_are_refused() {
    let longest = "a".repeat(TARGET_LENGTH_MAX);
    assert!(parse(&longest).is_ok());
    let refused = parse(&(longest + "a")).unwrap_err();
    assert_eq!(refused.kind, ParseErrorKind::TooLong);
}

/// Text that makes a backtracking parser try the same place again and again. With quadratic
/// work a megabyte would take hours, with exponential work a kilobyte would; the test would
/// not come to its end.
#[test]
fn hostile_text_is_read_in_linear_time() {
    for seed in [
        "{",
        "a{b,",
        "\"\"",
        "\\",
        "f(\"",
        "k=",
        "f(x,k=f(",
        "|",
        "a|",
        "a|f(",
        "a.{",
        "((",
        "1e",
        "template(",
        "template(a,",
        "f(template(x),k=",
        "'\\x",
        "-",
        "\t",
        "f(a)|",
    ] {
        let text = seed.repeat(TARGET_LENGTH_MAX / seed.len());
        let shown = parse(&text).map(|tree| tree.to_string());
        if let Ok(shown) = shown {
            assert!(shown.len() <= TARGET_LENGTH_MAX * 2);
        }
    }
}

#[test]
fn any_text_parses_or_fails_and_its_canonical_form_is_stable() {
    use proptest::prelude::*;
    let soup =
        "(a|f\\(|template\\(|seriesByTag\\(|k=|\\$k|[(){},.'\"\\\\| \t=]|1|-2.5|1e3|true|é){0,24}";
    proptest!(|(text in soup)| {
        if let Ok(tree) = parse(&text) {
            prop_assert_eq!(parse(&tree.to_string()), Ok(tree.clone()), "{}", tree);
            let _ = tree.expand(&Variables::new());
        }
    });
}
