//! Functions that are another one of this group with one aggregation, as `sumSeries` is `aggregate`.

use crate::functions::{
    Call, EvaluationError, Function, Group, Parameter, Reach, Series, Signature,
};

/// How the series of a call are combined with the aggregation of a name.
type Combine = fn(&Call<'_>, &str) -> Result<Vec<Series>, EvaluationError>;

/// One of them.
pub(super) struct ShortForm {
    pub(super) signature: Signature,
    /// The aggregation.
    pub(super) function: &'static str,
    combine: Combine,
}

/// What the short forms of one function share.
pub(super) struct LongForm {
    pub(super) usage: &'static str,
    pub(super) parameters: &'static [Parameter],
    pub(super) combine: Combine,
}

impl LongForm {
    /// The short form of an aggregation.
    pub(super) const fn of(
        &self,
        names: &'static [&'static str],
        function: &'static str,
        description: &'static str,
    ) -> ShortForm {
        let signature = Signature {
            names,
            group: Group::Combine,
            usage: self.usage,
            description,
            parameters: self.parameters,
            aggregator: true,
        };
        ShortForm {
            signature,
            function,
            combine: self.combine,
        }
    }
}

impl ShortForm {
    /// One that carbonapi has and the reference has not.
    pub(super) const fn custom(mut self) -> Self {
        self.signature.group = Group::Custom;
        self
    }
}

impl Function for ShortForm {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        (self.combine)(call, self.function)
    }
}
