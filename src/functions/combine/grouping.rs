//! Series gathered by a key, keys in the order of their first series.

use std::collections::HashMap;

use super::aggregate::aggregate;
use crate::functions::{Call, EvaluationError, Series, Value, registry};

/// Gathers series by what `key` makes of them.
pub(super) fn by_key(
    all: Vec<Series>,
    key: impl Fn(&Series) -> String,
) -> Vec<(String, Vec<Series>)> {
    let mut positions: HashMap<String, usize> = HashMap::new();
    let mut groups: Vec<(String, Vec<Series>)> = Vec::new();
    for series in all {
        let key = key(&series);
        match positions.get(&key) {
            Some(position) => groups[*position].1.push(series),
            None => {
                positions.insert(key.clone(), groups.len());
                groups.push((key, vec![series]));
            }
        }
    }
    groups
}

/// Makes one series of a group with a callback: a function of the registry by its name, else an
/// aggregation. `None` when the callback gives nothing.
pub(super) fn combine(
    call: &Call<'_>,
    callback: &str,
    group: Vec<Series>,
) -> Result<Option<Series>, EvaluationError> {
    if registry::find(callback).is_some() {
        let result = call.invoke(callback, vec![Value::Series(group)])?;
        Ok(result.into_iter().next())
    } else {
        aggregate(call, group, callback, call.x_files_factor())
    }
}
