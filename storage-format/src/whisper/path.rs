//! Which file a metric has, as carbon names it, and back.
//!
//! `a.b.c` is `a/b/c.wsp`. A tagged name is kept under `_tagged/`, in two folders named by the
//! first six hex digits of its SHA-256, as the whole digest or, in installs without hashed names, as
//! the name with `_DOT_` for each dot. A path is relative and never leaves its folder: names that
//! would, or that share a path with another name, have none.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

const SUFFIX: &str = ".wsp";
const TAGGED: &str = "_tagged";
const DOT: &str = "_DOT_";

/// The most bytes of a folder's or file's name on the file systems that matter.
const COMPONENT_BYTES_MAX: usize = 255;

/// How the files of tagged series are named: carbon's `TAG_HASH_FILENAMES`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TaggedNames {
    /// The digest, carbon's default.
    #[default]
    Hash,
    /// The name, which is easier to read and may be too long.
    Name,
}

/// The path of a metric's file below the tree's folder, `/` between its parts. A tagged name must be
/// in canonical form. `None` if it has no path of its own: an empty node, a `/` or NUL, a part longer
/// than 255 bytes.
pub fn relative_path(metric: &str, tagged: TaggedNames) -> Option<String> {
    let path = match metric.contains(';') {
        true => tagged_path(metric, tagged)?,
        false if metric.contains('/') => return None,
        false => format!("{}{SUFFIX}", metric.replace('.', "/")),
    };
    is_sound(&path).then_some(path)
}

fn tagged_path(metric: &str, tagged: TaggedNames) -> Option<String> {
    let mut hash = String::with_capacity(64);
    for byte in Sha256::digest(metric.as_bytes()) {
        // Writing to a String does not fail.
        let _ = write!(hash, "{byte:02x}");
    }
    let file = match tagged {
        TaggedNames::Hash => hash.clone(),
        TaggedNames::Name if metric.contains('/') => return None,
        TaggedNames::Name => metric.replace('.', DOT),
    };
    let (first, second) = (&hash[0..3], &hash[3..6]);
    Some(format!("{TAGGED}/{first}/{second}/{file}{SUFFIX}"))
}

/// The plain metric of a path below the tree's folder; `None` for a tagged one, whose name may be
/// hashed, and for what is no metric's path.
pub fn metric_name(path: &str) -> Option<String> {
    let stem = path.strip_suffix(SUFFIX)?;
    let is_tagged = stem.split('/').next() == Some(TAGGED);
    let is_plain = !is_tagged && !stem.contains(['.', ';']) && is_sound(path);
    is_plain.then(|| stem.replace('/', "."))
}

fn is_sound(path: &str) -> bool {
    let stem = path.strip_suffix(SUFFIX).unwrap_or(path);
    let is_kept = |part: &str| part.len() <= COMPONENT_BYTES_MAX && !part.contains('\0');
    stem.split('/').all(|part| !part.is_empty()) && path.split('/').all(is_kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_of_a_plain_name_are_folders() {
        for (metric, path) in [("a.b.c", "a/b/c.wsp"), ("up", "up.wsp")] {
            let found = relative_path(metric, TaggedNames::Hash);
            assert_eq!(found.as_deref(), Some(path));
            assert_eq!(metric_name(path).as_deref(), Some(metric));
        }
    }

    #[test]
    fn a_tagged_name_goes_to_the_folders_of_its_hash() {
        let metric = "some.metric;tag1=value2;tag2=value.2";
        let hashed = relative_path(metric, TaggedNames::Hash).unwrap();
        assert!(hashed.starts_with("_tagged/eff/aae/effaae5b55"), "{hashed}");
        assert_eq!(hashed.len(), "_tagged/eff/aae/.wsp".len() + 64);
        let named = relative_path(metric, TaggedNames::Name).unwrap();
        let expected = "_tagged/eff/aae/some_DOT_metric;tag1=value2;tag2=value_DOT_2.wsp";
        assert_eq!(named, expected);
        assert_eq!(metric_name(&hashed), None);
        assert_eq!(metric_name(&named), None);
    }

    #[test]
    fn no_name_leaves_the_tree_or_shares_a_file() {
        for metric in [
            "",
            ".",
            "..",
            "a..b",
            ".a",
            "a.",
            "../../etc",
            "a/b",
            "a.\0",
        ] {
            assert_eq!(relative_path(metric, TaggedNames::Hash), None, "{metric:?}");
        }
        assert_eq!(relative_path("a;b=/../c", TaggedNames::Name), None);
        assert!(relative_path("a;b=/../c", TaggedNames::Hash).is_some());
        assert!(relative_path(&"x".repeat(251), TaggedNames::Hash).is_some());
        assert_eq!(relative_path(&"x".repeat(252), TaggedNames::Hash), None);
    }

    #[test]
    fn other_paths_are_no_metrics() {
        for path in [
            "a.b", "a", "/a.wsp", "a//b.wsp", "../a.wsp", "a.b.wsp", ".wsp",
        ] {
            assert_eq!(metric_name(path), None, "{path}");
        }
    }
}
