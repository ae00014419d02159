//! Answers compared as a reader of graphs would: the same series, times and values.

use serde_json::Value;

use crate::Outcome;

/// Sums of a thousand numbers may be added in another order, and digits printed in another way.
const TOLERANCE: f64 = 1e-9;

/// Compares two answers in json.
///
/// # Errors
/// The first difference.
pub(crate) fn compare(own: &[u8], reference: &[u8]) -> Outcome<()> {
    let own: Vec<Value> = serde_json::from_slice(own)?;
    let reference: Vec<Value> = serde_json::from_slice(reference)?;
    if own.len() != reference.len() || own.is_empty() {
        let (own, reference) = (own.len(), reference.len());
        return Err(format!("{own} series here, {reference} there").into());
    }
    for (own, reference) in own.iter().zip(&reference) {
        let name = reference["target"].as_str().unwrap_or_default();
        if own["target"] != reference["target"] {
            return Err(format!("{} here, {name} there", own["target"]).into());
        }
        let points = |series: &Value| series["datapoints"].as_array().cloned().unwrap_or_default();
        let (own, reference) = (points(own), points(reference));
        if own.len() != reference.len() || own.is_empty() {
            let (own, reference) = (own.len(), reference.len());
            return Err(format!("{name}: {own} points here, {reference} there").into());
        }
        if let Some((own, reference)) = own
            .iter()
            .zip(&reference)
            .find(|(own, reference)| !is_same(own, reference))
        {
            return Err(format!("{name}: {own} here, {reference} there").into());
        }
    }
    Ok(())
}

fn is_same(own: &Value, reference: &Value) -> bool {
    let close = match (own[0].as_f64(), reference[0].as_f64()) {
        (None, None) => true,
        (Some(own), Some(reference)) => {
            (own - reference).abs() <= TOLERANCE * reference.abs().max(1.0)
        }
        _ => false,
    };
    close && own[1] == reference[1]
}
