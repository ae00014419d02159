//! The syntax tree of a render target.
//!
//! Made by `parser`, rewritten by `template`, printed by `print`, read by `plan` and `evaluate`.
//! Pipes are gone: `a|f(1)` is the same tree as `f(a,1)`.

use super::template::Variables;

/// One target, or one argument of a function.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// A metric path with its wildcards; escapes are resolved (`a\(b` is the path `a(b`).
    Path(String),
    /// `seriesByTag(…)`: like a path it names series in the catalog and has no other input.
    SeriesByTag(TagQuery),
    /// A function and its arguments.
    Call(Call),
    /// `template(…)`: a part of the tree with variables in its paths.
    Template(Template),
    /// A whole number, such as `5` or `-007`.
    Integer(i64),
    /// A number with a fraction or an exponent, a whole number beyond `i64`, or `inf`.
    Float(f64),
    /// Quoted text without its quotes; backslashes in it stand for themselves.
    String(String),
    /// `true` or `false`, in any case.
    Boolean(bool),
    /// `none`, in any case.
    Null,
}

/// A call such as `scale(a.b,factor=2)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The function's name as typed; names are case-sensitive.
    pub function: String,
    /// Positional arguments; what stood before a pipe comes first.
    pub arguments: Vec<Expression>,
    /// Keyword arguments in the order of their first appearance, each name once: when a name is
    /// given twice the later value wins.
    pub keyword_arguments: Vec<(String, Expression)>,
}

/// A call of `seriesByTag`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagQuery {
    /// The call exactly as typed, blanks included: aggregates print it as the path expression.
    pub text: String,
    /// Its quoted arguments, such as `name=cpu`; arguments of other types are ignored.
    pub conditions: Vec<String>,
}

/// A call of `template`.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// A [`Expression::Call`], [`Expression::SeriesByTag`] or [`Expression::Path`].
    pub subject: Box<Expression>,
    /// The values written into the call; positional ones are named `1`, `2`, ….
    pub variables: Variables,
}
