//! Why an operation on a Whisper file was refused.
//!
//! Broken data is [`WhisperError::Format`] and names byte and value; all others are bad input.

use super::Method;
use crate::error::FormatError;

/// A refusal; the bytes are as they were before.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum WhisperError {
    /// The bytes are no Whisper file, a damaged one or a short one.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A file needs an archive, and has an upper limit of them.
    #[error("{0} archives: from 1 to 255 are possible")]
    ArchiveCount(usize),
    /// An archive of no points or no step.
    #[error("archive {step_s}:{points}: step and points must be above zero")]
    EmptyArchive {
        /// The step in seconds.
        step_s: u32,
        /// The number of slots.
        points: u32,
    },
    /// Two archives of one step.
    #[error("two archives have the step {0} s")]
    SameStep(u32),
    /// A coarse step that fine slots do not fill.
    #[error("step {finer_s} s does not divide the coarser step {coarser_s} s")]
    UnevenSteps {
        /// The finer step in seconds.
        finer_s: u32,
        /// The coarser step in seconds.
        coarser_s: u32,
    },
    /// A coarse archive that covers no more time than the finer one.
    #[error(
        "the archive of step {step_s} s covers {retention_s} s, not longer than the finer one's {finer_s} s"
    )]
    ShortRetention {
        /// The coarser archive's step in seconds.
        step_s: u32,
        /// What it covers, in seconds.
        retention_s: u64,
        /// What the finer archive covers, in seconds.
        finer_s: u64,
    },
    /// A fine archive that does not hold one coarse step.
    #[error("the archive of step {step_s} s has {points} points, {needed} make one coarser point")]
    TooFewPoints {
        /// The finer archive's step in seconds.
        step_s: u32,
        /// Its slots.
        points: u32,
        /// The slots of one coarser step.
        needed: u32,
    },
    /// A file that the format's 32-bit offsets and retentions cannot describe.
    #[error("archive {step_s}:{points} does not fit the format's 32-bit numbers")]
    TooLarge {
        /// The step in seconds.
        step_s: u32,
        /// The number of slots.
        points: u32,
    },
    /// An xFilesFactor outside 0 to 1.
    #[error("xFilesFactor {0} is not between 0 and 1")]
    XFilesFactor(f32),
    /// A method that has no number in the file's dialect, or by which nothing can be rolled up.
    #[error("aggregation method {0} cannot be written to this file")]
    Method(Method),
    /// A range that ends before it begins.
    #[error("the range begins at {from_s}, after its end {until_s}")]
    Range {
        /// The beginning, in seconds since the epoch.
        from_s: i64,
        /// The end, in seconds since the epoch.
        until_s: i64,
    },
    /// A point that no archive holds any more.
    #[error("timestamp {timestamp_s} is older than every archive covers at {now_s}")]
    TooOld {
        /// The point's time, in seconds since the epoch.
        timestamp_s: i64,
        /// The present, in seconds since the epoch.
        now_s: i64,
    },
    /// A point of the future, which would take the slot of a live old one.
    #[error("timestamp {timestamp_s} is in the future at {now_s}")]
    Future {
        /// The point's time, in seconds since the epoch.
        timestamp_s: i64,
        /// The present, in seconds since the epoch.
        now_s: i64,
    },
    /// Two files whose archives are not the same.
    #[error("the archives of the two files differ: resize one of them first")]
    UnlikeArchives,
}
