//! An operation as a value: what the command line sends and the admin routes read.
//!
//! One table holds both directions, so that a flag which one side knows is known to the other. A
//! parameter that nobody knows is refused: a misspelt `dry_run` must not delete.

use serde::Serialize;

use super::{Applied, Deleted, Expired, Lifecycle, LifecycleError, NAMES_SHOWN, Plan};
use super::{Selection, Stop};
use crate::metric::retention::parse_seconds;

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What is to be done.
    pub kind: Kind,
    /// To which series; none means all, but for a deletion.
    pub selection: Selection,
    /// Only say what would be done.
    pub dry_run: bool,
    /// Names in the answer of a dry run.
    pub limit: usize,
    /// For an expiry: seconds since the newest point; `None` for the whole retention.
    pub older_than: Option<i64>,
}

/// The kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Delete series.
    Delete,
    /// Remove series that get no points any more.
    Expire,
    /// Say which series do not match their rules.
    RetentionPlan,
    /// Move them.
    RetentionApply,
}

/// All kinds with their routes.
pub const ROUTES: [(Kind, &str); 4] = [
    (Kind::Delete, "/admin/delete"),
    (Kind::Expire, "/admin/expire"),
    (Kind::RetentionPlan, "/admin/retention/plan"),
    (Kind::RetentionApply, "/admin/retention/apply"),
];

/// What an operation answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// Of a deletion.
    Deleted(Deleted),
    /// Of an expiry.
    Expired(Expired),
    /// Of a plan.
    Plan(Plan),
    /// Of its application.
    Applied(Applied),
}

impl Operation {
    /// One of a kind, with nothing said.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            selection: Selection::default(),
            dry_run: false,
            limit: NAMES_SHOWN,
            older_than: None,
        }
    }

    /// Reads the parameters of a request.
    ///
    /// # Errors
    /// A parameter that is unknown to the kind, or has a value that makes no sense.
    pub fn read<'a>(
        kind: Kind,
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, LifecycleError> {
        let mut operation = Self::new(kind);
        for (name, value) in pairs {
            operation.set(name, value)?;
        }
        Ok(operation)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), LifecycleError> {
        let bad =
            |wanted: &str| LifecycleError::BadInput(format!("{name}=\"{value}\" is not {wanted}"));
        let has_names = matches!(self.kind, Kind::Delete | Kind::Expire);
        match name {
            "pattern" => self.selection.patterns.push(value.to_owned()),
            "regex" => self.selection.regexes.push(value.to_owned()),
            "dry_run" if self.kind != Kind::RetentionPlan => {
                self.dry_run = match value {
                    "1" | "true" => true,
                    "0" | "false" => false,
                    _ => return Err(bad("true or false")),
                };
            }
            "limit" if has_names => {
                self.limit = value.parse().map_err(|_| bad("a number of names"))?;
            }
            "older_than" if self.kind == Kind::Expire => {
                let seconds = parse_age(value).ok_or_else(|| bad("an age such as 30d or 12h"))?;
                self.older_than = Some(seconds);
            }
            _ => {
                let message = format!("\"{name}\" is no parameter of this request");
                return Err(LifecycleError::BadInput(message));
            }
        }
        Ok(())
    }

    /// The parameters that [`Operation::read`] reads back.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        let Selection { patterns, regexes } = &self.selection;
        pairs.extend(patterns.iter().map(|pattern| ("pattern", pattern.clone())));
        pairs.extend(regexes.iter().map(|regex| ("regex", regex.clone())));
        if self.dry_run {
            pairs.push(("dry_run", "true".to_owned()));
        }
        if self.limit != NAMES_SHOWN {
            pairs.push(("limit", self.limit.to_string()));
        }
        if let Some(seconds) = self.older_than {
            pairs.push(("older_than", format!("{seconds}s")));
        }
        pairs
    }

    /// Where it is asked for over HTTP.
    pub fn route(&self) -> &'static str {
        let route = ROUTES.iter().find(|(kind, _)| *kind == self.kind);
        route.map_or("", |(_, route)| *route)
    }

    /// Does it.
    ///
    /// # Errors
    /// As the method of [`Lifecycle`].
    pub fn run(&self, lifecycle: &Lifecycle, stop: &Stop) -> Result<Answer, LifecycleError> {
        let Self {
            selection,
            dry_run,
            limit,
            older_than,
            ..
        } = self;
        Ok(match self.kind {
            Kind::Delete => Answer::Deleted(lifecycle.delete(selection, *dry_run, *limit, stop)?),
            Kind::Expire => {
                let expired = lifecycle.expire(selection, *older_than, *dry_run, *limit, stop);
                Answer::Expired(expired?)
            }
            Kind::RetentionPlan => Answer::Plan(lifecycle.retention_plan(selection)?),
            Kind::RetentionApply => {
                Answer::Applied(lifecycle.retention_apply(selection, *dry_run, stop)?)
            }
        })
    }
}

/// An age of at least a second with its unit, as retentions have them.
pub fn parse_age(text: &str) -> Option<i64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A bare number leaves open what it counts.
        return None;
    }
    let seconds = i64::try_from(parse_seconds(text)?).ok()?;
    (seconds > 0).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_side_says_the_other_reads() {
        let mut operation = Operation::new(Kind::Expire);
        operation.selection.patterns = vec!["a.*".to_owned(), "b&c=d".to_owned()];
        operation.selection.regexes = vec!["^x".to_owned()];
        operation.dry_run = true;
        operation.limit = 7;
        operation.older_than = Some(86_400);
        for operation in [operation, Operation::new(Kind::Delete)] {
            let parameters = operation.parameters();
            let pairs = parameters.iter().map(|(name, value)| (*name, &**value));
            assert_eq!(Operation::read(operation.kind, pairs).unwrap(), operation);
        }
    }

    #[test]
    fn what_is_unknown_or_senseless_is_refused_by_name() {
        let wrong = [
            (Kind::Delete, "dryrun", "1"),
            (Kind::Delete, "dry_run", ""),
            (Kind::Delete, "dry_run", "yes"),
            (Kind::Delete, "older_than", "1d"),
            (Kind::Delete, "limit", "-1"),
            (Kind::Expire, "older_than", "30"),
            (Kind::Expire, "older_than", "0d"),
            (Kind::Expire, "older_than", "soon"),
            (Kind::RetentionPlan, "dry_run", "1"),
            (Kind::RetentionApply, "limit", "1"),
        ];
        for (kind, name, value) in wrong {
            let error = Operation::read(kind, [(name, value)]).unwrap_err();
            assert!(
                error.is_bad_input() && error.to_string().contains(name),
                "{error}"
            );
        }
    }
}
