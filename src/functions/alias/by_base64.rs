//! `aliasByBase64`: legends decoded, for names that were encoded to keep dots and blanks out of them.

use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Series, Signature,
};

/// See the signature.
pub(super) struct AliasByBase64;

static SIGNATURE: Signature = Signature {
    names: &["aliasByBase64", "aliasByHash"],
    group: Group::Custom,
    usage: "(seriesList, nodeNum=None)",
    description: "Shows the legend decoded from base64, or with one of its nodes decoded; the first \
                  node is 1, as in carbonapi. What is not base64 stays as it is.",
    parameters: &[
        Parameter::required("seriesList", Kind::SeriesList),
        Parameter::optional("nodeNum", Kind::Integer),
    ],
    aggregator: false,
};

impl Function for AliasByBase64 {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut all = call.series("seriesList")?;
        let node = call.optional_integer("nodeNum")?;
        for series in &mut all {
            let decoded = match node {
                None => decode(&series.name),
                Some(node) => with_node_decoded(series, node),
            };
            if let Some(name) = decoded {
                series.name = name.into();
            }
        }
        Ok(all)
    }
}

fn with_node_decoded(series: &Series, node: i64) -> Option<String> {
    let name = series.tags.get("name").unwrap_or(&series.name);
    let index = usize::try_from(node.checked_sub(1)?).ok()?;
    let mut nodes: Vec<&str> = name.split('.').collect();
    let decoded = decode(nodes.get(index)?)?;
    nodes[index] = &decoded;
    Some(nodes.join("."))
}

/// Standard base64 with its padding (RFC 4648, section 4); `None` for anything else, and for bytes
/// that are no text.
fn decode(text: &str) -> Option<String> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let digits = text.trim_end_matches('=');
    if text.len() - digits.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0);
    for digit in digits.bytes() {
        bits = bits << 6 | value_of(digit)?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    String::from_utf8(bytes).ok()
}

fn value_of(digit: u8) -> Option<u32> {
    Some(u32::from(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::testing::Samples;

    #[test]
    fn whole_names_and_single_nodes_are_decoded() {
        let samples = Samples::new()
            .with("bWV0cmljLm5hbWU=", 60, 60, &[1.0])
            .with("a.d2ViMQ==.b", 60, 60, &[1.0]);
        let name = |target: &str| samples.run(target, 0, 60)[0].name.clone();
        assert_eq!(name("aliasByBase64(bWV0cmljLm5hbWU\\=)"), "metric.name");
        assert_eq!(name("aliasByBase64(a.*.b,2)"), "a.web1.b");
        assert_eq!(name("aliasByBase64(a.*.b,9)"), "a.d2ViMQ==.b");
        assert_eq!(name("aliasByHash(a.*.b)"), "a.d2ViMQ==.b");
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        assert_eq!(decode("YWI="), Some("ab".to_owned()));
        for wrong in ["YWI", "Y=I=", "Y===", "YW I", "////"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
