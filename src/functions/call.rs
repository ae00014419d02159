//! One call of a function: its arguments bound to parameters, and typed access to them.
//!
//! Arguments are evaluated when they are asked for, not before, so that a function which reads its
//! series over another window does not read them twice. Literals are accepted as the reference's
//! own parameter checks accept them (text that reads as a number is one, whole floats are integers);
//! where its unchecked code would crash, the answer is an error that says what would be right.
//!
//! A parameter is asked for by the name in the signature; another name is a fault of the function
//! and reported as an error, not a panic.

mod claims;

use jiff::tz::TimeZone;
use smol_str::SmolStr;

use super::aggregation::Aggregation;
use super::evaluator::{Evaluator, RequestState, Window};
use super::interval::{Interval, Span};
use super::node::Node;
use super::registry;
use super::signature::{Kind, Literal, Parameter, Signature};
use super::value::Value;
use super::{EvaluationError, Series};
use crate::target::{self, Expression};

/// The arguments of one call.
pub struct Call<'a> {
    evaluator: &'a dyn Evaluator,
    function: &'a str,
    signature: &'a Signature,
    window: Window,
    /// By parameter; several only for a parameter that takes all that follow.
    bound: Vec<Vec<Argument<'a>>>,
}

/// An argument before it is evaluated.
#[derive(Clone, Debug)]
enum Argument<'a> {
    Expression(&'a Expression),
    Value(Value),
}

impl<'a> Call<'a> {
    /// Binds the arguments of a call in a target.
    ///
    /// # Errors
    /// When there are too many, an unknown keyword, one parameter given twice, or a required one not
    /// given at all.
    pub fn bind(
        evaluator: &'a dyn Evaluator,
        call: &'a target::Call,
        signature: &'a Signature,
        window: Window,
    ) -> Result<Self, EvaluationError> {
        let mut bound = Self::unbound(evaluator, &call.function, signature, window);
        for (position, expression) in call.arguments.iter().enumerate() {
            bound.bind_positional(position, Argument::Expression(expression))?;
        }
        for (keyword, expression) in &call.keyword_arguments {
            bound.bind_keyword(keyword, expression)?;
        }
        bound.check_required()?;
        Ok(bound)
    }

    /// Binds values, for functions that call others.
    fn bind_values(
        evaluator: &'a dyn Evaluator,
        function: &'a str,
        signature: &'a Signature,
        window: Window,
        values: Vec<Value>,
    ) -> Result<Self, EvaluationError> {
        let mut bound = Self::unbound(evaluator, function, signature, window);
        for (position, value) in values.into_iter().enumerate() {
            bound.bind_positional(position, Argument::Value(value))?;
        }
        bound.check_required()?;
        Ok(bound)
    }

    fn unbound(
        evaluator: &'a dyn Evaluator,
        function: &'a str,
        signature: &'a Signature,
        window: Window,
    ) -> Self {
        let bound = signature.parameters.iter().map(|_| Vec::new()).collect();
        Self {
            evaluator,
            function,
            signature,
            window,
            bound,
        }
    }

    fn bind_positional(
        &mut self,
        position: usize,
        argument: Argument<'a>,
    ) -> Result<(), EvaluationError> {
        let parameters = self.signature.parameters;
        let last = parameters.len().wrapping_sub(1);
        let position = if position < parameters.len() {
            position
        } else if parameters
            .last()
            .is_some_and(|parameter| parameter.multiple)
        {
            last
        } else {
            let allowed = parameters.len();
            return Err(self.error(format!("takes at most {allowed} arguments")));
        };
        self.bound[position].push(argument);
        Ok(())
    }

    fn bind_keyword(
        &mut self,
        keyword: &str,
        expression: &'a Expression,
    ) -> Result<(), EvaluationError> {
        let takes = |known: &Parameter| known.name == keyword || known.also == Some(keyword);
        let Some(position) = self.signature.parameters.iter().position(takes) else {
            return Err(self.error(format!("has no parameter \"{keyword}\"")));
        };
        if !self.bound[position].is_empty() {
            return Err(self.error(format!("parameter \"{keyword}\" is given twice")));
        }
        self.bound[position].push(Argument::Expression(expression));
        Ok(())
    }

    fn check_required(&self) -> Result<(), EvaluationError> {
        let missing = |(parameter, bound): &(&Parameter, &Vec<_>)| {
            parameter.required && parameter.default.is_none() && bound.is_empty()
        };
        match self
            .signature
            .parameters
            .iter()
            .zip(&self.bound)
            .find(missing)
        {
            Some((parameter, _)) => {
                Err(self.error(format!("parameter \"{}\" is missing", parameter.name)))
            }
            None => Ok(()),
        }
    }
}

/// What the call is made in.
impl Call<'_> {
    /// The function as it was called, which may be an alias.
    pub fn function(&self) -> &str {
        self.function
    }

    /// The window of the result.
    pub fn window(&self) -> Window {
        self.window
    }

    /// What the request calls now.
    pub fn now(&self) -> i64 {
        self.window.now
    }

    /// The zone of the request.
    pub fn timezone(&self) -> &TimeZone {
        self.evaluator.timezone()
    }

    /// What the calls of the request share.
    pub fn state(&self) -> &RequestState {
        self.evaluator.state()
    }

    /// The factor in force; ask after the series arguments, which may contain `setXFilesFactor`.
    pub fn x_files_factor(&self) -> f64 {
        self.state().x_files_factor()
    }

    /// The factor that a parameter gives, else the one in force.
    ///
    /// # Errors
    /// When the argument is no number.
    pub fn x_files_factor_or(&self, parameter: &str) -> Result<f64, EvaluationError> {
        Ok(self
            .optional_number(parameter)?
            .unwrap_or_else(|| self.x_files_factor()))
    }

    /// A fresh series with the factor in force; see [`Series::new`].
    pub fn fresh(
        &self,
        name: impl Into<SmolStr>,
        (start, end, step): (i64, i64, i64),
        values: Vec<f64>,
    ) -> Series {
        let mut series = Series::new(name, start, end, step, values);
        series.x_files_factor = self.x_files_factor();
        series
    }

    /// An error of this call.
    pub fn error(&self, problem: impl Into<String>) -> EvaluationError {
        EvaluationError::BadArgument {
            function: self.function.to_owned(),
            problem: problem.into(),
        }
    }
}

/// Series arguments.
impl Call<'_> {
    /// The series of a parameter over the call's own window; several lists are joined.
    ///
    /// # Errors
    /// When the argument is no list of series or cannot be evaluated.
    pub fn series(&self, parameter: &str) -> Result<Vec<Series>, EvaluationError> {
        self.series_in(parameter, self.window)
    }

    /// The series of a parameter over another window.
    ///
    /// # Errors
    /// As [`Call::series`].
    pub fn series_in(
        &self,
        parameter: &str,
        window: Window,
    ) -> Result<Vec<Series>, EvaluationError> {
        let mut lists = self.series_lists_in(parameter, window)?;
        if lists.len() == 1 {
            return Ok(lists.swap_remove(0));
        }
        Ok(lists.into_iter().flatten().collect())
    }

    /// The series of a parameter that may be left out or null.
    ///
    /// # Errors
    /// As [`Call::series`].
    pub fn optional_series(&self, parameter: &str) -> Result<Option<Vec<Series>>, EvaluationError> {
        match self.value(parameter)? {
            None => Ok(None),
            Some(value) => self.expect_series(parameter, value).map(Some),
        }
    }

    /// The lists of a parameter that takes several, each by itself.
    ///
    /// # Errors
    /// As [`Call::series`].
    pub fn series_lists(&self, parameter: &str) -> Result<Vec<Vec<Series>>, EvaluationError> {
        self.series_lists_in(parameter, self.window)
    }

    /// The name of the function whose call is the argument, for functions that insist on one.
    pub fn argument_function(&self, parameter: &str) -> Option<&str> {
        match self.arguments(parameter).ok()?.first()? {
            Argument::Expression(Expression::Call(call)) => Some(&call.function),
            _ => None,
        }
    }

    /// The greatest step among the series of a parameter over the call's own window, without reading
    /// them where that is possible. `None` when there are none: functions that widen their window by
    /// points give no series then.
    ///
    /// # Errors
    /// As [`Call::series`].
    pub fn step_max(&self, parameter: &str) -> Result<Option<i64>, EvaluationError> {
        let mut step_max = None;
        for argument in self.arguments(parameter)? {
            let steps = match argument {
                Argument::Expression(expression) => {
                    self.evaluator.steps(expression, self.window)?
                }
                Argument::Value(Value::Series(series)) => {
                    series.iter().map(|one| one.step).collect()
                }
                Argument::Value(_) => Vec::new(),
            };
            step_max = step_max.max(steps.into_iter().max());
        }
        Ok(step_max)
    }

    fn series_lists_in(
        &self,
        parameter: &str,
        window: Window,
    ) -> Result<Vec<Vec<Series>>, EvaluationError> {
        self.arguments(parameter)?
            .iter()
            .map(|argument| self.expect_series(parameter, self.evaluate(argument, window)?))
            .collect()
    }

    fn expect_series(&self, parameter: &str, value: Value) -> Result<Vec<Series>, EvaluationError> {
        match value {
            Value::Series(series) => Ok(series),
            other => Err(self.unfit(parameter, &other, "a list of series")),
        }
    }
}

/// Literal arguments.
impl Call<'_> {
    /// The value of a parameter, its default when it is not given, `None` when there is neither or
    /// it is null. Of several values the first.
    ///
    /// # Errors
    /// When the argument cannot be evaluated.
    pub fn value(&self, parameter: &str) -> Result<Option<Value>, EvaluationError> {
        let given = match self.arguments(parameter)?.first() {
            Some(argument) => self.evaluate(argument, self.window)?,
            None => Value::Null,
        };
        if let Value::Null = given {
            return Ok(self.parameter(parameter)?.default.and_then(of_literal));
        }
        Ok(Some(given))
    }

    /// The values of a parameter that takes several, nulls included.
    ///
    /// # Errors
    /// When an argument cannot be evaluated.
    pub fn values(&self, parameter: &str) -> Result<Vec<Value>, EvaluationError> {
        let arguments = self.arguments(parameter)?.iter();
        arguments
            .map(|argument| self.evaluate(argument, self.window))
            .collect()
    }

    /// A number.
    ///
    /// # Errors
    /// When there is none or it is something else; so for all accessors below.
    pub fn number(&self, parameter: &str) -> Result<f64, EvaluationError> {
        self.required(parameter, self.optional_number(parameter)?)
    }

    /// A number, if it is given.
    pub fn optional_number(&self, parameter: &str) -> Result<Option<f64>, EvaluationError> {
        self.read(parameter, "a number", Value::number)
    }

    /// A whole number.
    pub fn integer(&self, parameter: &str) -> Result<i64, EvaluationError> {
        self.required(parameter, self.optional_integer(parameter)?)
    }

    /// A whole number, if it is given.
    pub fn optional_integer(&self, parameter: &str) -> Result<Option<i64>, EvaluationError> {
        self.read(parameter, "a whole number", Value::integer)
    }

    /// All whole numbers of a parameter that takes several.
    pub fn integers(&self, parameter: &str) -> Result<Vec<i64>, EvaluationError> {
        self.read_all(parameter, "a whole number", Value::integer)
    }

    /// Text; other literals are printed as Python does.
    pub fn string(&self, parameter: &str) -> Result<String, EvaluationError> {
        self.required(parameter, self.optional_string(parameter)?)
    }

    /// Text, if it is given.
    pub fn optional_string(&self, parameter: &str) -> Result<Option<String>, EvaluationError> {
        self.read(parameter, "a string", Value::text)
    }

    /// All texts of a parameter that takes several.
    pub fn strings(&self, parameter: &str) -> Result<Vec<String>, EvaluationError> {
        self.read_all(parameter, "a string", Value::text)
    }

    /// True or false; false when nothing is given and there is no default.
    pub fn boolean(&self, parameter: &str) -> Result<bool, EvaluationError> {
        Ok(self
            .read(parameter, "true or false", Value::boolean)?
            .unwrap_or(false))
    }

    /// A length of time.
    pub fn interval(&self, parameter: &str) -> Result<Interval, EvaluationError> {
        let read = |value: &Value| match value {
            Value::String(text) => Interval::parse(text),
            _ => None,
        };
        let interval = self.read(parameter, "a length of time such as \"5min\"", read)?;
        self.required(parameter, interval)
    }

    /// A number of points or a length of time.
    pub fn span(&self, parameter: &str) -> Result<Span, EvaluationError> {
        let read = |value: &Value| match value {
            Value::String(text) => Interval::parse(text).map(Span::Time),
            // A part of a point is no point, as Python's `int` has it.
            Value::Float(number) if number.is_finite() => Some(Span::Points(number.trunc() as i64)),
            other => other.integer().map(Span::Points),
        };
        let wanted = "a number of points or a length of time such as \"5min\"";
        self.required(parameter, self.read(parameter, wanted, read)?)
    }

    /// True when a parameter is given as null, which for some functions is not its default.
    pub fn is_null(&self, parameter: &str) -> Result<bool, EvaluationError> {
        match self.arguments(parameter)?.first() {
            Some(argument) => Ok(matches!(self.evaluate(argument, self.window)?, Value::Null)),
            None => Ok(false),
        }
    }

    /// The name of an aggregation function; null is none, whatever the default.
    pub fn aggregation(&self, parameter: &str) -> Result<Aggregation, EvaluationError> {
        if self.is_null(parameter)? {
            return Err(self.error("None is not an aggregation function"));
        }
        let text = self.string(parameter)?;
        Aggregation::parse(&text)
            .ok_or_else(|| self.error(format!("\"{text}\" is not an aggregation function")))
    }

    /// A node's position or a tag's name.
    pub fn node(&self, parameter: &str) -> Result<Node, EvaluationError> {
        self.required(parameter, self.read(parameter, NODE, node_of)?)
    }

    /// All positions and tags of a parameter that takes several.
    pub fn nodes(&self, parameter: &str) -> Result<Vec<Node>, EvaluationError> {
        self.read_all(parameter, NODE, node_of)
    }

    fn read<T>(
        &self,
        parameter: &str,
        wanted: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, EvaluationError> {
        let Some(value) = self.value(parameter)? else {
            return Ok(None);
        };
        read(&value)
            .map(Some)
            .ok_or_else(|| self.unfit(parameter, &value, wanted))
    }

    fn read_all<T>(
        &self,
        parameter: &str,
        wanted: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Vec<T>, EvaluationError> {
        let values = self.values(parameter)?;
        let read = |value| read(value).ok_or_else(|| self.unfit(parameter, value, wanted));
        values.iter().map(read).collect()
    }

    fn required<T>(&self, parameter: &str, value: Option<T>) -> Result<T, EvaluationError> {
        value.ok_or_else(|| self.error(format!("parameter \"{parameter}\" is missing")))
    }
}

const NODE: &str = "a node's position or a tag's name";

/// Calls of other functions and questions beyond the arguments.
impl Call<'_> {
    /// Calls another function with values for its first parameters, over the same window.
    ///
    /// # Errors
    /// When there is no such function or it fails.
    pub fn invoke(
        &self,
        function: &str,
        arguments: Vec<Value>,
    ) -> Result<Vec<Series>, EvaluationError> {
        let found = registry::find(function)
            .ok_or_else(|| EvaluationError::UnknownFunction(function.to_owned()))?;
        // The function gets copies, whose values are shared until it changes them.
        let bytes = arguments.iter().map(Value::bytes_held).sum();
        let call = Call::bind_values(
            self.evaluator,
            function,
            found.signature(),
            self.window,
            arguments,
        )?;
        self.claim(bytes)?;
        let result = found.evaluate(&call);
        self.evaluator.give_back(bytes);
        result
    }

    /// Evaluates a target that this function wrote.
    ///
    /// # Errors
    /// When it does not parse or fails.
    pub fn evaluate_target(
        &self,
        target: String,
        window: Window,
    ) -> Result<Vec<Series>, EvaluationError> {
        let mut lists = self.evaluate_targets(&[target], window)?;
        Ok(lists.pop().unwrap_or_default())
    }

    /// Evaluates several such targets, reading for all of them in one batch.
    ///
    /// # Errors
    /// When one does not parse or fails.
    pub fn evaluate_targets(
        &self,
        targets: &[String],
        window: Window,
    ) -> Result<Vec<Vec<Series>>, EvaluationError> {
        self.evaluator.evaluate_targets(targets, window)
    }

    /// The times of events; see [`Evaluator::events`].
    ///
    /// # Errors
    /// When the events cannot be read.
    pub fn events(
        &self,
        tags: &[String],
        from: i64,
        until: i64,
    ) -> Result<Vec<i64>, EvaluationError> {
        self.evaluator.events(tags, from, until)
    }

    fn parameter(&self, name: &str) -> Result<&Parameter, EvaluationError> {
        let parameters = self.signature.parameters;
        parameters
            .iter()
            .find(|parameter| parameter.name == name)
            .ok_or_else(|| self.undeclared(name))
    }

    fn arguments(&self, name: &str) -> Result<&[Argument<'_>], EvaluationError> {
        let position = self
            .signature
            .position(name)
            .ok_or_else(|| self.undeclared(name))?;
        Ok(&self.bound[position])
    }

    fn undeclared(&self, parameter: &str) -> EvaluationError {
        self.error(format!("the signature has no parameter \"{parameter}\""))
    }

    fn evaluate(&self, argument: &Argument<'_>, window: Window) -> Result<Value, EvaluationError> {
        match argument {
            Argument::Expression(expression) => self.evaluator.evaluate(expression, window),
            Argument::Value(value) => Ok(value.clone()),
        }
    }

    fn unfit(&self, parameter: &str, value: &Value, wanted: &str) -> EvaluationError {
        let value = value.describe();
        self.error(format!(
            "parameter \"{parameter}\" must be {wanted}, not {value}"
        ))
    }
}

fn node_of(value: &Value) -> Option<Node> {
    match value {
        Value::String(text) => Some(Node::Tag(text.clone())),
        other => other.integer().map(Node::Index),
    }
}

fn of_literal(literal: Literal) -> Option<Value> {
    Some(match literal {
        Literal::Null => return None,
        Literal::Boolean(value) => Value::Boolean(value),
        Literal::Integer(number) => Value::Integer(number),
        Literal::Float(number) => Value::Float(number),
        Literal::String(text) => Value::String(text.to_owned()),
    })
}

/// True for the kinds whose arguments name series to read.
pub fn takes_series(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Series | Kind::SeriesList | Kind::SeriesLists | Kind::Any
    )
}
