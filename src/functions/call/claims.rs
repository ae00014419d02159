//! What a call asks for before it makes much: room in the request, and memory beside its arguments.
//!
//! What a call is given is counted when it is given, with room for a result and a copy of each series at
//! work. That is enough for functions that take series and give series one at a time.

use super::Call;
use crate::functions::series::NAME_COPIES;
use crate::functions::{EvaluationError, Series};

impl Call<'_> {
    /// Claims room for points that are about to be made; see
    /// [`Evaluator::reserve_points`](crate::functions::Evaluator::reserve_points). Ask before allocating.
    ///
    /// # Errors
    /// When the request has no room for so many.
    pub fn check_points(&self, points: usize) -> Result<(), EvaluationError> {
        self.evaluator.reserve_points(points)
    }

    /// Claims memory that the call needs beside what it was given and is about as large or larger:
    /// bytes, until the call is done. Ask before allocating.
    ///
    /// # Errors
    /// When the query may not hold so many.
    pub fn claim(&self, bytes: usize) -> Result<(), EvaluationError> {
        self.evaluator.claim(bytes)
    }

    /// The same for values.
    ///
    /// # Errors
    /// As [`Call::claim`].
    pub fn claim_values(&self, values: usize) -> Result<(), EvaluationError> {
        self.claim(values.saturating_mul(size_of::<f64>()))
    }

    /// Claims what a result with a name of so many bytes and so many values takes beyond the series whose
    /// place it takes. Functions ask whose names hold what others say, or as many values as another
    /// series has: over many series that is far more than they were given.
    ///
    /// # Errors
    /// As [`Call::claim`].
    pub fn claim_growth(
        &self,
        series: &Series,
        name_bytes: usize,
        values: usize,
    ) -> Result<(), EvaluationError> {
        let texts = name_bytes.saturating_sub(series.name.len()) * NAME_COPIES;
        let values = values.saturating_sub(series.values.len()) * size_of::<f64>();
        self.claim(texts + values)
    }

    /// The same for a name alone.
    ///
    /// # Errors
    /// As [`Call::claim`].
    pub fn claim_name(&self, series: &Series, name_bytes: usize) -> Result<(), EvaluationError> {
        self.claim_growth(series, name_bytes, 0)
    }
}
