//! Names by pattern: `/metrics/find`, `/metrics/expand`, `/metrics/index.json`.

mod shapes;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract;
use axum::http::StatusCode;
use axum::response::Response;

use super::error::{ApiError, ApiResult};
use super::freshness::Freshness;
use super::parameters::Parameters;
use super::request::ApiRequest;
use super::times::RequestClock;
use super::{Services, State, carbonapi, reply};
use crate::catalog::{FindError, FindOptions, FoundNode};
use shapes::Interval;

/// The shapes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    TreeJson,
    Completer,
    NodeList,
    Json,
    Pickle,
    Msgpack,
    CarbonapiV2,
    CarbonapiV3,
}

impl Shape {
    fn parse(name: &str) -> ApiResult<Self> {
        Ok(match name {
            "treejson" => Self::TreeJson,
            "completer" => Self::Completer,
            "nodelist" => Self::NodeList,
            "json" => Self::Json,
            "pickle" => Self::Pickle,
            "msgpack" => Self::Msgpack,
            "carbonapi_v2_pb" | "protobuf" | "protobuf3" => Self::CarbonapiV2,
            "carbonapi_v3_pb" => Self::CarbonapiV3,
            _ => {
                return Err(ApiError::bad_request(
                    "Invalid value for 'format' parameter",
                ));
            }
        })
    }
}

/// What a find asks.
struct Question {
    shape: Shape,
    /// The pattern as it was given: ids of the tree keep its parents.
    query: String,
    leaves_only: bool,
    wildcards: bool,
    position: i64,
    automatic_variants: bool,
    since: Option<i64>,
    now: i64,
}

impl Question {
    fn read(parameters: &Parameters, services: &Services) -> ApiResult<Self> {
        let shape = Shape::parse(parameters.last("format").unwrap_or("treejson"))?;
        let clock = RequestClock::of(parameters, services)?;
        // The window is checked as the reference checks it, even where names are not filtered by it.
        let since = clock.optional_time(parameters, "from")?;
        let until = clock.optional_time(parameters, "until")?;
        if let (Some(since), Some(until)) = (since, until)
            && since > until
        {
            let message = format!("from is {since}, which is later than until, {until}");
            return Err(ApiError::bad_request(message));
        }
        // All nodes are local here; what is no number is a mistake all the same.
        parameters.switch("local")?;
        let query = parameters
            .last("query")
            .ok_or_else(|| ApiError::bad_request("Missing required parameter 'query'"))?;
        if query.is_empty() {
            return Err(ApiError::bad_request("Required parameter 'query' is empty"));
        }
        Ok(Self {
            shape,
            query: query.to_owned(),
            leaves_only: parameters.switch("leavesOnly")?,
            wildcards: parameters.switch("wildcards")?,
            position: parameters.integer("position", -1)?,
            automatic_variants: parameters.switch("automatic_variants")?,
            since,
            now: clock.now,
        })
    }

    /// The pattern to look for: a completer adds what the user has not typed yet.
    fn pattern(&self) -> String {
        if self.shape != Shape::Completer {
            return self.query.clone();
        }
        let mut pattern = self.query.replace("..", "*.");
        if !pattern.ends_with('*') {
            pattern.push('*');
        }
        if !self.automatic_variants {
            return pattern;
        }
        let with_braces = pattern.split('.').map(|node| {
            if node.contains(',') && !node.contains('{') {
                format!("{{{node}}}")
            } else {
                node.to_owned()
            }
        });
        with_braces.collect::<Vec<_>>().join(".")
    }

    /// The query's parents with a dot behind them.
    fn base_path(&self) -> &str {
        self.query.rfind('.').map_or("", |dot| &self.query[..=dot])
    }
}

/// `/metrics/find`.
pub(super) async fn find(
    extract::State(state): extract::State<State>,
    request: ApiRequest,
) -> ApiResult {
    let parameters = request.parameters;
    if parameters.last("format") == Some("carbonapi_v3_pb") && !request.body.is_empty() {
        return carbonapi::find(state, request.body).await;
    }
    let question = Question::read(&parameters, &state)?;
    let services = state.clone();
    let answer = state
        .lookups
        .run(move || answer(&services, &question, &parameters))
        .await??;
    Ok(reply::uncached(answer))
}

fn answer(services: &Services, question: &Question, parameters: &Parameters) -> ApiResult {
    let options = FindOptions {
        leaves_only: question.leaves_only,
        limit: services.limits.nodes_max,
    };
    let found = services.catalog.find(&question.pattern(), options);
    let mut nodes = found.map_err(find_error)?;
    let since = question.since;
    let freshness = since.and_then(|since| Freshness::since(services, since, question.now));
    if let Some(mut freshness) = freshness {
        freshness.filter_nodes(&mut nodes);
    }
    match question.shape {
        Shape::Pickle | Shape::Msgpack | Shape::Json | Shape::CarbonapiV2 | Shape::CarbonapiV3 => {}
        // By the last node; branches first among equals, so that they hide leaves of their name.
        _ => nodes.sort_by(|one, other| {
            (one.name(), one.is_leaf()).cmp(&(other.name(), other.is_leaf()))
        }),
    }
    let interval = |node: &FoundNode| interval_of(services, node, question.now);
    match question.shape {
        Shape::TreeJson => {
            let tree = shapes::tree(&nodes, question.base_path(), question.wildcards);
            reply::json(&tree, parameters)
        }
        Shape::Completer => {
            reply::json(&shapes::completions(&nodes, question.wildcards), parameters)
        }
        Shape::NodeList => reply::json(&shapes::node_list(&nodes, question.position), parameters),
        Shape::Json => reply::json(&shapes::node_infos(&nodes, interval), parameters),
        Shape::Pickle => Ok(shapes::pickle(&nodes, interval)),
        Shape::Msgpack => Ok(shapes::msgpack(&nodes, interval)),
        Shape::CarbonapiV2 => carbonapi::found_v2(&question.query, &nodes),
        Shape::CarbonapiV3 => carbonapi::found_v3(&[(question.query.clone(), nodes)]),
    }
}

pub(super) fn find_error(error: FindError) -> ApiError {
    match error {
        FindError::TooMany { .. } => {
            ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
        }
        FindError::Pattern(_) => ApiError::bad_request(error.to_string()),
    }
}

/// The time that a leaf can have points for: what its longest archive reaches back to.
fn interval_of(services: &Services, node: &FoundNode, now: i64) -> Option<Interval> {
    let (retention, _) = services.catalog.definition(node.series?)?;
    Some(Interval {
        start: (now - retention.longest()) as f64,
        end: now as f64,
    })
}

/// `/metrics/expand`: the paths that match one pattern or several.
pub(super) async fn expand(
    extract::State(state): extract::State<State>,
    request: ApiRequest,
) -> ApiResult {
    let parameters = request.parameters;
    let leaves_only = parameters.switch("leavesOnly")?;
    let by_query = parameters.switch("groupByExpr")?;
    parameters.switch("local")?;
    let services = state.clone();
    let answer = state
        .lookups
        .run(move || {
            let groups = expand_all(&services, &parameters, leaves_only)?;
            if by_query {
                return reply::json(&BTreeMap::from([("results", groups)]), &parameters);
            }
            let mut paths: Vec<Arc<str>> = groups.into_values().flatten().collect();
            paths.sort_unstable();
            paths.dedup();
            reply::json(&BTreeMap::from([("results", paths)]), &parameters)
        })
        .await??;
    Ok(reply::uncached(answer))
}

fn expand_all(
    services: &Services,
    parameters: &Parameters,
    leaves_only: bool,
) -> ApiResult<BTreeMap<String, Vec<Arc<str>>>> {
    let options = FindOptions {
        leaves_only,
        limit: services.limits.nodes_max,
    };
    let mut groups = BTreeMap::new();
    let mut freshness = Freshness::of(parameters, services)?;
    for query in parameters.all("query") {
        let mut found = services.catalog.find(query, options).map_err(find_error)?;
        if let Some(freshness) = &mut freshness {
            freshness.filter_nodes(&mut found);
        }
        let mut paths: Vec<_> = found.into_iter().map(|node| node.path).collect();
        // A name that is leaf and branch at once is found twice.
        paths.dedup();
        groups.insert(query.to_owned(), paths);
    }
    Ok(groups)
}

/// `/metrics/index.json`: every name without tags, sorted.
pub(super) async fn index(
    extract::State(state): extract::State<State>,
    request: ApiRequest,
) -> ApiResult<Response> {
    let services = state.clone();
    let answer = state.lookups.run(move || {
        let names = services.catalog.definitions().map(|series| series.name);
        let mut names: Vec<_> = names.filter(|name| !name.contains(';')).collect();
        names.sort_unstable();
        reply::json(&names, &request.parameters)
    });
    answer.await?
}
