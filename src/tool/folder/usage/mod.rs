//! What a data folder's contents take: `stats` by archive and form, `du` by name.

pub(in crate::tool) mod du;
pub(in crate::tool) mod stats;

use std::path::Path;

use super::Folder;
use crate::storage::strata::inspect::Tally;
use crate::tool::ToolError;
use crate::tool::progress::{Progress, Quiet};

/// Opens a folder and counts all of it.
///
/// # Errors
/// When the folder cannot be read.
fn counted(path: &Path, quiet: Quiet) -> Result<(Folder, Tally), ToolError> {
    let folder = Folder::open(path)?;
    let progress = Progress::bar(folder.store.blocks() as u64, "blocks", quiet);
    let tally = folder.store.tally(&|| progress.advance(1))?;
    progress.finish();
    for (path, reason) in folder.store.damaged() {
        progress.warn(format_args!("left out: {}: {reason}", path.display()));
    }
    Ok((folder, tally))
}

/// The nodes of a name that are told apart; a tagged series stands below `_tagged`.
fn branch(name: &str, depth: usize) -> String {
    let (path, tags) = match name.split_once(';') {
        Some((path, tags)) => (path, Some(tags)),
        None => (name, None),
    };
    let top = tags.map(|_| "_tagged");
    let nodes = top.into_iter().chain(path.split('.'));
    let nodes: Vec<&str> = nodes.take(depth).collect();
    nodes.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_are_the_first_nodes_of_a_name() {
        assert_eq!(branch("a.b.c", 0), "");
        assert_eq!(branch("a.b.c", 2), "a.b");
        assert_eq!(branch("a.b.c", 9), "a.b.c");
        assert_eq!(branch("cpu.load;host=a.b", 2), "_tagged.cpu");
    }
}
