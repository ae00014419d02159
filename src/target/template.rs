//! `template()`: variables in paths, replaced before planning.
//!
//! Follows the reference's evaluator: `$name` is replaced inside paths one variable after the
//! other, in their order; a path that is nothing but `$name` becomes the value itself, so that
//! it can stand for a number or a string argument; quoted strings are left alone. Two things
//! are better than in the reference: variables also reach `seriesByTag`, and functions that
//! fetch again keep them, because the tree is expanded before anything is planned.

use super::syntax::{Call, Expression, TagQuery, Template};

/// The value of a template variable.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    String(String),
}

/// Named values in a fixed order; the order decides which replacement comes first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variables {
    entries: Vec<(String, Value)>,
}

impl Variables {
    /// No variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is no variable.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Gives `name` a value; a known name keeps its place in the order.
    pub fn set(&mut self, name: &str, value: Value) {
        match self.entries.iter_mut().find(|(known, _)| known == name) {
            Some(entry) => entry.1 = value,
            None => self.entries.push((name.to_owned(), value)),
        }
    }

    /// The variables in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(name, value)| (&**name, value))
    }

    /// These variables with the values of `other` taking precedence.
    fn overridden_by(&self, other: &Self) -> Self {
        let mut merged = self.clone();
        for (name, value) in other.iter() {
            merged.set(name, value.clone());
        }
        merged
    }

    /// Replaces every `$name` in `text`.
    fn replace_in(&self, text: &str) -> String {
        self.iter().fold(text.to_owned(), |text, (name, value)| {
            text.replace(&format!("${name}"), &value.to_text())
        })
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Variables {
    /// The variables of a request, `template[name]=text`.
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Self {
        let mut variables = Self::new();
        for (name, text) in pairs {
            variables.set(name, Value::String(text.to_owned()));
        }
        variables
    }
}

impl Value {
    /// The value as it appears inside a path; floats look as Python's `str` prints them.
    fn to_text(&self) -> String {
        match self {
            Self::Integer(number) => number.to_string(),
            Self::Float(number) => float_text(*number),
            Self::String(text) => text.clone(),
        }
    }

    /// The value in place of a path that was only its variable; text that looks like a decimal
    /// number becomes a float.
    fn to_expression(&self) -> Expression {
        match self {
            Self::Integer(number) => Expression::Integer(*number),
            Self::Float(number) => Expression::Float(*number),
            Self::String(text) => match decimal(text) {
                Some(number) => Expression::Float(number),
                None => Expression::String(text.clone()),
            },
        }
    }
}

impl Expression {
    /// This tree without any [`Expression::Template`]: each is replaced by its subject with its
    /// variables filled in, where `request` (the request's `template[name]` parameters)
    /// overrides what the call says. Paths outside of `template()` are not touched, and a
    /// `template()` inside another one sees only its own variables and the request's.
    pub fn expand(&self, request: &Variables) -> Self {
        match self {
            Self::Template(template) => template.expand(request),
            Self::Call(call) => Self::Call(call.map(|argument| argument.expand(request))),
            other => other.clone(),
        }
    }

    fn substitute(&self, variables: &Variables, request: &Variables) -> Self {
        match self {
            Self::Path(path) => substitute_path(path, variables),
            Self::SeriesByTag(query) => Self::SeriesByTag(TagQuery {
                text: variables.replace_in(&query.text),
                conditions: (query.conditions.iter())
                    .map(|condition| variables.replace_in(condition))
                    .collect(),
            }),
            Self::Call(call) => {
                Self::Call(call.map(|argument| argument.substitute(variables, request)))
            }
            Self::Template(template) => template.expand(request),
            other => other.clone(),
        }
    }
}

impl Template {
    fn expand(&self, request: &Variables) -> Expression {
        let variables = self.variables.overridden_by(request);
        self.subject.substitute(&variables, request)
    }
}

impl Call {
    fn map(&self, change: impl Fn(&Expression) -> Expression) -> Self {
        Self {
            function: self.function.clone(),
            arguments: self.arguments.iter().map(&change).collect(),
            keyword_arguments: (self.keyword_arguments.iter())
                .map(|(name, value)| (name.clone(), change(value)))
                .collect(),
        }
    }
}

fn substitute_path(path: &str, variables: &Variables) -> Expression {
    let mut path = path.to_owned();
    for (name, value) in variables.iter() {
        let reference = format!("${name}");
        if path == reference {
            return value.to_expression();
        }
        path = path.replace(&reference, &value.to_text());
    }
    Expression::Path(path)
}

/// `text` as a number if it is an optional minus, digits and at most one dot.
fn decimal(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if is_plain { text.parse().ok() } else { None }
}

/// Python's shortest text of a float: an exponent of two digits below 1e-4 and from 1e16 on,
/// otherwise a plain decimal with at least one digit behind the dot.
fn float_text(number: f64) -> String {
    let magnitude = number.abs();
    if !number.is_finite() || magnitude == 0.0 || (1e-4..1e16).contains(&magnitude) {
        return format!("{number:?}");
    }
    let scientific = format!("{number:e}");
    match scientific.split_once('e') {
        Some((digits, exponent)) => match exponent.strip_prefix('-') {
            Some(exponent) => format!("{digits}e-{exponent:0>2}"),
            None => format!("{digits}e+{exponent:0>2}"),
        },
        None => scientific,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::parse;

    fn expanded(target: &str, request: &[(&str, &str)]) -> String {
        let request = request.iter().copied().collect();
        parse(target).unwrap().expand(&request).to_string()
    }

    #[test]
    fn variables_are_replaced_inside_paths_only() {
        for (target, expected) in [
            ("template(a.$h.c,h=\"web\")", "a.web.c"),
            ("template(a.$1.$2,\"x\",'y')", "a.x.y"),
            ("template(a$a$b,a=\"0\",b=\"1\")", "a01"),
            ("template(a.$missing)", "a.$missing"),
            ("template(a.$missing,x=1)", "a.$missing"),
            (
                "template(alias(a.$h,\"load $h\"),h=\"w\")",
                "alias(a.w,\"load $h\")",
            ),
            ("template(f(a,k=b.$h),h=\"w\")", "f(a,k=b.w)"),
            ("template(f(a.$1),1.50)", "f(a.1.5)"),
            ("template(f(a.$1),1e20)", "f(a.1e+20)"),
            ("template(f(a.$1),2.5e-7)", "f(a.2.5e-07)"),
            ("sumSeries(template(a.$h,h=\"*\"))", "sumSeries(a.*)"),
            (
                "template(scale(a.$h,2),h=\"b\")|alias(\"x\")",
                "alias(scale(a.b,2),\"x\")",
            ),
        ] {
            assert_eq!(expanded(target, &[]), expected, "{target}");
        }
    }

    #[test]
    fn a_path_that_is_only_a_variable_becomes_its_value() {
        for (target, expected) in [
            ("template(scale(a,$f),f=3)", "scale(a,3)"),
            ("template(scale(a,$f),f=3.0)", "scale(a,3.0)"),
            ("template(scale(a,$f),f=\"3\")", "scale(a,3.0)"),
            ("template(scale(a,$f),f=\"-2.5\")", "scale(a,-2.5)"),
            ("template(f(a,$n),n=\"named\")", "f(a,\"named\")"),
            ("template(f(a,$n),n=\"1.2.3\")", "f(a,\"1.2.3\")"),
            ("template(f(a,$n),n=\"1e3\")", "f(a,\"1e3\")"),
            ("template(f(a,$n),n=\"\")", "f(a,\"\")"),
            ("template($m,m=\"uptime\")", "\"uptime\""),
        ] {
            assert_eq!(expanded(target, &[]), expected, "{target}");
        }
    }

    #[test]
    fn the_request_overrides_the_call_and_outer_paths_stay() {
        let request = [("h", "w2"), ("1", "w3"), ("v", "-7.5")];
        for (target, expected) in [
            ("template(a.$h,h=\"w1\")", "a.w2"),
            ("template(a.$1,\"w1\")", "a.w3"),
            ("template(constantLine($v))", "constantLine(-7.5)"),
            ("f(a.$h,template(a.$h))", "f(a.$h,a.w2)"),
        ] {
            assert_eq!(expanded(target, &request), expected, "{target}");
        }
    }

    #[test]
    fn an_inner_template_does_not_see_the_outer_variables() {
        assert_eq!(
            expanded("template(f(a.$x,template(b.$x.$y,y=2)),x=1)", &[]),
            "f(a.1,b.$x.2)"
        );
    }

    #[test]
    fn replacement_follows_the_order_of_the_variables() {
        assert_eq!(expanded("template(a.$ho,h=\"1\",ho=\"2\")", &[]), "a.1o");
        assert_eq!(expanded("template(a.$ho,ho=\"2\",h=\"1\")", &[]), "a.2");
        assert_eq!(expanded("template(a.$x,x=\"$y\",y=\"z\")", &[]), "a.z");
    }

    #[test]
    fn variables_reach_tag_queries() {
        let target = "template(seriesByTag(\"name=r\", 'status=$s'),s=\"200\")";
        let Expression::SeriesByTag(query) = parse(target).unwrap().expand(&Variables::new())
        else {
            panic!("not a tag query");
        };
        assert_eq!(query.text, "seriesByTag(\"name=r\", 'status=200')");
        assert_eq!(query.conditions, ["name=r", "status=200"]);
    }
}
