//! Two answers of one request in one format, compared by the corpus' rules.

use serde_json::{Map, Value, json};

use crate::compare::{Comparison, clip};

/// Noise of the last bits, relative to the greatest value of an answer: sums of large values differ in
/// them when they are added in another order.
const NOISE: f64 = 1e-11;

/// Compares bodies.
///
/// # Errors
/// The first difference.
pub(crate) fn compare(format: &str, expected: &[u8], got: &[u8]) -> Result<(), String> {
    match format {
        "json" => {
            let (expected, got) = (parse_json(expected)?, parse_json(got)?);
            comparison(greatest(&expected)).render(&expected, &got)
        }
        "csv" | "raw" => lines(format, &text(expected), &text(got)),
        "pickle" => documents(&unpickle(expected)?, &unpickle(got)?),
        "msgpack" => documents(&unpack(expected)?, &unpack(got)?),
        _ => documents(&parse_json(expected)?, &parse_json(got)?),
    }
}

/// True for an answer in JSON, csv or raw without a value that is not null.
pub(crate) fn is_without_values(format: &str, body: &[u8]) -> bool {
    match format {
        "csv" => return text(body).lines().all(|line| line.ends_with(',')),
        "raw" => {
            return text(body)
                .lines()
                .all(|line| values_of(line).iter().all(Value::is_null));
        }
        _ => {}
    }
    let Ok(series) = parse_json(body) else {
        return false;
    };
    let mut series = series.as_array().into_iter().flatten();
    let is_null = |point: &Value| point[0].is_null();
    format == "json"
        && series.all(|one| {
            one["datapoints"]
                .as_array()
                .into_iter()
                .flatten()
                .all(is_null)
        })
}

fn values_of(line: &str) -> Vec<Value> {
    raw_row(line).2.split(',').map(number).collect()
}

fn comparison(greatest: f64) -> Comparison {
    let noise = greatest * NOISE;
    let noise = if noise.is_finite() { noise } else { 0.0 };
    Comparison::of(&json!({"tolerance": {"abs": noise, "null_zero": 1e-13}}))
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

/// JSON as the reference writes it: infinities are numbers that overflow.
fn parse_json(body: &[u8]) -> Result<Value, String> {
    let text = text(body)
        .replace("-1e9999", "\"__-inf__\"")
        .replace("1e9999", "\"__inf__\"")
        .replace("-Infinity", "\"__-inf__\"")
        .replace("Infinity", "\"__inf__\"")
        .replace("NaN", "null");
    serde_json::from_str(&text).map_err(|error| format!("{error}: {}", clip(&text)))
}

/// The greatest finite number in a document, times aside.
fn greatest(document: &Value) -> f64 {
    match document {
        Value::Number(number) => number.as_f64().unwrap_or(0.0).abs(),
        Value::Array(items) => match items.as_slice() {
            // A point: the second is its time.
            [value, Value::Number(_)] if items.len() == 2 => greatest(value),
            items => items.iter().map(greatest).fold(0.0, f64::max),
        },
        Value::Object(members) => members.values().map(greatest).fold(0.0, f64::max),
        _ => 0.0,
    }
}

fn documents(expected: &Value, got: &Value) -> Result<(), String> {
    let series = expected.as_array().into_iter().flatten();
    let values = series.map(|series| greatest(&series["values"]));
    let noise = comparison(values.fold(0.0, f64::max));
    same(&noise, expected, got, "$")
}

fn same(noise: &Comparison, expected: &Value, got: &Value, place: &str) -> Result<(), String> {
    let differ = || {
        Err(format!(
            "{place}: expected {}\n    got {}",
            brief(expected),
            brief(got)
        ))
    };
    match (expected, got) {
        (Value::Array(one), Value::Array(other)) => {
            if one.len() != other.len() {
                return differ();
            }
            let mut pairs = one.iter().zip(other).enumerate();
            pairs.try_for_each(|(position, (one, other))| {
                same(noise, one, other, &format!("{place}[{position}]"))
            })
        }
        (Value::Object(one), Value::Object(other)) => {
            if !one.keys().eq(other.keys()) {
                return differ();
            }
            let mut pairs = one.iter().zip(other.values());
            pairs.try_for_each(|((key, one), other)| {
                same(noise, one, other, &format!("{place}.{key}"))
            })
        }
        // Two names of one function; the reference repeats what was typed.
        (Value::String(one), Value::String(other)) if one == "avg" && other == "average" => Ok(()),
        (Value::String(one), Value::String(other)) if noise.same_text(one, other) => Ok(()),
        (Value::Number(one), Value::Number(other))
            if one.is_i64() && other.is_i64() && one != other =>
        {
            differ()
        }
        _ if noise.same_value(expected, got) => Ok(()),
        _ => differ(),
    }
}

fn brief(value: &Value) -> String {
    clip(&value.to_string())
}

/// Lines that end in values: `name,time,value` or `name,start,end,step|value,…`.
fn lines(format: &str, expected: &str, got: &str) -> Result<(), String> {
    let (one, other): (Vec<_>, Vec<_>) = (expected.lines().collect(), got.lines().collect());
    if one.len() != other.len() {
        return Err(format!("expected {} lines, got {}", one.len(), other.len()));
    }
    let mut pairs = one.iter().zip(other);
    pairs.try_for_each(|(one, other)| {
        let differ = || format!("expected {}\n    got {}", clip(one), clip(other));
        let ((name, times, values), (other_name, other_times, other_values)) = match format {
            "csv" => (csv_row(one), csv_row(other)),
            _ => (raw_row(one), raw_row(other)),
        };
        let numbers = |values: &str| -> Vec<Value> { values.split(',').map(number).collect() };
        let (values, other_values) = (numbers(values), numbers(other_values));
        let noise = comparison(values.iter().map(greatest).fold(0.0, f64::max));
        let is_same = noise.same_text(name, other_name)
            && times == other_times
            && values.len() == other_values.len()
            && values
                .iter()
                .zip(&other_values)
                .all(|(one, other)| noise.same_value(one, other));
        if is_same { Ok(()) } else { Err(differ()) }
    })
}

/// Name, time, value of a line of csv.
fn csv_row(line: &str) -> (&str, &str, &str) {
    let (rest, value) = line.rsplit_once(',').unwrap_or((line, ""));
    let (name, time) = rest.rsplit_once(',').unwrap_or((rest, ""));
    (name, time, value)
}

/// Name, times, values of a line of raw.
fn raw_row(line: &str) -> (&str, &str, &str) {
    let (head, values) = line.rsplit_once('|').unwrap_or((line, ""));
    let third = head
        .rmatch_indices(',')
        .nth(2)
        .map_or(0, |(position, _)| position);
    (&head[..third], &head[third..], values)
}

fn number(text: &str) -> Value {
    match text {
        "" | "None" => Value::Null,
        "inf" => json!("__inf__"),
        "-inf" => json!("__-inf__"),
        "nan" => json!("__nan__"),
        text => text
            .parse::<f64>()
            .map_or_else(|_| json!(text), |number| json!(number)),
    }
}

fn float(number: f64) -> Value {
    if number == f64::INFINITY {
        json!("__inf__")
    } else if number == f64::NEG_INFINITY {
        json!("__-inf__")
    } else {
        json!(number)
    }
}

fn unpickle(body: &[u8]) -> Result<Value, String> {
    use serde_pickle::{HashableValue, Value as Pickled};
    fn value(pickled: Pickled) -> Value {
        match pickled {
            Pickled::Bool(truth) => json!(truth),
            Pickled::I64(number) => json!(number),
            Pickled::F64(number) => float(number),
            Pickled::Bytes(bytes) => json!(text(&bytes)),
            Pickled::String(text) => json!(text),
            Pickled::List(items) | Pickled::Tuple(items) => items.into_iter().map(value).collect(),
            Pickled::Dict(members) => {
                let members = members.into_iter().map(|(key, member)| {
                    let key = match key {
                        HashableValue::String(key) => key,
                        other => format!("{other:?}"),
                    };
                    (key, value(member))
                });
                Value::Object(members.collect::<Map<_, _>>())
            }
            Pickled::None => Value::Null,
            other => json!(format!("{other:?}")),
        }
    }
    let options = serde_pickle::DeOptions::new().decode_strings();
    serde_pickle::value_from_slice(body, options)
        .map(value)
        .map_err(|error| format!("no pickle: {error}"))
}

fn unpack(mut body: &[u8]) -> Result<Value, String> {
    fn value(packed: rmpv::Value) -> Value {
        match packed {
            rmpv::Value::Nil => Value::Null,
            rmpv::Value::Boolean(truth) => json!(truth),
            rmpv::Value::Integer(number) => json!(number.as_i64()),
            rmpv::Value::F32(number) => float(number.into()),
            rmpv::Value::F64(number) => float(number),
            rmpv::Value::Array(items) => items.into_iter().map(value).collect(),
            rmpv::Value::Map(members) => {
                let members = members.into_iter();
                let members = members
                    .map(|(key, member)| (key.as_str().unwrap_or("?").to_owned(), value(member)));
                Value::Object(members.collect())
            }
            other => json!(other.as_str().unwrap_or("?")),
        }
    }
    rmpv::decode::read_value(&mut body)
        .map(value)
        .map_err(|error| format!("no msgpack: {error}"))
}
