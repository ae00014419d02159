//! Regular expressions in targets, as Python's `re` reads them: patterns with look-around and
//! back-references, substitution with `\1` and `\g<name>`.
//!
//! Patterns without those run on a linear-time engine; the others backtrack under a step limit and
//! are an error beyond it.

use fancy_regex::{Captures, Regex};

/// How much longer than the text what replacements make of it may be. Nested calls would double a name
/// time and again.
const GROWTH_BYTES_MAX: usize = 1 << 20;

/// A compiled pattern.
#[derive(Debug)]
pub struct PythonRegex {
    regex: Regex,
}

/// A compiled replacement: text and the groups between it.
#[derive(Debug)]
pub struct Replacement {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Group(usize),
}

impl PythonRegex {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn new(pattern: &str) -> Result<Self, String> {
        match Regex::new(&translated(pattern)) {
            Ok(regex) => Ok(Self { regex }),
            Err(error) => Err(format!(
                "\"{pattern}\" is not a regular expression: {error}"
            )),
        }
    }

    /// True when the pattern is found anywhere.
    ///
    /// # Errors
    /// When matching takes too many steps.
    pub fn is_found(&self, text: &str) -> Result<bool, String> {
        self.regex.is_match(text).map_err(|error| too_long(&error))
    }

    /// Compiles a replacement for this pattern.
    ///
    /// # Errors
    /// When it names a group that the pattern does not have, or escapes a letter to no effect.
    pub fn replacement(&self, template: &str) -> Result<Replacement, String> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = template;
        while let Some(at) = rest.find('\\') {
            text.push_str(&rest[..at]);
            let escape = read_escape(&rest[at + 1..])
                .ok_or_else(|| format!("bad escape in the replacement \"{template}\""))?;
            match escape.meaning {
                Meaning::Letter(letter) => text.push(letter),
                Meaning::Group(group) => {
                    let number = self.group_number(group).ok_or_else(|| {
                        format!("the pattern has no group \"{group}\", as in \"{template}\"")
                    })?;
                    parts.push(Part::Text(std::mem::take(&mut text)));
                    parts.push(Part::Group(number));
                }
            }
            rest = &rest[at + 1 + escape.length..];
        }
        text.push_str(rest);
        parts.push(Part::Text(text));
        Ok(Replacement { parts })
    }

    fn group_number(&self, group: &str) -> Option<usize> {
        match group.parse() {
            Ok(number) => (number < self.regex.captures_len()).then_some(number),
            Err(_) => self
                .regex
                .capture_names()
                .position(|name| name == Some(group)),
        }
    }

    /// Replaces every match from left to right. An empty match counts also right behind another
    /// match, as in Python since 3.7.
    ///
    /// # Errors
    /// When matching takes too many steps, or the text grows by more than a mebibyte.
    pub fn replace_all(&self, text: &str, replacement: &Replacement) -> Result<String, String> {
        let mut result = String::with_capacity(text.len() + 16);
        let mut position = 0;
        while position <= text.len() {
            let found = self
                .regex
                .captures_from_pos(text, position)
                .map_err(|error| too_long(&error))?;
            let Some((whole, captures)) =
                found.and_then(|captures| captures.get(0).map(|whole| (whole, captures)))
            else {
                break;
            };
            result.push_str(&text[position..whole.start()]);
            if !replacement.write(&captures, text.len() + GROWTH_BYTES_MAX, &mut result) {
                return Err(format!(
                    "the replacement makes the name more than {GROWTH_BYTES_MAX} bytes longer"
                ));
            }
            position = whole.end();
            if whole.start() == whole.end() {
                let Some(letter) = text[position..].chars().next() else {
                    return Ok(result);
                };
                result.push(letter);
                position += letter.len_utf8();
            }
        }
        result.push_str(text.get(position..).unwrap_or_default());
        Ok(result)
    }
}

impl Replacement {
    /// Appends what stands for a match; false when the result would be longer than `bytes_max`.
    fn write(&self, captures: &Captures<'_, str>, bytes_max: usize, result: &mut String) -> bool {
        self.parts.iter().all(|part| {
            result.push_str(match part {
                Part::Text(text) => text,
                // A group that took no part is empty, as in Python since 3.5.
                Part::Group(number) => captures.get(*number).map_or("", |group| group.as_str()),
            });
            result.len() <= bytes_max
        })
    }
}

struct Escape<'a> {
    meaning: Meaning<'a>,
    /// Bytes behind the backslash.
    length: usize,
}

enum Meaning<'a> {
    Letter(char),
    Group(&'a str),
}

/// What stands behind a backslash in a replacement; `None` for an escape that there is not.
fn read_escape(rest: &str) -> Option<Escape<'_>> {
    let first = rest.chars().next()?;
    if let Some(named) = rest.strip_prefix("g<") {
        let length = named.find('>')?;
        return Some(Escape {
            meaning: Meaning::Group(&named[..length]),
            length: length + 3,
        });
    }
    if let Some(escape) = read_octal(rest) {
        return escape;
    }
    if first.is_ascii_digit() {
        let second = rest[1..].starts_with(|letter: char| letter.is_ascii_digit());
        let length = 1 + usize::from(second);
        return Some(Escape {
            meaning: Meaning::Group(&rest[..length]),
            length,
        });
    }
    let letter = match first {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'v' => '\u{b}',
        '\\' => '\\',
        other if other.is_ascii_alphabetic() => return None,
        // The backslash stands for itself, and what follows as well.
        _ => {
            return Some(Escape {
                meaning: Meaning::Letter('\\'),
                length: 0,
            });
        }
    };
    Some(Escape {
        meaning: Meaning::Letter(letter),
        length: 1,
    })
}

/// A letter by its number: a zero with up to two further digits, or three digits. The outer `None` is no
/// such number, the inner one a number beyond a byte.
fn read_octal(rest: &str) -> Option<Option<Escape<'_>>> {
    let digits = rest.bytes().take(3);
    let length = digits
        .take_while(|digit| (b'0'..=b'7').contains(digit))
        .count();
    if length < 3 && !rest.starts_with('0') {
        return None;
    }
    let number = u8::from_str_radix(&rest[..length], 8).ok();
    Some(number.map(|number| Escape {
        meaning: Meaning::Letter(char::from(number)),
        length,
    }))
}

/// The pattern in the engine's syntax where that reads the same letters otherwise: it knows classes within
/// classes, their intersections and differences, `\<` for the start of a word, and `\Z` before a last
/// line feed.
fn translated(pattern: &str) -> String {
    let mut result = String::with_capacity(pattern.len() + 8);
    let mut letters = pattern.chars().peekable();
    let mut is_in_class = false;
    let mut previous = None;
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('Z') if !is_in_class => result.push_str("\\z"),
                Some(bracket @ ('<' | '>')) => result.push(bracket),
                other => result.extend(std::iter::once(letter).chain(other)),
            },
            '[' if is_in_class => result.push_str("\\["),
            '[' => {
                is_in_class = true;
                result.push(letter);
                result.extend(letters.next_if_eq(&'^'));
                if letters.next_if_eq(&']').is_some() {
                    result.push_str("\\]");
                }
            }
            ']' => {
                is_in_class = false;
                result.push(letter);
            }
            '&' | '-' | '~' if is_in_class && previous == Some(letter) => {
                result.extend(['\\', letter]);
            }
            _ => result.push(letter),
        }
        previous = Some(letter);
    }
    result
}

fn too_long(error: &fancy_regex::Error) -> String {
    format!("matching took too long: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(pattern: &str, template: &str, text: &str) -> String {
        let regex = PythonRegex::new(pattern).unwrap();
        let replacement = regex.replacement(template).unwrap();
        regex.replace_all(text, &replacement).unwrap()
    }

    #[test]
    fn groups_are_filled_in() {
        assert_eq!(replaced("(^.*$)", r"\1 A", "a.b"), "a.b A");
        assert_eq!(
            replaced(r"(?P<n>\d+)", r"<\g<n>>", "web01.x2"),
            "web<01>.x<2>"
        );
        assert_eq!(replaced("(a)|(b)", r"[\2]", "ab"), "[][b]");
        assert_eq!(replaced("a", r"\\\n\.", "a"), "\\\n\\.");
        assert_eq!(replaced("a", r"\101\08\0", "a"), "A\u{0}8\u{0}");
    }

    #[test]
    fn classes_are_those_of_python() {
        assert_eq!(replaced("[[:alpha:]]", "x", "b:]:]"), "bxx");
        assert_eq!(replaced("[]a]", "x", "]ab"), "xxb");
        assert_eq!(replaced("[a&&b]", "x", "a&b"), "xxx");
        assert_eq!(replaced("[+--]", "x", "+,-."), "xxx.");
        assert_eq!(replaced(r"\<b\>", "x", "a<b>"), "ax");
        assert_eq!(replaced(r"b\Z", "x", "bb"), "bx");
    }

    #[test]
    fn empty_matches_count_behind_others() {
        assert_eq!(replaced("", "-", "ab"), "-a-b-");
        assert_eq!(replaced(".*", "x", "abc"), "xx");
        assert_eq!(replaced("b*", "-", "abc"), "-a--c-");
    }

    #[test]
    fn look_around_works() {
        assert_eq!(
            replaced(r"(?<=\.)cpu(?!0)", "CPU", "a.cpu.cpu0"),
            "a.CPU.cpu0"
        );
    }

    #[test]
    fn wrong_groups_and_escapes_are_errors() {
        let regex = PythonRegex::new("(a)").unwrap();
        assert!(
            regex
                .replacement(r"\9")
                .unwrap_err()
                .contains("no group \"9\"")
        );
        assert!(regex.replacement(r"\q").unwrap_err().contains("bad escape"));
        assert!(regex.replacement("\\").unwrap_err().contains("bad escape"));
        assert!(
            regex
                .replacement(r"\777")
                .unwrap_err()
                .contains("bad escape")
        );
        assert!(PythonRegex::new("(").unwrap_err().contains("\"(\""));
    }
}
