//! The tags family, answered from the catalog's tag index.

use std::collections::HashSet;

use axum::extract::{self, Path};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::error::{ApiError, ApiResult};
use super::freshness::Freshness;
use super::parameters::Parameters;
use super::request::ApiRequest;
use super::{Services, State, reply};
use crate::catalog::{CatalogError, TagError, TagValue, TaggedSeries};
use crate::metric::name::{self, NameScratch};

/// Suggestions without a limit of the request's own, as in the reference.
const COMPLETIONS_DEFAULT: usize = 100;

impl From<TagError> for ApiError {
    fn from(error: TagError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<CatalogError> for ApiError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::BadName(_) => Self::bad_request(error.to_string()),
            CatalogError::Full(_) => Self::new(StatusCode::INSUFFICIENT_STORAGE, error.to_string()),
            other => Self::busy(other.to_string()),
        }
    }
}

/// Runs a question on the lookup threads; errors are JSON, as the reference's are.
async fn answer(
    state: State,
    request: ApiRequest,
    question: impl FnOnce(&Services, &Parameters) -> ApiResult + Send + 'static,
) -> ApiResult {
    let services = state.clone();
    let run = state
        .lookups
        .run(move || question(&services, &request.parameters));
    run.await
        .and_then(|answer| answer)
        .map_err(ApiError::as_json)
}

/// The number by which a client may tell tags and values apart; the reference's are row numbers.
fn number_of(text: &str) -> u64 {
    name::hash(text.as_bytes()) & 0x7fff_ffff
}

#[derive(Serialize)]
struct Tag {
    id: u64,
    tag: String,
}

/// `/tags`: all tags, or those that match a filter.
pub(super) async fn list(
    extract::State(state): extract::State<State>,
    request: ApiRequest,
) -> ApiResult {
    answer(state, request, |services, parameters| {
        let limit = parameters.limit("limit")?.unwrap_or(usize::MAX);
        let found = services
            .catalog
            .tags(parameters.non_empty("filter"), limit)?;
        let tags = found.into_iter().map(|tag| Tag {
            id: number_of(&tag),
            tag,
        });
        reply::json(&tags.collect::<Vec<_>>(), parameters)
    })
    .await
}

#[derive(Serialize)]
struct TagDetail {
    id: u64,
    tag: String,
    values: Vec<ValueDetail>,
}

#[derive(Serialize)]
struct ValueDetail {
    id: u64,
    value: String,
    count: usize,
}

impl From<TagValue> for ValueDetail {
    fn from(value: TagValue) -> Self {
        Self {
            id: number_of(&value.value),
            value: value.value,
            count: value.count,
        }
    }
}

/// `/tags/NAME`: the values of a tag, null for an unknown one.
pub(super) async fn one(
    extract::State(state): extract::State<State>,
    Path(tag): Path<String>,
    request: ApiRequest,
) -> ApiResult<Response> {
    answer(state, request, move |services, parameters| {
        let limit = parameters.limit("limit")?.unwrap_or(usize::MAX);
        let filter = parameters.non_empty("filter");
        let values = services.catalog.tag_values(&tag, filter, limit)?;
        let detail = values.map(|values| TagDetail {
            id: number_of(&tag),
            tag,
            values: values.into_iter().map(ValueDetail::from).collect(),
        });
        reply::json(&detail, parameters)
    })
    .await
}

/// `/tags/findSeries`: the names that pass all expressions.
pub(super) async fn find_series(
    extract::State(state): extract::State<State>,
    request: ApiRequest,
) -> ApiResult {
    answer(state, request, |services, parameters| {
        let expressions = parameters.list("expr");
        if expressions.is_empty() {
            return Err(ApiError::bad_request("no tag expressions specified"));
        }
        let found = services.catalog.find_series(&borrowed(&expressions))?;
        let names: Vec<_> = found.into_iter().map(|series| series.name).collect();
        reply::json(&names, parameters)
    })
    .await
}

fn borrowed(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

/// `/tags/autoComplete/tags`.
pub(super) async fn complete_tags(
    extract::State(state): extract::State<State>,
    request: ApiRequest,
) -> ApiResult {
    answer(state, request, |services, parameters| {
        let expressions = parameters.list("expr");
        let prefix = parameters.last("tagPrefix").unwrap_or_default();
        let limit = parameters.limit("limit")?.unwrap_or(COMPLETIONS_DEFAULT);
        let expressions = borrowed(&expressions);
        let living = living(services, parameters, &expressions, "name")?;
        let asked = living.as_ref().map_or(limit, |_| usize::MAX);
        let catalog = &services.catalog;
        let mut tags = catalog.complete_tags(&expressions, prefix, asked)?;
        if let Some(living) = &living {
            let pairs = living.iter().flat_map(TaggedSeries::tags);
            let known: HashSet<&str> = pairs.map(|(tag, _)| tag).collect();
            tags.retain(|tag| known.contains(tag.as_str()));
            tags.truncate(limit);
        }
        reply::json(&tags, parameters)
    })
    .await
}

/// `/tags/autoComplete/values`.
pub(super) async fn complete_values(
    extract::State(state): extract::State<State>,
    request: ApiRequest,
) -> ApiResult {
    answer(state, request, |services, parameters| {
        let Some(tag) = parameters.non_empty("tag") else {
            return Err(ApiError::bad_request("no tag specified"));
        };
        let expressions = parameters.list("expr");
        let prefix = parameters.last("valuePrefix").unwrap_or_default();
        let limit = parameters.limit("limit")?.unwrap_or(COMPLETIONS_DEFAULT);
        let expressions = borrowed(&expressions);
        let living = living(services, parameters, &expressions, tag)?;
        let asked = living.as_ref().map_or(limit, |_| usize::MAX);
        let catalog = &services.catalog;
        let mut values = catalog.complete_values(tag, &expressions, prefix, asked)?;
        if let Some(living) = &living {
            let pairs = living.iter().flat_map(TaggedSeries::tags);
            let of_tag = pairs.filter(|(other, _)| *other == tag);
            let known: HashSet<&str> = of_tag.map(|(_, value)| value).collect();
            values.retain(|value| known.contains(value.as_str()));
            values.truncate(limit);
        }
        reply::json(&values, parameters)
    })
    .await
}

/// The series that suggestions may come from: those that have the tag, pass the expressions and had
/// points since the request's `from`. `None` where suggestions are not filtered by time.
fn living(
    services: &Services,
    parameters: &Parameters,
    expressions: &[&str],
    tag: &str,
) -> ApiResult<Option<Vec<TaggedSeries>>> {
    let Some(mut freshness) = Freshness::of(parameters, services)? else {
        return Ok(None);
    };
    let is_present = format!("{tag}!=");
    freshness.tagged(&[expressions, &[is_present.as_str()]].concat())
}

/// `/tags/tagSeries`: registers a name; answers its canonical form.
pub(super) async fn tag_series(
    extract::State(state): extract::State<State>,
    request: ApiRequest,
) -> ApiResult {
    answer(state, request, |services, parameters| {
        let Some(path) = parameters.non_empty("path") else {
            return Err(ApiError::bad_request("no path specified"));
        };
        let name = canonical(services, path)?;
        services.catalog.tag_series(&name)?;
        reply::json(&name, parameters)
    })
    .await
}

/// `/tags/tagMultiSeries`: the same for several names; none is registered when one is wrong.
pub(super) async fn tag_multi_series(
    extract::State(state): extract::State<State>,
    request: ApiRequest,
) -> ApiResult {
    answer(state, request, |services, parameters| {
        let paths = parameters.list("path");
        if paths.is_empty() {
            return Err(ApiError::bad_request("no paths specified"));
        }
        let names = paths.iter().map(|path| canonical(services, path));
        let names = names.collect::<ApiResult<Vec<_>>>()?;
        for name in &names {
            services.catalog.tag_series(name)?;
        }
        reply::json(&names, parameters)
    })
    .await
}

/// `/tags/delSeries`: takes names out of the tag index; points stay. Unknown names are no error.
pub(super) async fn delete_series(
    extract::State(state): extract::State<State>,
    request: ApiRequest,
) -> ApiResult {
    answer(state, request, |services, parameters| {
        let paths = parameters.list("path");
        if paths.is_empty() {
            return Err(ApiError::bad_request("no path specified"));
        }
        for path in &paths {
            let name = canonical(services, path)?;
            services.catalog.untag_series(&name)?;
        }
        reply::json(&true, parameters)
    })
    .await
}

fn canonical(services: &Services, path: &str) -> ApiResult<String> {
    let mut scratch = NameScratch::default();
    let name = services
        .name_rules
        .canonical(path.as_bytes(), &mut scratch)
        .map_err(|refusal| ApiError::bad_request(format!("\"{path}\" is refused: {refusal}")))?;
    let text = std::str::from_utf8(name);
    let text = text.map_err(|_| ApiError::bad_request(format!("\"{path}\" is no text")))?;
    Ok(text.to_owned())
}
