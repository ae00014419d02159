//! One node's glob without braces: `*`, `?`, `[a-z]`, `[!x]`, as Python's `fnmatch` reads them.
//!
//! It is kept as the runs between its stars: the first stands at the start of the name, the last
//! at its end, and each of the others is taken where it first fits. That is linear for the usual
//! patterns and needs no regex.

use memchr::memmem;

use super::Token;

/// A node to look up, or one to match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Glob {
    /// Exactly this.
    Literal(Box<str>),
    /// Whatever matches.
    Wild(WildGlob),
}

/// A glob with something wild in it: runs of atoms with a star between each two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WildGlob {
    runs: Vec<Vec<Atom>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Atom {
    Text(Box<str>),
    AnyCharacter,
    Set {
        negated: bool,
        ranges: Box<[(char, char)]>,
    },
}

impl Glob {
    /// `*`.
    pub(super) fn any() -> Self {
        Self::Wild(WildGlob {
            runs: vec![Vec::new(), Vec::new()],
        })
    }

    pub(super) fn parse(tokens: &[Token]) -> Self {
        let mut runs = vec![Vec::new()];
        let mut text = String::new();
        let mut position = 0;
        while let Some(&token) = tokens.get(position) {
            position += 1;
            let atom = if token.is('*') {
                None
            } else if token.is('?') {
                Some(Atom::AnyCharacter)
            } else if token.is('[')
                && let Some(close) = closing_bracket(tokens, position)
            {
                let set = Atom::set(&tokens[position..close]);
                position = close + 1;
                Some(set)
            } else {
                text.push(token.character);
                continue;
            };
            let run = runs.last_mut().expect("there is always a run");
            if !text.is_empty() {
                run.push(Atom::Text(std::mem::take(&mut text).into()));
            }
            match atom {
                Some(atom) => run.push(atom),
                None => runs.push(Vec::new()),
            }
        }
        if runs.len() == 1 && runs[0].is_empty() {
            return Self::Literal(text.into());
        }
        if !text.is_empty() {
            let run = runs.last_mut().expect("there is always a run");
            run.push(Atom::Text(text.into()));
        }
        Self::Wild(WildGlob { runs })
    }

    /// True when the whole node matches.
    pub fn matches(&self, node: &str) -> bool {
        match self {
            Self::Literal(text) => **text == *node,
            Self::Wild(wild) => wild.matches(node),
        }
    }

    /// What every matching node starts with; for a literal all of it.
    pub fn prefix(&self) -> &str {
        match self {
            Self::Literal(text) => text,
            Self::Wild(wild) => match wild.runs[0].first() {
                Some(Atom::Text(text)) => text,
                _ => "",
            },
        }
    }

    /// True for the alternative that stands for no node at all.
    pub fn is_empty_literal(&self) -> bool {
        matches!(self, Self::Literal(text) if text.is_empty())
    }
}

impl WildGlob {
    /// True when the whole node matches.
    pub fn matches(&self, node: &str) -> bool {
        let Some(start) = match_start(&self.runs[0], node) else {
            return false;
        };
        let [_, middle @ .., last] = self.runs.as_slice() else {
            return start == node.len();
        };
        let mut rest = &node[start..];
        for run in middle {
            match find(run, rest) {
                Some(end) => rest = &rest[end..],
                None => return false,
            }
        }
        matches_end(last, rest)
    }

    /// True when it is `*` alone and needs no look at the node.
    pub fn is_any(&self) -> bool {
        self.runs.len() > 1 && self.runs.iter().all(Vec::is_empty)
    }
}

impl Atom {
    /// The set between brackets: a `!` first negates, `a-z` is a range, and a range that runs
    /// backwards holds nothing.
    fn set(tokens: &[Token]) -> Self {
        let negated = tokens.first().is_some_and(|token| token.is('!'));
        let members = &tokens[usize::from(negated)..];
        let mut ranges = Vec::new();
        let mut position = 0;
        while let Some(low) = members.get(position) {
            let dash = members.get(position + 1).is_some_and(|next| next.is('-'));
            let high = members.get(position + 2).filter(|_| dash);
            ranges.push((low.character, high.unwrap_or(low).character));
            position += if high.is_some() { 3 } else { 1 };
        }
        ranges.retain(|(low, high)| low <= high);
        Self::Set {
            negated,
            ranges: ranges.into(),
        }
    }

    /// How many bytes of the start of `text` it takes.
    #[inline]
    fn match_start(&self, text: &str) -> Option<usize> {
        match self {
            Self::Text(literal) => text.starts_with(&**literal).then_some(literal.len()),
            Self::AnyCharacter => text.chars().next().map(char::len_utf8),
            Self::Set { negated, ranges } => {
                let character = text.chars().next()?;
                let within = |&(low, high): &(char, char)| (low..=high).contains(&character);
                (ranges.iter().any(within) != *negated).then_some(character.len_utf8())
            }
        }
    }

    fn characters(&self) -> usize {
        match self {
            Self::Text(literal) => literal.chars().count(),
            _ => 1,
        }
    }
}

/// Where the bracket that opened just before `start` closes: a `]` in the first place is a member.
fn closing_bracket(tokens: &[Token], start: usize) -> Option<usize> {
    let is = |position: usize, character| tokens.get(position).is_some_and(|t| t.is(character));
    let mut position = start + usize::from(is(start, '!'));
    position += usize::from(is(position, ']'));
    (position..tokens.len()).find(|&at| tokens[at].is(']'))
}

/// How many bytes of the start of `text` the run takes.
fn match_start(run: &[Atom], text: &str) -> Option<usize> {
    let mut taken = 0;
    for atom in run {
        taken += atom.match_start(&text[taken..])?;
    }
    Some(taken)
}

/// Where the run ends in `text` at the first place that it fits.
fn find(run: &[Atom], text: &str) -> Option<usize> {
    match run {
        [] => Some(0),
        [Atom::Text(literal)] => {
            memmem::find(text.as_bytes(), literal.as_bytes()).map(|start| start + literal.len())
        }
        [Atom::Text(literal), rest @ ..] => memmem::find_iter(text.as_bytes(), literal.as_bytes())
            .find_map(|start| {
                let end = start + literal.len();
                match_start(rest, &text[end..]).map(|taken| end + taken)
            }),
        _ => text
            .char_indices()
            .find_map(|(start, _)| match_start(run, &text[start..]).map(|taken| start + taken)),
    }
}

/// True when the run fits at the very end of `text`.
fn matches_end(run: &[Atom], text: &str) -> bool {
    match run {
        [] => true,
        [Atom::Text(literal)] => text.ends_with(&**literal),
        _ => {
            let count: usize = run.iter().map(Atom::characters).sum();
            let start = text.char_indices().nth_back(count - 1);
            start.is_some_and(|(start, _)| match_start(run, &text[start..]).is_some())
        }
    }
}
