//! One request and what its answer must be.
//!
//! ```text
//! ### name
//! POST /render
//! X-Panel-Id: 2
//!
//! target=a&format=json
//! >>> 200 application/json
//! [{"target": "a"}]
//! ```
//!
//! The answer's JSON must contain what is written: members that are not named may be there as well,
//! lists must have as many items. Anything that is not JSON must be equal.

use serde_json::Value;

/// A request with its expectation.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// What it shows.
    pub(crate) name: String,
    /// GET or POST.
    pub(crate) method: String,
    /// Path and query string.
    pub(crate) uri: String,
    /// Headers as typed.
    pub(crate) headers: Vec<(String, String)>,
    /// The body, one line of a form usually.
    pub(crate) body: String,
    status: u16,
    content_type: String,
    expected: String,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: String,
}

impl Exchange {
    /// The exchanges of a file.
    pub(crate) fn parse_all(text: &str) -> Vec<Self> {
        let parts = text.split("\n### ").skip(1);
        parts.map(Self::parse).collect()
    }

    fn parse(text: &str) -> Self {
        let (request, answer) = text.split_once("\n>>> ").expect("an answer after >>>");
        let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
        let mut lines = head.lines();
        let name = lines.next().expect("a name").to_owned();
        let (method, uri) = lines
            .next()
            .and_then(|line| line.split_once(' '))
            .expect("a method and a path");
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").expect("a header");
            (name.to_owned(), value.to_owned())
        });
        let (status_line, expected) = answer.split_once('\n').expect("a body");
        let (status, content_type) = status_line.split_once(' ').expect("status and media type");
        Self {
            name,
            method: method.to_owned(),
            uri: uri.to_owned(),
            headers: headers.collect(),
            body: body.trim_end().to_owned(),
            status: status.parse().expect("a status"),
            content_type: content_type.to_owned(),
            expected: expected.trim().to_owned(),
        }
    }

    /// Whether the answer is as it must be.
    pub(crate) fn check(&self, answer: &Answer) -> Result<(), String> {
        if answer.status != self.status {
            return Err(format!("status {}: {}", answer.status, answer.body));
        }
        let media_type = answer.content_type.split(';').next().unwrap_or_default();
        if media_type != self.content_type {
            return Err(format!("media type {media_type}"));
        }
        if self.content_type != "application/json" {
            let same = answer.body.trim() == self.expected;
            return if same {
                Ok(())
            } else {
                Err(answer.body.clone())
            };
        }
        let expected: Value = serde_json::from_str(&self.expected).expect("expected JSON");
        // Infinity is written as a number that overflows; this parser refuses to let it.
        let body = answer.body.replace("1e9999", "1e308");
        let got = serde_json::from_str(&body).map_err(|error| format!("{error}: {body:.500}"))?;
        contains(&expected, &got, "$")
    }
}

fn contains(expected: &Value, got: &Value, place: &str) -> Result<(), String> {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => {
            for (key, value) in expected {
                let inner = got
                    .get(key)
                    .ok_or_else(|| format!("{place}.{key} is missing"))?;
                contains(value, inner, &format!("{place}.{key}"))?;
            }
            Ok(())
        }
        (Value::Array(expected), Value::Array(items)) if expected.len() == items.len() => {
            let mut pairs = expected.iter().zip(items).enumerate();
            pairs.try_for_each(|(position, (one, other))| {
                contains(one, other, &format!("{place}[{position}]"))
            })
        }
        (Value::Number(one), Value::Number(other)) if one.as_f64() == other.as_f64() => Ok(()),
        _ if expected == got => Ok(()),
        _ => Err(format!("{place} must be {expected}, not {got}")),
    }
}
