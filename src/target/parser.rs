//! The parser: from the text of a target to its syntax tree.
//!
//! The grammar is the reference's (its `render/grammar.py`), with the reading of bad text that
//! comes with it: the longest valid beginning counts and the rest is ignored, so a call whose
//! parentheses do not balance is read as the path of its name. When a call does not match, then
//! nothing around it can match either, for `(` may follow no path; that is why each character
//! is looked at a bounded number of times although the grammar has alternatives.
//!
//! Deliberate differences: characters beyond ASCII are welcome in paths (as with the
//! reference's `UTF8_METRICS`), and a malformed `template()` is an error even if the text
//! around it does not balance.

use std::borrow::Cow;

use super::cursor::Cursor;
use super::syntax::{Call, Expression, TagQuery, Template};
use super::template::{Value, Variables};

/// The longest target that is read, in bytes. Dashboards that inline every query they refer to
/// send some tens of kilobytes; the bound leaves an order of magnitude above that.
pub const TARGET_LENGTH_MAX: usize = 1 << 20;

/// How deep calls may be nested, pipes included. The reference gives up at some forty levels,
/// where Python's own stack ends; the tree is walked recursively here as well, and a walk of
/// this depth fits in the smallest stack of any thread of the daemon.
pub const TARGET_DEPTH_MAX: usize = 100;

/// Why a target cannot be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot parse target at position {position}: {kind}")]
pub struct ParseError {
    /// The offset in bytes (of the text with tabs expanded) where the trouble is.
    pub position: usize,
    /// What was expected there, or which limit is passed.
    pub kind: ParseErrorKind,
}

/// What is wrong with a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseErrorKind {
    /// The text begins with nothing that a target can begin with.
    #[error("expected a metric path or a function call")]
    NoExpression,
    /// A `template` call of another shape.
    #[error(
        "expected template() with a path or call and then only numbers or strings, \
         all positional or all named"
    )]
    Template,
    /// See [`TARGET_LENGTH_MAX`].
    #[error("the target is longer than {TARGET_LENGTH_MAX} bytes")]
    TooLong,
    /// See [`TARGET_DEPTH_MAX`].
    #[error("calls are nested deeper than {TARGET_DEPTH_MAX} levels")]
    TooDeep,
}

/// The expression at the beginning of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Prefix {
    /// The expression.
    pub expression: Expression,
    /// What stands behind it and was ignored, without blanks around it.
    pub ignored: String,
}

/// Reads one target; text after the first complete expression is ignored.
///
/// # Errors
/// When the text does not begin with an expression (blank text does not: a render request
/// skips blank targets without asking here), when a `template()` has the wrong shape, and when
/// the text is too long or too deeply nested.
pub fn parse(target: &str) -> Result<Expression, ParseError> {
    parse_prefix(target).map(|prefix| prefix.expression)
}

/// Like [`parse`], and tells which text was ignored, for those who want to warn about it.
///
/// # Errors
/// As [`parse`].
pub fn parse_prefix(target: &str) -> Result<Prefix, ParseError> {
    if target.len() > TARGET_LENGTH_MAX {
        return Err(error(TARGET_LENGTH_MAX, ParseErrorKind::TooLong));
    }
    let text = expand_tabs(target);
    let mut parser = Parser {
        cursor: Cursor::new(&text),
        depth: 0,
    };
    parser.cursor.skip_blanks();
    match parser.expression()? {
        Some(node) => Ok(Prefix {
            expression: node.expression,
            ignored: text[parser.cursor.position()..].trim().to_owned(),
        }),
        None => Err(error(
            parser.cursor.position(),
            ParseErrorKind::NoExpression,
        )),
    }
}

/// `Ok(None)`: this alternative of the grammar does not match, the cursor has not moved.
type Match<T> = Result<Option<T>, ParseError>;

/// An expression and the number of calls on its longest branch.
struct Node {
    expression: Expression,
    height: usize,
}

#[derive(Default)]
struct Arguments {
    positional: Vec<Expression>,
    keyword: Vec<(String, Expression)>,
    height: usize,
}

enum Argument {
    Positional(Node),
    Keyword(String, Node),
}

struct Parser<'t> {
    cursor: Cursor<'t>,
    depth: usize,
}

impl<'t> Parser<'t> {
    /// A template, call or path, and the calls it is piped into.
    fn expression(&mut self) -> Match<Node> {
        let Some(mut node) = self.operand()? else {
            return Ok(None);
        };
        loop {
            let start = self.cursor.position();
            if !self.cursor.symbol(b'|') {
                return Ok(Some(node));
            }
            let stage_start = self.cursor.position();
            if self.cursor.identifier() == Some("template") && self.cursor.symbol(b'(') {
                return Err(error(stage_start, ParseErrorKind::Template));
            }
            self.cursor.rewind(stage_start);
            let Some(stage) = self.call()? else {
                self.cursor.rewind(start);
                return Ok(Some(node));
            };
            node = pipe(node, stage);
            if node.height > TARGET_DEPTH_MAX {
                return Err(error(stage_start, ParseErrorKind::TooDeep));
            }
        }
    }

    fn operand(&mut self) -> Match<Node> {
        let start = self.cursor.position();
        if self.cursor.identifier() == Some("template") && self.cursor.symbol(b'(') {
            return self.template(start).map(Some);
        }
        self.cursor.rewind(start);
        self.call_or_path()
    }

    fn call_or_path(&mut self) -> Match<Node> {
        if let Some(call) = self.call()? {
            return Ok(Some(call));
        }
        Ok(self.cursor.path().map(|path| leaf(Expression::Path(path))))
    }

    /// A function's name and its arguments in parentheses.
    fn call(&mut self) -> Match<Node> {
        let rewound = self.cursor.position();
        self.cursor.skip_blanks();
        let start = self.cursor.position();
        let Some(function) = self.cursor.identifier() else {
            self.cursor.rewind(rewound);
            return Ok(None);
        };
        if !self.cursor.symbol(b'(') {
            self.cursor.rewind(rewound);
            return Ok(None);
        }
        self.enter(start)?;
        let arguments = self.arguments()?;
        self.depth -= 1;
        let Some(arguments) = arguments else {
            self.cursor.rewind(rewound);
            return Ok(None);
        };
        let height = arguments.height + 1;
        if height > TARGET_DEPTH_MAX {
            return Err(error(start, ParseErrorKind::TooDeep));
        }
        let expression = call_expression(function, arguments, self.cursor.since(start));
        Ok(Some(Node { expression, height }))
    }

    /// Arguments up to and with the closing parenthesis; positional ones come first, and without
    /// any of them there may be no keywords.
    fn arguments(&mut self) -> Match<Arguments> {
        let mut arguments = Arguments::default();
        if self.cursor.symbol(b')') {
            return Ok(Some(arguments));
        }
        loop {
            match self.argument()? {
                Some(Argument::Positional(node)) if arguments.keyword.is_empty() => {
                    arguments.height = arguments.height.max(node.height);
                    arguments.positional.push(node.expression);
                }
                Some(Argument::Keyword(name, node)) if !arguments.positional.is_empty() => {
                    arguments.height = arguments.height.max(node.height);
                    set_keyword(&mut arguments.keyword, name, node.expression);
                }
                _ => return Ok(None),
            }
            if self.cursor.symbol(b')') {
                return Ok(Some(arguments));
            }
            if !self.cursor.symbol(b',') {
                return Ok(None);
            }
        }
    }

    fn argument(&mut self) -> Match<Argument> {
        let start = self.cursor.position();
        if let Some(name) = self.cursor.identifier()
            && self.cursor.symbol(b'=')
            && let Some(value) = self.value()?
        {
            return Ok(Some(Argument::Keyword(name.to_owned(), value)));
        }
        self.cursor.rewind(start);
        Ok(self.value()?.map(Argument::Positional))
    }

    fn value(&mut self) -> Match<Node> {
        let literal = (self.cursor.keyword())
            .or_else(|| self.cursor.number())
            .or_else(|| self.string());
        match literal {
            Some(literal) => Ok(Some(leaf(literal))),
            None => self.expression(),
        }
    }

    fn string(&mut self) -> Option<Expression> {
        (self.cursor.quoted()).map(|text| Expression::String(text.to_owned()))
    }

    /// The rest of a template whose opening parenthesis is taken.
    fn template(&mut self, start: usize) -> Result<Node, ParseError> {
        let malformed = error(start, ParseErrorKind::Template);
        self.enter(start)?;
        let subject = self.call_or_path()?.ok_or_else(|| malformed.clone())?;
        self.depth -= 1;
        if matches!(&subject.expression, Expression::Call(call) if call.function == "template") {
            return Err(malformed);
        }
        let variables = self.variables().ok_or(malformed)?;
        let expression = Expression::Template(Template {
            subject: Box::new(subject.expression),
            variables,
        });
        let height = subject.height + 1;
        Ok(Node { expression, height })
    }

    /// The variables of a template up to and with the closing parenthesis.
    fn variables(&mut self) -> Option<Variables> {
        let mut variables = Variables::new();
        let mut count_positional = 0;
        let mut count_named = 0;
        while self.cursor.symbol(b',') {
            let name = self.variable_name();
            let value = self.literal()?;
            match name {
                Some(name) => {
                    count_named += 1;
                    variables.set(name, value);
                }
                None => {
                    count_positional += 1;
                    variables.set(&count_positional.to_string(), value);
                }
            }
        }
        let is_mixed = count_positional > 0 && count_named > 0;
        (!is_mixed && self.cursor.symbol(b')')).then_some(variables)
    }

    fn variable_name(&mut self) -> Option<&'t str> {
        let start = self.cursor.position();
        match self.cursor.identifier() {
            Some(name) if self.cursor.symbol(b'=') => Some(name),
            _ => {
                self.cursor.rewind(start);
                None
            }
        }
    }

    fn literal(&mut self) -> Option<Value> {
        match self.cursor.number().or_else(|| self.string())? {
            Expression::Integer(number) => Some(Value::Integer(number)),
            Expression::Float(number) => Some(Value::Float(number)),
            Expression::String(text) => Some(Value::String(text)),
            _ => None,
        }
    }

    fn enter(&mut self, position: usize) -> Result<(), ParseError> {
        self.depth += 1;
        if self.depth > TARGET_DEPTH_MAX {
            return Err(error(position, ParseErrorKind::TooDeep));
        }
        Ok(())
    }
}

fn error(position: usize, kind: ParseErrorKind) -> ParseError {
    ParseError { position, kind }
}

fn leaf(expression: Expression) -> Node {
    Node {
        expression,
        height: 0,
    }
}

/// `operand|stage(…)`: the operand becomes the first argument. A tag query takes no input, so
/// what is piped into it is lost, as in the reference.
fn pipe(operand: Node, stage: Node) -> Node {
    let height = stage.height.max(operand.height + 1);
    match stage.expression {
        Expression::Call(mut call) => {
            call.arguments.insert(0, operand.expression);
            Node {
                expression: Expression::Call(call),
                height,
            }
        }
        expression => Node { expression, height },
    }
}

fn call_expression(function: &str, arguments: Arguments, text: &str) -> Expression {
    if function != "seriesByTag" {
        return Expression::Call(Call {
            function: function.to_owned(),
            arguments: arguments.positional,
            keyword_arguments: arguments.keyword,
        });
    }
    let conditions = arguments
        .positional
        .into_iter()
        .filter_map(|argument| match argument {
            Expression::String(condition) => Some(condition),
            _ => None,
        });
    Expression::SeriesByTag(TagQuery {
        text: text.to_owned(),
        conditions: conditions.collect(),
    })
}

fn set_keyword(keywords: &mut Vec<(String, Expression)>, name: String, value: Expression) {
    match keywords.iter_mut().find(|(known, _)| *known == name) {
        Some(entry) => entry.1 = value,
        None => keywords.push((name, value)),
    }
}

/// Tabs become blanks up to the next multiple of eight columns, in quoted text too: legends
/// with a tab look as they do in the reference.
fn expand_tabs(target: &str) -> Cow<'_, str> {
    const TAB_WIDTH: usize = 8;
    if !target.contains('\t') {
        return Cow::Borrowed(target);
    }
    let mut expanded = String::with_capacity(target.len() + TAB_WIDTH);
    let mut column = 0;
    for character in target.chars() {
        match character {
            '\t' => {
                let width = TAB_WIDTH - column % TAB_WIDTH;
                expanded.extend(std::iter::repeat_n(' ', width));
                column += width;
            }
            '\n' | '\r' => {
                expanded.push(character);
                column = 0;
            }
            _ => {
                expanded.push(character);
                column += 1;
            }
        }
    }
    Cow::Owned(expanded)
}

#[cfg(test)]
mod tests;
