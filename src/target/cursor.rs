//! The lexer: a place in the text of a target and the tokens that may start there.
//!
//! Each method either takes a token and moves on, or takes nothing and stays. Blanks are
//! skipped before a token, never inside one. The parser decides which token may come where,
//! because the same characters can be several: `5` is a number between commas and a path
//! elsewhere.

use super::syntax::Expression;

/// A reading position in the text of a target.
pub(super) struct Cursor<'t> {
    text: &'t str,
    position: usize,
}

impl<'t> Cursor<'t> {
    /// A cursor at the start of `text`.
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, position: 0 }
    }

    /// The offset of the next character in bytes.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// Goes back to an offset that [`Cursor::position`] gave.
    pub(super) fn rewind(&mut self, position: usize) {
        self.position = position;
    }

    /// The text from `start` up to here.
    pub(super) fn since(&self, start: usize) -> &'t str {
        &self.text[start..self.position]
    }

    /// Skips blanks; nothing else counts as space in a target.
    pub(super) fn skip_blanks(&mut self) {
        self.position = self.after_blanks();
    }

    /// Takes the character `symbol`.
    pub(super) fn symbol(&mut self, symbol: u8) -> bool {
        let start = self.after_blanks();
        let is_there = self.byte_at(start) == Some(symbol);
        if is_there {
            self.position = start + 1;
        }
        is_there
    }

    /// Takes the name of a function or of a keyword argument.
    pub(super) fn identifier(&mut self) -> Option<&'t str> {
        let start = self.after_blanks();
        if !(self.byte_at(start)).is_some_and(|b| b.is_ascii_alphabetic() || b == b'_') {
            return None;
        }
        let end = self.end_of(start, |b| b.is_ascii_alphanumeric() || b == b'_');
        self.take(start, end)
    }

    /// Takes `true`, `false`, `none` or `inf`, in any case, where the word ends.
    pub(super) fn keyword(&mut self) -> Option<Expression> {
        let start = self.after_blanks();
        let in_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'$';
        let end = self.end_of(start, in_word);
        let word = &self.text[start..end];
        let value = [
            ("true", Expression::Boolean(true)),
            ("false", Expression::Boolean(false)),
            ("none", Expression::Null),
            ("inf", Expression::Float(f64::INFINITY)),
        ]
        .into_iter()
        .find_map(|(name, value)| word.eq_ignore_ascii_case(name).then_some(value))?;
        self.position = end;
        Some(value)
    }

    /// Takes a number, which must be followed by `,` or `)`: `5m` and `2.` are none.
    pub(super) fn number(&mut self) -> Option<Expression> {
        let start = self.after_blanks();
        let whole_end = self.integer_end(start)?;
        let mut end = whole_end;
        if self.byte_at(end) == Some(b'.') {
            let fraction_end = self.end_of(end + 1, |b| b.is_ascii_digit());
            end = if fraction_end > end + 1 {
                fraction_end
            } else {
                end
            };
        }
        if matches!(self.byte_at(end), Some(b'e' | b'E')) {
            end = self.integer_end(end + 1).unwrap_or(end);
        }
        let follower = self.byte_at(self.blanks_end(end));
        if !matches!(follower, Some(b',' | b')')) {
            return None;
        }
        let text = self.take(start, end)?;
        let whole = (end == whole_end).then(|| text.parse().ok()).flatten();
        match whole {
            Some(number) => Some(Expression::Integer(number)),
            None => text.parse().ok().map(Expression::Float),
        }
    }

    /// Takes quoted text and gives what is between the quotes.
    ///
    /// A backslash hides the next character from the search for the closing quote (`\x` needs a
    /// hexadecimal digit behind it), and so does a doubled quote its second one; both stay in
    /// the text. A line break ends the search. If no closing quote is found, the first of
    /// the last doubled pair closes the string after all.
    pub(super) fn quoted(&mut self) -> Option<&'t str> {
        let start = self.after_blanks();
        let quote = self.byte_at(start).filter(|b| matches!(b, b'"' | b'\''))?;
        let mut position = start + 1;
        let mut fallback = None;
        let close = loop {
            match self.byte_at(position) {
                Some(b) if b == quote => {
                    if self.byte_at(position + 1) != Some(quote) {
                        break Some(position);
                    }
                    fallback = Some(position);
                    position += 2;
                }
                Some(b'\\') => match self.byte_at(position + 1) {
                    Some(b'x') => match self.byte_at(position + 2) {
                        Some(b) if b.is_ascii_hexdigit() => position += 3,
                        _ => break fallback,
                    },
                    Some(_) => position += 2,
                    None => break fallback,
                },
                None | Some(b'\n' | b'\r') => break fallback,
                Some(_) => position += 1,
            }
        }?;
        self.position = close + 1;
        Some(&self.text[start + 1..close])
    }

    /// Takes a metric path: nodes with dots between them, escapes resolved.
    pub(super) fn path(&mut self) -> Option<String> {
        let start = self.after_blanks();
        let mut path = String::new();
        let mut end = self.node(start, &mut path)?;
        while self.byte_at(end) == Some(b'.') {
            path.push('.');
            match self.node(end + 1, &mut path) {
                Some(node_end) => end = node_end,
                None => {
                    path.pop();
                    break;
                }
            }
        }
        self.position = end;
        Some(path)
    }

    /// Takes `{a,b}` from inside a path and gives it as typed, unless it holds escapes.
    pub(super) fn plain_alternatives(&mut self) -> Option<&'t str> {
        let start = self.position;
        let mut resolved = String::new();
        let end = self.alternatives(start, &mut resolved)?;
        let typed = &self.text[start..end];
        (typed == resolved).then(|| {
            self.position = end;
            typed
        })
    }

    /// Appends the node at `start` to `path` and gives its end.
    fn node(&self, start: usize, path: &mut String) -> Option<usize> {
        let mut end = start;
        while let Some(part_end) =
            (self.plain_part(end, path)).or_else(|| self.alternatives(end, path))
        {
            end = part_end;
        }
        (end > start).then_some(end)
    }

    /// A run of ordinary and escaped characters.
    fn plain_part(&self, start: usize, path: &mut String) -> Option<usize> {
        let mut end = start;
        loop {
            let run_end = self.end_of(end, is_path_byte);
            // Bytes beyond ASCII belong to characters; those that are blank end the run.
            let run = &self.text[end..run_end];
            let run = (run.find(|c: char| !c.is_ascii() && (c.is_whitespace() || c.is_control())))
                .map_or(run, |stop| &run[..stop]);
            path.push_str(run);
            end += run.len();
            match (self.byte_at(end), self.byte_at(end + 1)) {
                (Some(b'\\'), Some(symbol)) if is_symbol(symbol) || symbol == b'=' => {
                    path.push(char::from(symbol));
                    end += 2;
                }
                _ => return (end > start).then_some(end),
            }
        }
    }

    /// `{a,b}`: neither empty nor nested nor with a dot in it.
    fn alternatives(&self, start: usize, path: &mut String) -> Option<usize> {
        let kept = path.len();
        let mut end = start;
        let mut opener = b'{';
        while self.byte_at(end) == Some(opener) {
            path.push(char::from(opener));
            let Some(part_end) = self.plain_part(end + 1, path) else {
                break;
            };
            end = part_end;
            if self.byte_at(end) == Some(b'}') {
                path.push('}');
                return Some(end + 1);
            }
            opener = b',';
        }
        path.truncate(kept);
        None
    }

    fn integer_end(&self, start: usize) -> Option<usize> {
        let digits = start + usize::from(self.byte_at(start) == Some(b'-'));
        let end = self.end_of(digits, |b| b.is_ascii_digit());
        (end > digits).then_some(end)
    }

    fn take(&mut self, start: usize, end: usize) -> Option<&'t str> {
        self.position = end;
        self.text.get(start..end)
    }

    fn byte_at(&self, position: usize) -> Option<u8> {
        self.text.as_bytes().get(position).copied()
    }

    fn end_of(&self, start: usize, belongs: impl Fn(u8) -> bool) -> usize {
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        start + rest.iter().take_while(|b| belongs(**b)).count()
    }

    fn after_blanks(&self) -> usize {
        self.blanks_end(self.position)
    }

    fn blanks_end(&self, start: usize) -> usize {
        self.end_of(start, |b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'))
    }
}

/// Characters that structure a target and stand in a path only behind a backslash.
pub(super) fn is_symbol(byte: u8) -> bool {
    b"(){},.'\"\\|".contains(&byte)
}

fn is_path_byte(byte: u8) -> bool {
    (byte.is_ascii_graphic() && !is_symbol(byte)) || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_ends_at_the_first_quote_that_nothing_hides() {
        for (text, expected) in [
            ("\"a\"", Some("a")),
            (" 'a' ", Some("a")),
            ("\"\"", Some("")),
            ("\"it's\"", Some("it's")),
            ("\"a\\\"b\"", Some("a\\\"b")),
            ("\"a\\\\\"b\"", Some("a\\\\")),
            ("\"a\"\"b\"", Some("a\"\"b")),
            ("\"a\"\"b", Some("a")),
            ("\"\"\"", Some("")),
            ("\"\"\"\"", Some("\"\"")),
            ("\"a\\x41\"", Some("a\\x41")),
            ("\"a\\xyz\"", None),
            ("\"a\nb\"", None),
            ("\"a\\\nb\"", Some("a\\\nb")),
            ("\"é\\é\"", Some("é\\é")),
            ("\"open", None),
            ("\"open\\", None),
            ("plain", None),
        ] {
            assert_eq!(Cursor::new(text).quoted(), expected, "{text:?}");
        }
    }

    #[test]
    fn paths_end_where_their_grammar_ends() {
        for (text, expected, rest) in [
            (" a.b ", "a.b", 4),
            ("a..b", "a", 1),
            ("a.", "a", 1),
            ("a.{b,c}x{d}.e", "a.{b,c}x{d}.e", 13),
            ("a{b.c}", "a", 1),
            ("a{b,{c}}", "a", 1),
            ("a{}", "a", 1),
            ("a{b,}", "a", 1),
            ("a.{b, c}", "a", 1),
            ("a\\.b\\(c\\=\\,", "a.b(c=,", 11),
            ("a\\b", "a", 1),
            ("a;t=v;u=w(", "a;t=v;u=w", 9),
            ("größe.x", "größe.x", 9),
            ("a\u{a0}b", "a", 1),
            ("{a,b}", "{a,b}", 5),
            ("~!@#$%^&*-+[]:<>?/`", "~!@#$%^&*-+[]:<>?/`", 19),
        ] {
            let mut cursor = Cursor::new(text);
            assert_eq!(cursor.path().as_deref(), Some(expected), "{text:?}");
            assert_eq!(cursor.position(), rest, "{text:?}");
        }
        for text in ["", ".a", "{a", "(", "\\a", "|"] {
            assert_eq!(Cursor::new(text).path(), None, "{text:?}");
        }
    }

    #[test]
    fn numbers_need_an_end_and_keep_their_kind() {
        for (text, expected) in [
            ("5)", Some(Expression::Integer(5))),
            ("-007 ,", Some(Expression::Integer(-7))),
            ("5.25)", Some(Expression::Float(5.25))),
            ("1e3)", Some(Expression::Float(1000.0))),
            ("1.5E-3)", Some(Expression::Float(0.0015))),
            ("1e400)", Some(Expression::Float(f64::INFINITY))),
            ("99999999999999999999)", Some(Expression::Float(1e20))),
            ("+2)", None),
            ("2.)", None),
            (".5)", None),
            ("1e+3)", None),
            ("5m)", None),
            ("--5)", None),
            ("5", None),
        ] {
            assert_eq!(Cursor::new(text).number(), expected, "{text:?}");
        }
    }

    #[test]
    fn keywords_are_whole_words_in_any_case() {
        for (text, expected) in [
            ("TRUE)", Some(Expression::Boolean(true))),
            ("False", Some(Expression::Boolean(false))),
            ("nOnE,", Some(Expression::Null)),
            ("inf.x", Some(Expression::Float(f64::INFINITY))),
            ("trueish", None),
            ("true$", None),
            ("infinity", None),
        ] {
            assert_eq!(Cursor::new(text).keyword(), expected, "{text:?}");
        }
    }
}
