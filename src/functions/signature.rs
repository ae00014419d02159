//! What a function is called and takes: from it derive argument checking, `/functions` and the docs.

/// Graphite's groups, as `/functions?grouped=1` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Group {
    Alias,
    Calculate,
    Combine,
    FilterData,
    FilterSeries,
    Graph,
    Sorting,
    Special,
    Transform,
    /// What carbonapi has and the reference has not; editors show it apart.
    Custom,
    Pie,
}

/// The type of a parameter, in Graphite's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    AggFunc,
    AggOrSeriesFunc,
    Any,
    Boolean,
    Date,
    Float,
    Integer,
    IntOrInf,
    IntOrInterval,
    Interval,
    Node,
    NodeOrTag,
    Series,
    SeriesList,
    SeriesLists,
    String,
    Tag,
}

/// A literal in a signature: a default, an option, a suggestion.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Literal {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    String(&'static str),
}

/// One parameter.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name, for keyword arguments and `/functions`.
    pub name: &'static str,
    /// A second name for keyword arguments, where the reference's code and its documentation differ.
    pub also: Option<&'static str>,
    /// Its type.
    pub kind: Kind,
    /// True when a call without it is an error.
    pub required: bool,
    /// True when it takes all positional arguments that follow.
    pub multiple: bool,
    /// What is assumed when it is not given.
    pub default: Option<Literal>,
    /// The only values allowed, when there are any.
    pub options: &'static [Literal],
    /// Values that an editor may offer.
    pub suggestions: &'static [Literal],
}

impl Parameter {
    /// A parameter that a call must give.
    pub const fn required(name: &'static str, kind: Kind) -> Self {
        Self {
            required: true,
            ..Self::optional(name, kind)
        }
    }

    /// A parameter that a call may leave out.
    pub const fn optional(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            also: None,
            kind,
            required: false,
            multiple: false,
            default: None,
            options: &[],
            suggestions: &[],
        }
    }

    /// Has a second name as a keyword.
    #[must_use]
    pub const fn also(mut self, name: &'static str) -> Self {
        self.also = Some(name);
        self
    }

    /// Takes all positional arguments that follow.
    #[must_use]
    pub const fn multiple(mut self) -> Self {
        self.multiple = true;
        self
    }

    /// Has a default.
    #[must_use]
    pub const fn default(mut self, value: Literal) -> Self {
        self.default = Some(value);
        self
    }

    /// Allows only these values.
    #[must_use]
    pub const fn options(mut self, values: &'static [Literal]) -> Self {
        self.options = values;
        self
    }

    /// Offers these values.
    #[must_use]
    pub const fn suggestions(mut self, values: &'static [Literal]) -> Self {
        self.suggestions = values;
        self
    }
}

/// The whole of what a caller may know about a function.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// Its name and the aliases it is registered under as well.
    pub names: &'static [&'static str],
    /// Graphite's group.
    pub group: Group,
    /// The argument list in parentheses, as `/functions` prints it behind the name.
    pub usage: &'static str,
    /// What it does, in our own words.
    pub description: &'static str,
    /// The parameters in order.
    pub parameters: &'static [Parameter],
    /// True for the functions that `aggOrSeriesFunc` parameters offer as callbacks.
    pub aggregator: bool,
}

impl Signature {
    /// The position of a parameter.
    pub fn position(&self, parameter: &str) -> Option<usize> {
        self.parameters
            .iter()
            .position(|known| known.name == parameter)
    }
}

impl Group {
    /// The group as `/functions` prints it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alias => "Alias",
            Self::Calculate => "Calculate",
            Self::Combine => "Combine",
            Self::FilterData => "Filter Data",
            Self::FilterSeries => "Filter Series",
            Self::Graph => "Graph",
            Self::Sorting => "Sorting",
            Self::Special => "Special",
            Self::Transform => "Transform",
            Self::Custom => "Custom",
            Self::Pie => "Pie",
        }
    }
}

impl Kind {
    /// The type as `/functions` prints it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AggFunc => "aggFunc",
            Self::AggOrSeriesFunc => "aggOrSeriesFunc",
            Self::Any => "any",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Float => "float",
            Self::Integer => "integer",
            Self::IntOrInf => "intOrInf",
            Self::IntOrInterval => "intOrInterval",
            Self::Interval => "interval",
            Self::Node => "node",
            Self::NodeOrTag => "nodeOrTag",
            Self::Series => "series",
            Self::SeriesList => "seriesList",
            Self::SeriesLists => "seriesLists",
            Self::String => "string",
            Self::Tag => "tag",
        }
    }
}
