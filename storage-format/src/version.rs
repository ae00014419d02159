//! The version of each format, and the check that every reader makes first.
//!
//! A version is raised when a reader of the former version would misread the new bytes. Readers keep
//! every version they ever read; the golden bytes in `vectors/` hold them to it.

use crate::error::FormatError;

/// The newest version of the block format (`block.md`).
pub const BLOCK: u16 = 1;
/// The newest version of the ring's panels (`ring.md`).
pub const RING: u16 = 1;
/// The newest version of the late log's segments (`late.md`).
pub const LATE: u16 = 1;
/// The newest version of the whisper engine's journal (`journal.md`).
pub const JOURNAL: u16 = 1;
/// The newest version of a group's manifest (`manifest.md`).
pub const MANIFEST: u16 = 1;
/// The newest version of a store's `meta` (`tables.md`).
pub const META: u16 = 1;
/// The newest version of a store's `families` (`tables.md`).
pub const FAMILIES: u16 = 1;

/// The newest version of the catalog's log and snapshot (`catalog.md`).
pub const CATALOG: u16 = 1;

/// Refuses a version that is zero or newer than `newest`.
///
/// # Errors
/// [`FormatError::Version`], naming `part`.
pub fn check(part: &'static str, found: u16, newest: u16) -> Result<(), FormatError> {
    if found == 0 || found > newest {
        return Err(FormatError::Version {
            part,
            found,
            newest,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_from_one_to_newest_pass() {
        assert!(check("x", 0, 2).is_err());
        assert!(check("x", 1, 2).is_ok());
        assert!(check("x", 2, 2).is_ok());
        assert!(check("x", 3, 2).is_err());
    }
}
