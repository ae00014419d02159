//! What can be wrong with bytes that claim to be one of the formats.
//!
//! Every format of this crate answers with [`FormatError`]: it names the part of the file, the byte
//! where reading stopped, what should have stood there and what did. The caller knows the path and
//! adds it. No variant means that the environment failed: this crate does no input or output.

/// Bytes that are not what the format's page asks for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The file does not begin with the magic bytes: it is of another kind altogether.
    #[error("{part}: not this format (magic {found:02x?})")]
    Magic {
        /// The part of the file, as its page names it.
        part: &'static str,
        /// The bytes that stood where the magic belongs.
        found: [u8; 8],
    },
    /// The file is of this format but of a version that this build cannot read.
    #[error("{part}: version {found} is unknown (this build reads up to {newest})")]
    Version {
        /// The part of the file, as its page names it.
        part: &'static str,
        /// The version in the file.
        found: u16,
        /// The newest version that this build reads.
        newest: u16,
    },
    /// The bytes end too early.
    #[error("{part} at byte {offset}: {needed} bytes needed, {available} left")]
    Truncated {
        /// The part of the file, as its page names it.
        part: &'static str,
        /// Where the missing thing begins.
        offset: u64,
        /// How many bytes it takes.
        needed: u64,
        /// How many there are.
        available: u64,
    },
    /// The bytes are not those that were written.
    #[error("{part} at byte {offset}: checksum {found:08x}, expected {expected:08x}")]
    Checksum {
        /// The part of the file, as its page names it.
        part: &'static str,
        /// Where the checked bytes begin.
        offset: u64,
        /// The checksum that was written.
        expected: u32,
        /// The checksum of the bytes as they are.
        found: u32,
    },
    /// A field holds something that no writer writes.
    #[error("{part} at byte {offset}: expected {expected}, found {found}")]
    Invalid {
        /// The part of the file, as its page names it.
        part: &'static str,
        /// Where the field begins.
        offset: u64,
        /// What the format asks for.
        expected: &'static str,
        /// What stood there.
        found: u64,
    },
}

impl FormatError {
    /// The byte that it speaks of, from the start of the file.
    pub fn offset(&self) -> u64 {
        match self {
            Self::Magic { .. } | Self::Version { .. } => 0,
            Self::Truncated { offset, .. }
            | Self::Checksum { offset, .. }
            | Self::Invalid { offset, .. } => *offset,
        }
    }
}
