//! The slow road of one name: its bytes checked or replaced, its dots folded, its lengths held.

use super::{NamePolicy, NameRules};
use crate::metric::Refusal;

/// Appends the metric part of a name (before any tag): forbidden characters refused or replaced,
/// dots folded.
pub(super) fn push_clean_metric(
    raw: &[u8],
    policy: NamePolicy,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    let start = out.len();
    for_each_char(raw, policy, |character| {
        let character = match character {
            '/' | ' ' => forbidden(policy)?,
            other => other,
        };
        let folds = character == '.' && out[start..].last().is_none_or(|&last| last == b'.');
        if !folds {
            push_char(character, out);
        }
        Ok(())
    })?;
    if out[start..].last() == Some(&b'.') {
        out.pop();
    }
    if out.len() == start {
        return Err(Refusal::BadName);
    }
    Ok(())
}

/// Appends a tag or a value of one: control characters and broken UTF-8 refused or replaced,
/// everything else as it is. `/` and spaces are allowed here: a tag never becomes a path.
pub(super) fn push_clean_text(
    raw: &[u8],
    policy: NamePolicy,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    for_each_char(raw, policy, |character| {
        push_char(character, out);
        Ok(())
    })
}

/// Holds a canonical name to the limits. Nodes are parts of the metric, not of its tags.
pub(super) fn check_lengths(canonical: &[u8], rules: &NameRules) -> Result<(), Refusal> {
    if canonical.len() > rules.name_bytes_max {
        return Err(Refusal::NameTooLong);
    }
    let metric = canonical.split(|&byte| byte == b';').next().unwrap_or(&[]);
    let longest = metric.split(|&byte| byte == b'.').map(<[u8]>::len).max();
    if longest.unwrap_or(0) > rules.node_bytes_max {
        return Err(Refusal::NameTooLong);
    }
    Ok(())
}

/// The replacement for a forbidden character, if the policy has one.
pub(super) fn forbidden(policy: NamePolicy) -> Result<char, Refusal> {
    match policy {
        NamePolicy::Strict => Err(Refusal::BadName),
        NamePolicy::Replace => Ok('_'),
    }
}

/// Every character in turn; control characters and each broken UTF-8 sequence go by the policy.
fn for_each_char(
    raw: &[u8],
    policy: NamePolicy,
    mut each: impl FnMut(char) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    for chunk in raw.utf8_chunks() {
        for character in chunk.valid().chars() {
            each(if character.is_control() {
                forbidden(policy)?
            } else {
                character
            })?;
        }
        if !chunk.invalid().is_empty() {
            each(forbidden(policy)?)?;
        }
    }
    Ok(())
}

fn push_char(character: char, out: &mut Vec<u8>) {
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}
