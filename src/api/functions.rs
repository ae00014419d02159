//! `/functions`: every function with its parameters, from which editors build their menus.

mod page;

use std::collections::BTreeMap;

use axum::extract::Path;
use serde::Serialize;
use serde_json::value::RawValue;

use super::error::{ApiError, ApiResult};
use super::parameters::Parameters;
use super::reply;
use super::request::ApiRequest;
use crate::functions::signature::{Group, Kind, Literal, Parameter, Signature};
use crate::functions::{Function, registry};

pub(super) use page::page;

/// What the reference prints as the home of every function.
const MODULE: &str = "graphite.render.functions";

/// A number that every parser of JSON reads as infinite.
const INFINITY: &str = "1e9999";

/// The functions that reduce a series to a slice of a pie, as editors list them. Pies are not drawn, so
/// nothing evaluates these.
static PIE_FUNCTIONS: [Signature; 3] = [
    pie_function(&["average"], "The mean of the known values."),
    pie_function(&["maximum"], "The greatest value."),
    pie_function(&["minimum"], "The least value."),
];

const fn pie_function(names: &'static [&'static str], description: &'static str) -> Signature {
    static PARAMETERS: [Parameter; 1] = [Parameter::required("series", Kind::Series)];
    Signature {
        names,
        group: Group::Pie,
        usage: "(series)",
        description,
        parameters: &PARAMETERS,
        aggregator: false,
    }
}

/// The functions of the kind that a request asks for.
fn signatures(parameters: &Parameters) -> Box<dyn Iterator<Item = &'static Signature>> {
    if parameters.last("type") == Some("pie") {
        Box::new(PIE_FUNCTIONS.iter())
    } else {
        Box::new(registry::all().map(Function::signature))
    }
}

#[derive(Serialize)]
struct FunctionInfo {
    name: &'static str,
    function: String,
    description: &'static str,
    module: &'static str,
    group: &'static str,
    params: Vec<ParameterInfo>,
}

#[derive(Serialize)]
struct ParameterInfo {
    name: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "is_false")]
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<LiteralInfo>,
    #[serde(skip_serializing_if = "is_false")]
    multiple: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    options: Vec<LiteralInfo>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suggestions: Vec<LiteralInfo>,
}

fn is_false(value: &bool) -> bool {
    !value
}

#[derive(Serialize)]
#[serde(untagged)]
enum LiteralInfo {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Raw(Box<RawValue>),
    String(&'static str),
}

impl From<Literal> for LiteralInfo {
    fn from(literal: Literal) -> Self {
        match literal {
            Literal::Null => Self::Null,
            Literal::Boolean(value) => Self::Boolean(value),
            Literal::Integer(value) => Self::Integer(value),
            Literal::Float(value) if value.is_infinite() => {
                RawValue::from_string(INFINITY.into()).map_or(Self::Null, Self::Raw)
            }
            Literal::Float(value) => Self::Float(value),
            Literal::String(value) => Self::String(value),
        }
    }
}

impl ParameterInfo {
    fn of(parameter: &Parameter) -> Self {
        let literals = |list: &[Literal]| list.iter().copied().map(LiteralInfo::from).collect();
        let default = parameter
            .default
            .filter(|default| *default != Literal::Null);
        Self {
            name: parameter.name,
            kind: parameter.kind.as_str(),
            required: parameter.required,
            default: default.map(LiteralInfo::from),
            multiple: parameter.multiple,
            options: literals(&registry::options(parameter)),
            suggestions: literals(parameter.suggestions),
        }
    }
}

impl FunctionInfo {
    fn of(name: &'static str, signature: &Signature) -> Self {
        Self {
            name,
            function: format!("{name}{}", signature.usage),
            description: signature.description,
            module: MODULE,
            group: signature.group.as_str(),
            params: signature.parameters.iter().map(ParameterInfo::of).collect(),
        }
    }
}

/// `/functions`, with `grouped=1` by group, with `group=NAME` of one group.
pub(super) async fn list(request: ApiRequest) -> ApiResult {
    let parameters = &request.parameters;
    let group = parameters.last("group");
    let signatures = signatures(parameters)
        .filter(|signature| group.is_none_or(|group| group == signature.group.as_str()));
    let infos = signatures.flat_map(|signature| {
        let names = signature.names.iter();
        names.map(move |name| FunctionInfo::of(name, signature))
    });
    let grouped = parameters.last("grouped").unwrap_or_default();
    if matches!(grouped.to_lowercase().as_str(), "1" | "true") {
        let mut groups: BTreeMap<&str, BTreeMap<&str, FunctionInfo>> = BTreeMap::new();
        for info in infos {
            groups
                .entry(info.group)
                .or_default()
                .insert(info.name, info);
        }
        return reply::json(&groups, parameters);
    }
    let by_name: BTreeMap<&str, FunctionInfo> = infos.map(|info| (info.name, info)).collect();
    reply::json(&by_name, parameters)
}

/// `/functions/NAME`.
pub(super) async fn one(Path(name): Path<String>, request: ApiRequest) -> ApiResult {
    let named = signatures(&request.parameters).find_map(|signature| {
        let mut names = signature.names.iter().copied();
        let spelled = names.find(|known| *known == name)?;
        Some(FunctionInfo::of(spelled, signature))
    });
    match named {
        Some(info) => reply::json(&info, &request.parameters),
        None => Err(ApiError::not_found(format!("Function not found: {name}")).as_json()),
    }
}
