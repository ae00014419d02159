//! `{a,b}`: the alternatives that the braces of one node stand for.
//!
//! As in the reference the leftmost pair without braces inside goes first, so nesting works and a
//! brace without its partner is an ordinary character.

use std::collections::HashSet;

use super::{ALTERNATIVES_MAX, PatternError, Token};

/// Characters that may be copied while one node is expanded: a bound on time and memory.
const WORK_MAX: usize = 4 << 20;

/// All alternatives without repeats, in the order they are written.
pub(super) fn expand(tokens: &[Token]) -> Result<Vec<Vec<Token>>, PatternError> {
    if innermost(tokens).is_none() {
        return Ok(vec![tokens.to_vec()]);
    }
    let too_many = || {
        let text = tokens.iter().map(|token| token.character);
        PatternError::TooManyAlternatives(text.take(100).collect())
    };
    let mut seen = HashSet::new();
    let mut expanded = Vec::new();
    let mut pending = vec![tokens.to_vec()];
    let mut work = 0;
    while let Some(text) = pending.pop() {
        work += text.len() + 1;
        let Some((open, close)) = innermost(&text) else {
            expanded.push(text);
            continue;
        };
        let alternatives: Vec<_> = text[open + 1..close].split(|token| token.is(',')).collect();
        for alternative in alternatives.into_iter().rev() {
            let variant = [&text[..open], alternative, &text[close + 1..]].concat();
            work += variant.len() + 1;
            if work > WORK_MAX || seen.len() > 2 * ALTERNATIVES_MAX {
                return Err(too_many());
            }
            if seen.insert(variant.clone()) {
                pending.push(variant);
            }
        }
    }
    if expanded.len() > ALTERNATIVES_MAX {
        return Err(too_many());
    }
    Ok(expanded)
}

/// The leftmost braces with no brace between them.
fn innermost(tokens: &[Token]) -> Option<(usize, usize)> {
    let mut open = None;
    for (position, token) in tokens.iter().enumerate() {
        if token.is('{') {
            open = Some(position);
        } else if token.is('}')
            && let Some(open) = open
        {
            return Some((open, position));
        }
    }
    None
}
