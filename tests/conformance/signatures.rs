//! The signatures of functions against what the recorded server said at `/functions`.

use plumbago::functions::{Function, Literal, Parameter, registry};
use serde_json::{Map, Value, json};

use crate::corpus::Corpus;

#[test]
fn signatures_are_those_of_the_reference() {
    let Some(corpus) = Corpus::locate() else {
        return;
    };
    let recorded = corpus.functions();
    let mut wrong = Vec::new();
    for (name, expected) in &recorded {
        // Paths and tag queries are leaves of the tree here, not functions.
        let Some(function) = registry::find(name) else {
            continue;
        };
        let got = describe(name, function);
        for key in ["name", "function", "group", "params"] {
            if expected[key] != got[key] {
                wrong.push(format!(
                    "{name}: expected {}\n    got {}",
                    expected[key], got[key]
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn describe(name: &str, function: &dyn Function) -> Value {
    let signature = function.signature();
    let parameters: Vec<Value> = signature
        .parameters
        .iter()
        .map(describe_parameter)
        .collect();
    json!({
        "name": name,
        "function": format!("{name}{}", signature.usage),
        "group": signature.group.as_str(),
        "params": parameters,
    })
}

fn describe_parameter(parameter: &Parameter) -> Value {
    let mut object = Map::new();
    object.insert("name".into(), json!(parameter.name));
    object.insert("type".into(), json!(parameter.kind.as_str()));
    let mut when = |is_there: bool, key: &str, value: Value| {
        if is_there {
            object.insert(key.into(), value);
        }
    };
    when(parameter.required, "required", json!(true));
    when(
        parameter.default.is_some(),
        "default",
        parameter.default.map_or(Value::Null, literal),
    );
    when(parameter.multiple, "multiple", json!(true));
    let options: Vec<Value> = registry::options(parameter)
        .into_iter()
        .map(literal)
        .collect();
    when(!options.is_empty(), "options", json!(options));
    let suggestions: Vec<Value> = parameter.suggestions.iter().copied().map(literal).collect();
    when(!suggestions.is_empty(), "suggestions", json!(suggestions));
    Value::Object(object)
}

fn literal(value: Literal) -> Value {
    match value {
        Literal::Null => Value::Null,
        Literal::Boolean(value) => json!(value),
        Literal::Integer(number) => json!(number),
        Literal::Float(number) if number.is_infinite() => json!("__inf__"),
        Literal::Float(number) => json!(number),
        Literal::String(text) => json!(text),
    }
}
