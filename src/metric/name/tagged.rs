//! Tagged names: Carbon's `metric;tag=value` and the OpenMetrics `metric{tag="value"}`.
//!
//! Both become the canonical form: tags sorted by key, the last of equal keys wins, and a tag called
//! `name` is left out, because that is what the metric itself is called in a query.

use std::ops::Range;

use super::cleaning::{forbidden, push_clean_metric, push_clean_text};
use super::{NamePolicy, NameScratch};
use crate::metric::Refusal;

/// One tag, by its places in [`NameScratch::pieces`].
#[derive(Clone, Debug)]
pub(super) struct Pair {
    tag: Range<usize>,
    value: Range<usize>,
}

/// True for `metric{tag="value",…}`; a brace elsewhere is part of a name, or of a tag's value.
pub(super) fn is_openmetrics(raw: &[u8]) -> bool {
    let closes = raw.ends_with(b"\"}") || raw.ends_with(b"\",}");
    closes && memchr::memchr2(b'{', b';', raw).is_some_and(|first| raw[first] == b'{')
}

/// Puts `metric;tag=value;…` in order; `first` is the place of the first `;`.
pub(super) fn rebuild_carbon(
    raw: &[u8],
    first: usize,
    policy: NamePolicy,
    scratch: &mut NameScratch,
) -> Result<(), Refusal> {
    start(&raw[..first], policy, scratch)?;
    for part in raw[first + 1..].split(|&byte| byte == b';') {
        let equals = memchr::memchr(b'=', part).ok_or(Refusal::BadName)?;
        push_pair(&part[..equals], &part[equals + 1..], policy, scratch)?;
    }
    finish(scratch);
    Ok(())
}

/// Puts `metric{tag="value",…}` in order.
pub(super) fn rebuild_openmetrics(
    raw: &[u8],
    policy: NamePolicy,
    scratch: &mut NameScratch,
) -> Result<(), Refusal> {
    let brace = memchr::memchr(b'{', raw).ok_or(Refusal::BadName)?;
    start(&raw[..brace], policy, scratch)?;
    let mut rest = raw[brace + 1..raw.len() - 1].trim_ascii_start();
    while !rest.is_empty() {
        rest = push_quoted_pair(rest, policy, scratch)?;
    }
    finish(scratch);
    Ok(())
}

fn start(metric: &[u8], policy: NamePolicy, scratch: &mut NameScratch) -> Result<(), Refusal> {
    scratch.pieces.clear();
    scratch.pairs.clear();
    push_clean_metric(metric, policy, &mut scratch.text)
}

/// Reads `tag="value"` and a comma if there is one; returns what follows.
fn push_quoted_pair<'a>(
    text: &'a [u8],
    policy: NamePolicy,
    scratch: &mut NameScratch,
) -> Result<&'a [u8], Refusal> {
    let equals = memchr::memchr(b'=', text).ok_or(Refusal::BadName)?;
    let tag = text[..equals].trim_ascii();
    let quoted = text[equals + 1..].trim_ascii_start();
    let body = quoted.strip_prefix(b"\"").ok_or(Refusal::BadName)?;
    let close = closing_quote(body).ok_or(Refusal::BadName)?;
    let value = &body[..close];
    if value.contains(&b'\\') {
        push_pair(tag, &unescaped(value), policy, scratch)?;
    } else {
        push_pair(tag, value, policy, scratch)?;
    }
    let rest = body[close + 1..].trim_ascii_start();
    match rest.split_first() {
        None => Ok(&[]),
        Some((b',', rest)) => Ok(rest.trim_ascii_start()),
        Some(_) => Err(Refusal::BadName),
    }
}

/// The place of the first quote that no backslash takes away.
fn closing_quote(body: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < body.len() {
        match body[at] {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    None
}

/// `\"` and `\\` lose their backslash, `\n` is a line feed; any other backslash stays.
fn unescaped(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut bytes = value.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let escaped = match (byte, bytes.peek()) {
            (b'\\', Some(b'"')) => b'"',
            (b'\\', Some(b'\\')) => b'\\',
            (b'\\', Some(b'n')) => b'\n',
            _ => {
                out.push(byte);
                continue;
            }
        };
        out.push(escaped);
        bytes.next();
    }
    out
}

/// Checks one pair by Graphite's rules and keeps it.
fn push_pair(
    tag: &[u8],
    value: &[u8],
    policy: NamePolicy,
    scratch: &mut NameScratch,
) -> Result<(), Refusal> {
    let tag_is_bad = tag.is_empty() || tag.iter().any(|byte| b";!^=".contains(byte));
    if tag_is_bad || value.is_empty() || value[0] == b'~' {
        return Err(Refusal::BadName);
    }
    let pieces = &mut scratch.pieces;
    let tag_start = pieces.len();
    push_clean_text(tag, policy, pieces)?;
    let value_start = pieces.len();
    push_clean_text(value, policy, pieces)?;
    for byte in &mut pieces[value_start..] {
        if *byte == b';' {
            forbidden(policy)?;
            *byte = b'_';
        }
    }
    if &pieces[tag_start..value_start] != b"name" {
        let end = pieces.len();
        scratch.pairs.push(Pair {
            tag: tag_start..value_start,
            value: value_start..end,
        });
    }
    Ok(())
}

/// Writes the pairs behind the metric, in order.
fn finish(scratch: &mut NameScratch) {
    let NameScratch {
        text,
        pieces,
        pairs,
    } = scratch;
    // Later pairs lie later in `pieces`, so equal keys stay in the order of arrival.
    pairs.sort_unstable_by(|a, b| {
        let keys = pieces[a.tag.clone()].cmp(&pieces[b.tag.clone()]);
        keys.then(a.tag.start.cmp(&b.tag.start))
    });
    for (place, pair) in pairs.iter().enumerate() {
        let next = pairs.get(place + 1);
        if next.is_some_and(|next| pieces[next.tag.clone()] == pieces[pair.tag.clone()]) {
            continue;
        }
        text.push(b';');
        text.extend_from_slice(&pieces[pair.tag.clone()]);
        text.push(b'=');
        text.extend_from_slice(&pieces[pair.value.clone()]);
    }
}
