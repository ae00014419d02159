//! A syntax tree as text: the canonical form of a target.
//!
//! No blanks, double quotes where the text allows, pipes written as nested calls (but for paths
//! such as `5` and `true`, which are paths only in front of a pipe). Parsing the text of a tree
//! that came from the parser gives the same tree again, which makes the text fit for keys of
//! caches and for `explain`.

use std::fmt::{self, Display, Formatter, Write};

use super::cursor::{Cursor, is_symbol};
use super::syntax::{Call, Expression, Template};
use super::template::Value;

impl Display for Expression {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write_path(out, path),
            Self::SeriesByTag(query) => out.write_str(&query.text),
            Self::Call(call) => call.fmt(out),
            Self::Template(template) => template.fmt(out),
            Self::Integer(number) => number.fmt(out),
            Self::Float(number) => write_float(out, *number),
            Self::String(text) => write_quoted(out, text),
            Self::Boolean(claim) => claim.fmt(out),
            Self::Null => out.write_str("none"),
        }
    }
}

impl Display for Call {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let mut arguments = &*self.arguments;
        if let [first, rest @ ..] = arguments
            && begins_like_literal(first)
        {
            write!(out, "{first}|")?;
            arguments = rest;
        }
        write!(out, "{}(", self.function)?;
        let mut separator = "";
        for argument in arguments {
            write!(out, "{separator}{argument}")?;
            separator = ",";
        }
        for (name, value) in &self.keyword_arguments {
            write!(out, "{separator}{name}={value}")?;
            separator = ",";
        }
        out.write_char(')')
    }
}

impl Display for Template {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "template({}", self.subject)?;
        for (name, value) in self.variables.iter() {
            out.write_char(',')?;
            if !name.starts_with(|c: char| c.is_ascii_digit()) {
                write!(out, "{name}=")?;
            }
            match value {
                Value::Integer(number) => number.fmt(out)?,
                Value::Float(number) => write_float(out, *number)?,
                Value::String(text) => write_quoted(out, text)?,
            }
        }
        out.write_char(')')
    }
}

/// The shortest text that reads back as this float; an overflowing exponent where the grammar
/// has no word for an infinity.
fn write_float(out: &mut Formatter<'_>, number: f64) -> fmt::Result {
    if number == f64::INFINITY {
        out.write_str("1e999")
    } else if number == f64::NEG_INFINITY {
        out.write_str("-1e999")
    } else {
        write!(out, "{number:?}")
    }
}

fn write_quoted(out: &mut Formatter<'_>, text: &str) -> fmt::Result {
    let double = format!("\"{text}\"");
    if Cursor::new(&double).quoted() == Some(text) {
        out.write_str(&double)
    } else {
        write!(out, "'{text}'")
    }
}

/// Escapes what would end the path or change its meaning; `{a,b}` stays as it is where the
/// grammar allows it.
fn write_path(out: &mut Formatter<'_>, path: &str) -> fmt::Result {
    // `name=rest` would be read as a keyword argument, so there the first `=` needs an escape.
    let keyword_end = (path.find('=')).filter(|end| is_identifier(&path[..*end]));
    if keyword_end.is_none() && reads_as(path, path) {
        return out.write_str(path);
    }
    let mut rest = path;
    while let Some(character) = rest.chars().next() {
        if let Some(group) = Cursor::new(rest).plain_alternatives() {
            out.write_str(group)?;
            rest = &rest[group.len()..];
            continue;
        }
        rest = &rest[character.len_utf8()..];
        let is_separator = character == '.' && !rest.is_empty() && !rest.starts_with('.');
        let place = path.len() - rest.len() - character.len_utf8();
        let is_special = u8::try_from(character).is_ok_and(is_symbol) || keyword_end == Some(place);
        if is_special && !(is_separator && place > 0) {
            out.write_char('\\')?;
        }
        out.write_char(character)?;
    }
    Ok(())
}

/// Whether the leftmost path of nested calls would, as an argument, be read as a number or a
/// keyword. Such a path can only stand in front of a pipe.
fn begins_like_literal(mut tree: &Expression) -> bool {
    while let Expression::Call(call) = tree
        && let Some(first) = call.arguments.first()
    {
        tree = first;
    }
    let Expression::Path(path) = tree else {
        return false;
    };
    let argument = format!("{path},");
    let mut cursor = Cursor::new(&argument);
    cursor.keyword().is_some() || cursor.number().is_some()
}

fn is_identifier(text: &str) -> bool {
    let mut cursor = Cursor::new(text);
    cursor.identifier().is_some() && cursor.position() == text.len()
}

fn reads_as(text: &str, path: &str) -> bool {
    let mut cursor = Cursor::new(text);
    cursor.path().as_deref() == Some(path) && cursor.position() == text.len()
}

#[cfg(test)]
mod tests {
    use crate::target::parse;

    #[test]
    fn canonical_text_has_no_pipes_and_no_blanks() {
        for (target, expected) in [
            (
                " a.b | scale( 2 ) | alias('x y') ",
                "alias(scale(a.b,2),\"x y\")",
            ),
            (
                "f(a, TRUE, None, inf, 1e3, k = 'v')",
                "f(a,true,none,1e999,1000.0,k=\"v\")",
            ),
            ("f(a,'say \"x\"')", "f(a,'say \"x\"')"),
            ("f(a\\(b.{c,d},e\\=f)", "f(a\\(b.{c,d},e\\=f)"),
            ("seriesByTag( 'a=b' )|f()", "f(seriesByTag( 'a=b' ))"),
            (
                "template( f(a.$1) , 1, \"b\" )",
                "template(f(a.$1),1,\"b\")",
            ),
            (
                "template(f(a.$x),x=1.5,y='b')",
                "template(f(a.$x),x=1.5,y=\"b\")",
            ),
        ] {
            assert_eq!(parse(target).unwrap().to_string(), expected, "{target}");
        }
    }

    #[test]
    fn escaped_paths_survive_the_round_trip() {
        for target in [
            "a\\.\\.b",
            "a.\\.",
            "\\.a",
            "a\\{b\\}",
            "a\\{{b,c}\\,",
            "a\\{b\\.c\\}{d}",
            "f(x,a\\=b)",
            "f(x,k=a\\=b)",
            "a\\\\b\\|\\\"",
            "f(\\'\\))",
            "größe.{a,ü}",
            "f(1|g())",
            "true.x|f(1)|g()",
            "-2.5|f()",
        ] {
            let tree = parse(target).unwrap();
            assert_eq!(parse(&tree.to_string()), Ok(tree.clone()), "{target}");
        }
    }
}
