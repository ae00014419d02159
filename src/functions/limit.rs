//! The bound on what one call may make up: points that no store holds, so that no limit on reading
//! catches them.

use super::{Call, EvaluationError};

/// The most points of one series that a function makes by itself: half a year of seconds, 128 MiB.
pub const POINTS_MAX: usize = 1 << 24;

impl Call<'_> {
    /// Refuses a series of too many points.
    ///
    /// # Errors
    /// When there are more than [`POINTS_MAX`].
    pub fn check_points(&self, points: usize) -> Result<(), EvaluationError> {
        if points <= POINTS_MAX {
            return Ok(());
        }
        let function = self.function();
        Err(EvaluationError::Limit(format!(
            "{function}: a series of {points} points is too long (at most {POINTS_MAX})"
        )))
    }
}
