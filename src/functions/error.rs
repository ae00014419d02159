//! Why a target could not be evaluated.

/// What went wrong in an evaluation; the API answers 400 to everything but a failing store.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// No function of that name.
    #[error("unknown function \"{0}\"")]
    UnknownFunction(String),
    /// An argument is missing, of the wrong type or outside its range.
    #[error("{function}: {problem}")]
    BadArgument {
        /// The function as it was called.
        function: String,
        /// The parameter, the value and what would be right.
        problem: String,
    },
    /// A target that a function made at run time does not parse.
    #[error(transparent)]
    Target(#[from] crate::target::ParseError),
    /// A path or a tag expression that nothing can be found with.
    #[error("{0}")]
    BadPattern(String),
    /// Series were asked for while the query is only planned; never leaves `plan`.
    #[error("series are not read while a query is planned")]
    Planning,
    /// A limit of the request was reached.
    #[error("{0}")]
    Limit(String),
    /// The request was cancelled: the client left or its time is up.
    #[error("the query was cancelled: {0}")]
    Cancelled(&'static str),
    /// The store could not read.
    #[error("the store could not be read: {0}")]
    Store(String),
}
