//! Request parameters: the query string and a posted form, merged as Django merges them.
//!
//! The form's pairs follow those of the query string. A parameter with one meaning takes its last
//! value, so the form wins; one that repeats, such as `target`, takes all values in order. Grafana
//! relies on both: it sends `meta=true` in the URL and the rest in the body.

use super::error::ApiError;

/// Pairs of name and value in the order they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    pairs: Vec<(String, String)>,
}

impl Parameters {
    /// Reads a query string, and a form when there is one.
    pub fn parse(query: &str, form: &[u8]) -> Self {
        let mut parameters = Self::default();
        parameters.add(query.as_bytes(), Charset::Utf8);
        parameters.add(form, Charset::Utf8);
        parameters
    }

    /// Adds pairs, `name=value` joined by `&`. What is not well encoded stands for itself: `%` before
    /// anything but two digits is a percent sign, bytes that are no text become U+FFFD.
    pub(super) fn add(&mut self, encoded: &[u8], charset: Charset) {
        for pair in encoded.split(|byte| *byte == b'&') {
            if pair.is_empty() {
                continue;
            }
            let (name, value) = match memchr::memchr(b'=', pair) {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &pair[pair.len()..]),
            };
            let decoded = |encoded| charset.text(decode_bytes(encoded));
            self.pairs.push((decoded(name), decoded(value)));
        }
    }

    /// Adds a pair that is not encoded.
    pub(super) fn add_plain(&mut self, name: &[u8], value: &[u8], charset: Charset) {
        let [name, value] = [name, value].map(|bytes| charset.text(bytes.to_vec()));
        self.pairs.push((name, value));
    }

    /// All pairs in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.pairs.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The last value of a parameter.
    pub fn last(&self, name: &str) -> Option<&str> {
        let mut values = self.pairs.iter().rev();
        values
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The last value of a parameter unless it is empty.
    pub fn non_empty(&self, name: &str) -> Option<&str> {
        self.last(name).filter(|value| !value.is_empty())
    }

    /// True when the parameter is there, whatever its value.
    pub fn has(&self, name: &str) -> bool {
        self.last(name).is_some()
    }

    /// All values of a parameter in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// All values of a parameter that libraries also spell with brackets behind it; the plain
    /// spelling wins when both are there.
    pub fn list(&self, name: &str) -> Vec<String> {
        let plain: Vec<String> = self.all(name).map(str::to_owned).collect();
        if !plain.is_empty() {
            return plain;
        }
        let bracketed = format!("{name}[]");
        self.all(&bracketed).map(str::to_owned).collect()
    }

    /// A whole number, or what is assumed without it.
    ///
    /// # Errors
    /// When there is a value and it is no whole number.
    pub fn integer(&self, name: &str, default: i64) -> Result<i64, ApiError> {
        let Some(value) = self.last(name) else {
            return Ok(default);
        };
        value
            .trim()
            .parse()
            .map_err(|_| ApiError::bad_request(format!("{name}=\"{value}\" is not a whole number")))
    }

    /// A switch: a whole number that is not zero.
    ///
    /// # Errors
    /// When there is a value and it is no whole number.
    pub fn switch(&self, name: &str) -> Result<bool, ApiError> {
        Ok(self.integer(name, 0)? != 0)
    }

    /// A limit on the length of an answer: `None` without one.
    ///
    /// # Errors
    /// When there is a value and it is no whole number, or below zero.
    pub fn limit(&self, name: &str) -> Result<Option<usize>, ApiError> {
        let Some(value) = self.last(name) else {
            return Ok(None);
        };
        value.trim().parse().map(Some).map_err(|_| {
            ApiError::bad_request(format!("{name}=\"{value}\" is not a number of results"))
        })
    }

    /// The values of `name[KEY]`, the last one of each key.
    pub fn keyed(&self, name: &str) -> Vec<(String, String)> {
        let mut found: Vec<(String, String)> = Vec::new();
        for (spelled, value) in &self.pairs {
            let inner = spelled
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('['))
                .and_then(|rest| rest.strip_suffix(']'));
            let Some(key) = inner else { continue };
            match found.iter_mut().find(|(known, _)| known == key) {
                Some((_, old)) => old.clone_from(value),
                None => found.push((key.to_owned(), value.clone())),
            }
        }
        found
    }
}

/// What the bytes of a request stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Charset {
    /// Bytes that are no text become U+FFFD.
    #[default]
    Utf8,
    /// A byte a letter.
    Latin1,
}

impl Charset {
    /// The one that a `Content-Type` names; UTF-8 where that is none of ours.
    pub(super) fn of(name: &str) -> Self {
        const LATIN: [&str; 4] = ["iso-8859-1", "iso8859-1", "latin1", "latin-1"];
        if LATIN.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            Self::Latin1
        } else {
            Self::Utf8
        }
    }

    fn text(self, bytes: Vec<u8>) -> String {
        match self {
            Self::Utf8 => String::from_utf8(bytes)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
            Self::Latin1 => bytes.into_iter().map(char::from).collect(),
        }
    }
}

/// Undoes percent-encoding, `+` for a blank included.
pub(super) fn decode(encoded: &[u8]) -> String {
    Charset::Utf8.text(decode_bytes(encoded))
}

fn decode_bytes(encoded: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        match (first, others) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, tail @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                let value = hex(*high).unwrap_or(0) << 4 | hex(*low).unwrap_or(0);
                bytes.push(value);
                rest = tail;
            }
            (other, _) => bytes.push(*other),
        }
    }
    bytes
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(parameters: &Parameters, name: &str) -> Vec<String> {
        parameters.list(name)
    }

    #[test]
    fn form_follows_the_query_string_and_wins() {
        let parameters = Parameters::parse("meta=true&from=-1h&target=a", b"from=-2h&target=b");
        assert_eq!(parameters.last("meta"), Some("true"));
        assert_eq!(parameters.last("from"), Some("-2h"));
        assert_eq!(list(&parameters, "target"), ["a", "b"]);
    }

    #[test]
    fn repeated_values_keep_their_order_and_brackets_are_a_second_spelling() {
        let parameters = Parameters::parse("target[]=b&target%5B%5D=a", b"");
        assert_eq!(list(&parameters, "target"), ["b", "a"]);
        let parameters = Parameters::parse("target[]=b&target=a", b"");
        assert_eq!(list(&parameters, "target"), ["a"]);
    }

    #[test]
    fn encodings_good_and_bad_are_read() {
        let parameters = Parameters::parse("a=x+y%2Bz%zz%&b=%c3%a9%ff&c&=d&&e=1=2", b"");
        assert_eq!(parameters.last("a"), Some("x y+z%zz%"));
        assert_eq!(parameters.last("b"), Some("é\u{fffd}"));
        assert_eq!(parameters.last("c"), Some(""));
        assert_eq!(parameters.last(""), Some("d"));
        assert_eq!(parameters.last("e"), Some("1=2"));
        assert_eq!(parameters.last("d"), None);
    }

    #[test]
    fn query_that_nobody_encoded_is_read() {
        let parameters = Parameters::parse("", b"query=servers.{a,b}.*[0-9]~x;y=z");
        assert_eq!(parameters.last("query"), Some("servers.{a,b}.*[0-9]~x;y=z"));
    }

    #[test]
    fn template_variables_are_keyed() {
        let parameters = Parameters::parse("template[h]=a&template%5Bx.y%5D=b&template[h]=c", b"");
        let pairs = parameters.keyed("template");
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(pairs, [("h", "c"), ("x.y", "b")]);
    }

    #[test]
    fn numbers_are_checked() {
        let parameters = Parameters::parse("a=1&b= -2 &c=x&d=", b"");
        assert_eq!(parameters.integer("a", 0), Ok(1));
        assert_eq!(parameters.integer("b", 0), Ok(-2));
        assert!(parameters.integer("c", 0).is_err());
        assert!(parameters.integer("d", 0).is_err());
        assert_eq!(parameters.integer("none", 7), Ok(7));
        assert_eq!(parameters.switch("a"), Ok(true));
        assert_eq!(parameters.limit("none"), Ok(None));
        assert!(parameters.limit("b").is_err());
    }
}
