//! Requests composed at random from the signatures of the reference's functions.
//!
//! Targets are syntax trees, printed as users would type them: one to four calls deep, over paths, globs
//! and tag queries of the corpus' data set, with arguments of the declared kinds from pools of likely
//! and odd values, now and then left out, given by name, or of a wrong kind.

use plumbago::functions::call::takes_series;
use plumbago::functions::{Kind, Literal, Parameter, Signature, registry};
use plumbago::target::{self, Expression};

use crate::pools::*;
use crate::random::Random;
use crate::subject::NOW;

/// A request for `/render`.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) targets: Vec<Expression>,
    /// How the first target is printed when its calls stand behind pipes.
    pub(crate) is_piped: bool,
    /// Whether the first target has a variable for a node of its paths.
    pub(crate) is_template: bool,
    /// Everything but the targets.
    pub(crate) parameters: Vec<(&'static str, String)>,
    /// True when an argument is of a kind that the signature does not allow.
    pub(crate) is_odd: bool,
}

/// Functions whose answers are not a function of the request.
const LEFT_OUT: &[&str] = &[
    // Random by purpose.
    "randomWalk",
    "randomWalkFunction",
    // A leaf here.
    "seriesByTag",
    // Lists of lists, which only reduceSeries knows what to do with.
    "map",
    "mapSeries",
    // A point a second: a window of weeks takes the reference minutes.
    "events",
];

/// Composes one request.
pub(crate) fn request(random: &mut Random) -> Request {
    let mut composer = Composer {
        random,
        is_odd: false,
    };
    let count = if composer.random.percent(85) { 1 } else { 2 };
    let targets: Vec<Expression> = (0..count)
        .map(|_| {
            let depth = 1 + composer.random.below(4);
            composer.series(depth)
        })
        .collect();
    let is_odd = composer.is_odd;
    // Variables are lost in what is read again, as are pipes before it.
    let is_template = random.percent(4) && !targets.iter().any(reads_again);
    let takes_zone = !targets.iter().any(ignores_zone);
    // A function that reads again loses what stands before a pipe.
    let is_piped = !is_template && random.percent(6) && !targets.iter().any(reads_again);
    let mut parameters = parameters(random, takes_zone);
    if is_template && random.percent(30) {
        parameters.push(("template[v]", "shape".to_owned()));
    }
    Request {
        targets,
        is_piped,
        is_template,
        parameters,
        is_odd,
    }
}

pub(crate) fn reads_again(target: &Expression) -> bool {
    const FUNCTIONS: &[&str] = &[
        "moving",
        "exponential",
        "holtWinters",
        "timeShift",
        "timeStack",
        "linearRegression",
        "smartSummarize",
        "hitcount",
    ];
    let text = target.to_string();
    FUNCTIONS.iter().any(|name| text.contains(name))
}

/// True for functions whose times the reference takes for those of the server's zone when the request
/// names another one, so that the points stand hours away from where they belong.
fn ignores_zone(target: &Expression) -> bool {
    const FUNCTIONS: &[&str] = &[
        "time(",
        "timeFunction(",
        "sin(",
        "sinFunction(",
        "identity(",
        "verticalLine(",
        "linearRegression(",
        "timeSlice(",
        "integralByInterval(",
    ];
    let text = target.to_string();
    FUNCTIONS.iter().any(|name| text.contains(name))
}

fn parameters(random: &mut Random, takes_zone: bool) -> Vec<(&'static str, String)> {
    let (mut from, mut until) = match random.below(100) {
        0..=79 => *random.pick(WINDOWS),
        _ => (*random.pick(TIMES), *random.pick(TIMES)),
    };
    if random.percent(3) {
        std::mem::swap(&mut from, &mut until);
    }
    let mut parameters = vec![
        ("from", from.to_owned()),
        ("until", until.to_owned()),
        ("now", NOW.to_string()),
    ];
    let format = if random.percent(75) {
        "json"
    } else {
        *random.pick(&["csv", "raw", "pickle", "msgpack", "dygraph", "rickshaw"])
    };
    parameters.push(("format", format.to_owned()));
    let mut sometimes = |percent, name, choices: &[&str]| {
        if random.percent(percent) {
            let choice: &str = choices[random.below(choices.len())];
            parameters.push((name, choice.to_owned()));
        }
    };
    sometimes(30, "maxDataPoints", MAX_DATA_POINTS);
    sometimes(8, "xFilesFactor", X_FILES_FACTORS);
    sometimes(8, "noNullPoints", &["1", ""]);
    sometimes(4, "pretty", &["1", ""]);
    sometimes(if takes_zone { 14 } else { 0 }, "tz", ZONES);
    parameters
}

impl Request {
    /// The targets as text.
    pub(crate) fn texts(&self) -> Vec<String> {
        let mut texts: Vec<String> = self.targets.iter().map(Expression::to_string).collect();
        if self.is_piped {
            texts[0] = piped(&self.targets[0]);
        }
        if self.is_template {
            let with_variable = texts[0].replace("shape.", "$v.");
            texts[0] = format!("template({with_variable},v=\"shape\")");
        }
        texts
    }

    /// What is sent, as pairs of a form.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        let targets = self
            .texts()
            .into_iter()
            .map(|text| ("target".to_owned(), text));
        let others = self.parameters.iter();
        targets
            .chain(others.map(|(name, value)| ((*name).to_owned(), value.clone())))
            .collect()
    }

    /// True when the window is a second long.
    pub(crate) fn is_of_one_second(&self) -> bool {
        self.parameters
            .iter()
            .any(|(_, value)| value == "1749998001")
    }

    pub(crate) fn format(&self) -> &str {
        let format = self.parameters.iter().find(|(name, _)| *name == "format");
        format.map_or("json", |(_, value)| value)
    }
}

/// `a|f(1)` for `f(a,1)`, on every level.
fn piped(expression: &Expression) -> String {
    let Expression::Call(call) = expression else {
        return expression.to_string();
    };
    match call.arguments.split_first() {
        Some((first @ (Expression::Call(_) | Expression::Path(_)), rest)) => {
            let keywords = call.keyword_arguments.iter();
            let keywords = keywords.map(|(name, value)| format!("{name}={value}"));
            let rest: Vec<String> = rest
                .iter()
                .map(Expression::to_string)
                .chain(keywords)
                .collect();
            format!("{}|{}({})", piped(first), call.function, rest.join(","))
        }
        _ => expression.to_string(),
    }
}

struct Composer<'a> {
    random: &'a mut Random,
    is_odd: bool,
}

impl Composer<'_> {
    fn series(&mut self, depth: usize) -> Expression {
        if depth == 0 {
            return self.leaf();
        }
        let (name, signature) = self.function();
        let mut arguments = Vec::new();
        let mut keyword_arguments = Vec::new();
        for (position, parameter) in signature.parameters.iter().enumerate() {
            let is_left_out =
                !parameter.required && name != "verticalLine" && self.random.percent(45);
            if is_left_out && !parameter.multiple {
                // What follows can only be given by its name.
                if let Some(later) = signature.parameters.get(position + 1..) {
                    self.keywords(later, depth, &mut keyword_arguments);
                }
                break;
            }
            let count = if parameter.multiple {
                usize::from(!is_left_out) * (1 + self.random.below(3))
            } else {
                1
            };
            for _ in 0..count {
                arguments.push(self.argument(name, parameter, depth));
            }
        }
        if self.random.percent(1) {
            self.is_odd = true;
            arguments.pop();
        }
        Expression::Call(target::Call {
            function: name.to_owned(),
            arguments,
            keyword_arguments,
        })
    }

    fn keywords(
        &mut self,
        parameters: &[Parameter],
        depth: usize,
        keyword_arguments: &mut Vec<(String, Expression)>,
    ) {
        for parameter in parameters {
            // A list of series given by name is never read by the reference.
            let is_series = takes_series(parameter.kind);
            if self.random.percent(30)
                && !is_series
                && !parameter.multiple
                && parameter.also.is_none()
            {
                let value = self.argument("", parameter, depth);
                keyword_arguments.push((parameter.name.to_owned(), value));
            }
        }
    }

    fn function(&mut self) -> (&'static str, &'static Signature) {
        loop {
            let functions: Vec<_> = registry::all().collect();
            let signature = self.random.pick(&functions).signature();
            let name = *self.random.pick(signature.names);
            if is_in_reference(name) && !LEFT_OUT.contains(&name) {
                return (name, signature);
            }
        }
    }

    fn leaf(&mut self) -> Expression {
        let text = match self.random.below(100) {
            0..=12 => format!("seriesByTag({})", self.random.pick(TAG_QUERIES)),
            13..=15 => format!("constantLine({})", self.random.pick(NUMBERS)),
            16 => "time('t',60)".to_owned(),
            17 => "sin('s',5,30)".to_owned(),
            // Steps that differ are what windows in points, normalising and consolidation trip over.
            18..=27 => format!("group({})", self.paths(2).join(",")),
            28..=31 => format!(
                "alias({},{})",
                self.random.pick(PATHS),
                self.random.pick(LEGENDS)
            ),
            32..=33 => self.filtered(),
            _ => (*self.random.pick(PATHS)).to_owned(),
        };
        path(&text)
    }

    /// Some paths, at least so many.
    fn paths(&mut self, count_min: usize) -> Vec<&'static str> {
        let count = count_min + self.random.below(2);
        (0..count).map(|_| *self.random.pick(PATHS)).collect()
    }

    /// Series of several steps that a filter has thinned out.
    fn filtered(&mut self) -> String {
        let filter = self.random.pick(FILTERS);
        let paths = self.paths(1).join(",");
        filter.replace("SERIES", &format!("group(mixed.*.a,{paths})"))
    }

    /// Arguments that the pool of their kind has none of that would do, or some that would not.
    fn special_argument(
        &mut self,
        function: &str,
        parameter: &Parameter,
        depth: usize,
    ) -> Option<Expression> {
        Some(match (function, parameter.name) {
            // The reference has no name for a line without a label, and crashes on negative points.
            ("verticalLine", "label") => text("deploy"),
            ("stdev", "points") => Expression::Integer(*self.random.pick(&[1, 2, 5, 30])),
            ("areaBetween", _) if self.random.percent(90) => {
                let pair: &str = PAIRS[self.random.below(PAIRS.len())];
                path(pair)
            }
            ("reduce" | "reduceSeries", "seriesLists") => {
                let nodes = self.random.pick(&["0", "1", "2", "-1"]);
                let inner = self.series(depth - 1);
                path(&format!("mapSeries({inner},{nodes})"))
            }
            ("groupByTags", "seriesList") if self.random.percent(80) => {
                let query = format!("seriesByTag({})", self.random.pick(TAG_QUERIES));
                path(&query)
            }
            // The reference never comes back from a step that is not positive.
            (_, "step") => Expression::Integer(*self.random.pick(&[1, 7, 10, 60, 300])),
            (_, "seasonality") => self.one_of(&["1h", "6h", "1d", "30min"]),
            (_, "bootstrapInterval") => self.one_of(&["1d", "2d", "7d", "12h"]),
            (_, "timeShiftStart" | "timeShiftEnd") => {
                Expression::Integer(*self.random.pick(&[0, 1, 2, 3, -1]))
            }
            _ => return None,
        })
    }

    fn argument(&mut self, function: &str, parameter: &Parameter, depth: usize) -> Expression {
        if self.random.percent(1) {
            self.is_odd = true;
            return self.wrong();
        }
        if let Some(special) = self.special_argument(function, parameter, depth) {
            return special;
        }
        if !parameter.options.is_empty() && self.random.percent(90) {
            return expression_of(*self.random.pick(parameter.options));
        }
        match parameter.kind {
            Kind::Series | Kind::SeriesList | Kind::SeriesLists => {
                let depth = if self.random.percent(70) {
                    depth - 1
                } else {
                    0
                };
                self.series(depth)
            }
            Kind::Any if function == "asPercent" || function == "pct" => match self.random.below(4)
            {
                0 => self.number(),
                1 => Expression::Null,
                _ => self.series(depth - 1),
            },
            Kind::Any => self.number(),
            Kind::AggFunc | Kind::AggOrSeriesFunc => {
                let names = registry::options(parameter);
                if self.random.percent(60) {
                    self.one_of(AGGREGATIONS)
                } else {
                    expression_of(*self.random.pick(&names))
                }
            }
            Kind::Boolean => Expression::Boolean(self.random.percent(50)),
            Kind::Float => self.number(),
            Kind::Integer => {
                Expression::Integer(*self.random.pick(&[0, 1, 2, 3, 5, 10, 60, -1, 100]))
            }
            Kind::IntOrInf => match self.random.below(3) {
                0 => Expression::Float(f64::INFINITY),
                _ => Expression::Integer(*self.random.pick(&[0, 1, 2, 5, 30, -1])),
            },
            Kind::IntOrInterval => match self.random.below(2) {
                0 => Expression::Integer(*self.random.pick(&[0, 1, 2, 3, 5, 10, 30])),
                _ => self.one_of(INTERVALS),
            },
            // The reference never comes back from these with an interval that is not positive.
            Kind::Interval if is_looping(function) => self.one_of(&INTERVALS[..13]),
            Kind::Interval => self.one_of(INTERVALS),
            Kind::Date => self.one_of(&["-1h", "1749998000", "14:00_20250615", "now", "-10min"]),
            Kind::Node => Expression::Integer(*self.random.pick(&[0, 1, 2, 3, -1, -2, 7])),
            Kind::NodeOrTag => match self.random.below(4) {
                0 => self.one_of(&["name", "host", "dc", "status", "absent", "aggregatedBy"]),
                _ => Expression::Integer(*self.random.pick(&[0, 1, 2, 3, -1, -2, 7])),
            },
            Kind::Tag => self.one_of(&["name", "host", "dc", "status", "absent"]),
            Kind::String => self.string(function, parameter.name),
        }
    }

    fn string(&mut self, function: &str, parameter: &str) -> Expression {
        let choices: &[&str] = match (function, parameter) {
            ("aliasSub" | "aliasQuery" | "useSeriesAbove", "search") => &[
                "(^.*$)",
                "web(\\d+)",
                "user",
                "s(h)ape",
                "\\..*",
                "^",
                "cpu.(\\w+)",
                "count",
            ],
            ("aliasSub", "replace") => &["\\1 A", "X\\1", "idle", "", "\\g<0>!", "a b", "\\1\\1"],
            ("aliasQuery" | "useSeriesAbove", "replace") => {
                &["system", "idle", "\\1", "steps", "errors", "walk"]
            }
            ("aliasQuery", "newName") => &["%d", "v %.2f", "%s", "%g x", "plain"],
            (_, "pattern") => PATTERNS,
            ("applyByNode", "templateFunction") => &[
                "%.cpu.user",
                "sumSeries(%.cpu.*)",
                "%",
                "scale(%.requests.count,2)",
                "%.*",
            ],
            ("applyByNode", "newName") => &["%", "n.%", "plain"],
            ("reduce" | "reduceSeries", "reduceFunction") => &[
                "asPercent",
                "divideSeries",
                "diffSeries",
                "sumSeries",
                "powSeries",
            ],
            ("reduce" | "reduceSeries", "reduceMatchers") => {
                &["user", "count", "errors", "used", "a", "x0"]
            }
            ("legendValue", _) => &[
                "avg", "last", "max", "total", "si", "binary", "min", "median", "bogus",
            ],
            ("filterSeries", "operator") => &["=", "!=", ">", ">=", "<", "<="],
            ("cactiStyle", "system") => &["si", "binary"],
            ("cactiStyle", "units") => &["b", "req/s"],
            ("consolidateBy", _) => &[
                "sum", "average", "avg", "avg_zero", "min", "max", "first", "last", "bogus",
            ],
            ("integralByInterval", _) => INTERVALS,
            ("smartSummarize", _) => ALIGNMENTS,
            ("events", _) => &["deploy", "api", "*", "alert", "restart"],
            ("color" | "threshold" | "verticalLine", "theColor" | "color") => {
                &["red", "00ff00", "#abc"]
            }
            _ => &["some name", "a.b.c", "x", "", "%", "$1", "f(x)", "été"],
        };
        let chosen: &str = choices[self.random.below(choices.len())];
        // Taken by the reference as long as it is not used.
        self.is_odd |= chosen == "bogus";
        text(chosen)
    }

    fn number(&mut self) -> Expression {
        let number = *self.random.pick(NUMBERS);
        if number.fract() == 0.0 && self.random.percent(80) {
            Expression::Integer(number as i64)
        } else {
            Expression::Float(number)
        }
    }

    fn one_of(&mut self, choices: &[&str]) -> Expression {
        let chosen: &str = choices[self.random.below(choices.len())];
        text(chosen)
    }

    fn wrong(&mut self) -> Expression {
        match self.random.below(8) {
            0 => Expression::Null,
            1 => Expression::Boolean(true),
            2 => text("text"),
            3 => text("5"),
            4 => text(""),
            5 => Expression::Float(2.5),
            6 => Expression::Integer(-7),
            _ => self.leaf(),
        }
    }
}

fn is_looping(function: &str) -> bool {
    ["summarize", "smartSummarize", "hitcount"].contains(&function)
}

/// The functions that only this daemon has are never asked for.
fn is_in_reference(name: &str) -> bool {
    static NAMES: &str = include_str!("reference_functions.txt");
    NAMES.lines().any(|known| known == name)
}

fn path(text: &str) -> Expression {
    target::parse(text).expect("a target")
}

fn text(text: &str) -> Expression {
    Expression::String(text.to_owned())
}

fn expression_of(literal: Literal) -> Expression {
    match literal {
        Literal::Null => Expression::Null,
        Literal::Boolean(value) => Expression::Boolean(value),
        Literal::Integer(number) => Expression::Integer(number),
        Literal::Float(number) => Expression::Float(number),
        Literal::String(value) => text(value),
    }
}
