//! Parts of names: the nodes and tags that `aliasByNode`, the `groupBy` family and their kin use.

use std::borrow::Cow;

use super::Series;
use crate::target::{self, Expression};

/// One part of a series' identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// The node at this position of the path; negative positions count from the end.
    Index(i64),
    /// The value of a tag.
    Tag(String),
}

/// The parts that `nodes` name, joined by dots; what does not exist is empty.
pub fn key(series: &Series, nodes: &[Node]) -> String {
    let path = path(series);
    let mut key = String::with_capacity(path.len());
    for (position, node) in nodes.iter().enumerate() {
        if position > 0 {
            key.push('.');
        }
        key.push_str(part(series, &path, node));
    }
    key
}

/// The path that node positions count in: the innermost first path when the name looks like a call,
/// else the name itself; tags are cut off.
pub fn path(series: &Series) -> Cow<'_, str> {
    let inner = if series.name.ends_with(')') {
        first_path(&series.name)
    } else {
        None
    };
    match inner {
        Some(mut path) => {
            path.truncate(path.find(';').unwrap_or(path.len()));
            Cow::Owned(path)
        }
        None => Cow::Borrowed(series.name.split(';').next().unwrap_or_default()),
    }
}

/// The first path inside the outermost parentheses of a name, by the grammar of targets. `None` when
/// the first argument of some call on the way is no path, or the name does not parse.
pub fn first_path(name: &str) -> Option<String> {
    let mut expression = target::parse(name).ok()?;
    loop {
        expression = match expression {
            Expression::Path(path) => return Some(path),
            Expression::Call(mut call) if !call.arguments.is_empty() => {
                call.arguments.swap_remove(0)
            }
            _ => return None,
        };
    }
}

/// The node of a path without tags at a position, which may count from the end.
pub fn node_at(path: &str, position: i64) -> Option<&str> {
    if let Ok(position) = usize::try_from(position) {
        path.split('.').nth(position)
    } else {
        let from_end = usize::try_from(-(position + 1)).ok()?;
        path.rsplit('.').nth(from_end)
    }
}

fn part<'a>(series: &'a Series, path: &'a str, node: &Node) -> &'a str {
    match node {
        Node::Index(position) => node_at(path, *position)
            .or_else(|| series.tags.get(&position.to_string()))
            .unwrap_or_default(),
        Node::Tag(tag) => series.tags.get(tag).unwrap_or_default(),
    }
}

/// The part of a legend that `substr` and `aliasByMetric` cut into nodes: behind the last opening
/// parenthesis, up to the first closing one. What follows a comma is cut off after the nodes are
/// chosen; see [`without_arguments`].
pub fn inner_text(name: &str) -> &str {
    let start = name.rfind('(').map_or(0, |position| position + 1);
    let end = name.find(')').unwrap_or(name.len());
    name.get(start..end).unwrap_or_default()
}

/// A choice of nodes up to its first comma.
pub fn without_arguments(nodes: &str) -> &str {
    nodes.split(',').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(name: &str, nodes: &[Node]) -> String {
        key(&Series::new(name, 0, 1, 1, vec![0.0]), nodes)
    }

    #[test]
    fn positions_count_from_both_ends() {
        let nodes = [
            Node::Index(0),
            Node::Index(-1),
            Node::Index(7),
            Node::Index(-4),
        ];
        assert_eq!(key_of("a.b.c", &nodes), "a.c..");
    }

    #[test]
    fn innermost_first_path_counts_in_a_call() {
        assert_eq!(
            key_of("scale(sumSeries(a.b,c.d),2)", &[Node::Index(1)]),
            "b"
        );
        assert_eq!(key_of("movingAverage(a.b;dc=x,5)", &[Node::Index(1)]), "b");
    }

    #[test]
    fn name_counts_when_no_path_can_be_found() {
        assert_eq!(key_of("threshold(5)", &[Node::Index(0)]), "threshold(5)");
    }

    #[test]
    fn text_is_a_tag() {
        let nodes = [
            Node::Tag("dc".into()),
            Node::Index(0),
            Node::Tag("none".into()),
        ];
        assert_eq!(key_of("cpu.load;dc=east", &nodes), "east.cpu.");
    }
}
