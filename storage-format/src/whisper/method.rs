//! Aggregation methods: their numbers in the header, and what they make of a window of fine slots.
//!
//! The reference and go-whisper give the numbers 6 to 8 to different methods, so a reader must be
//! told the [`Dialect`]; nothing in the file says it.

use std::fmt;

/// Whose numbers the aggregation type of the header follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Dialect {
    /// The reference package: 6 `avg_zero`, 7 `absmax`, 8 `absmin`.
    #[default]
    Reference,
    /// go-whisper, and so go-carbon: 6 `first`, 7 `mix`, 8 `percentile`.
    GoWhisper,
}

/// How known fine values become a coarse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Their mean.
    Average,
    /// Their sum.
    Sum,
    /// The newest.
    Last,
    /// The greatest.
    Max,
    /// The least.
    Min,
    /// Their sum divided by all slots of the window.
    AvgZero,
    /// The one of the greatest magnitude, sign kept.
    AbsMax,
    /// The one of the least magnitude, sign kept.
    AbsMin,
    /// The oldest; go-whisper only.
    First,
    /// A method for each archive, which only go-whisper's compressed files name: nothing can be
    /// rolled up by it here.
    Mix,
    /// A percentile, which only go-whisper's compressed files name: as [`Method::Mix`].
    Percentile,
}

/// What both dialects agree on, by type number less one.
const SHARED: [Method; 5] = [
    Method::Average,
    Method::Sum,
    Method::Last,
    Method::Max,
    Method::Min,
];

impl Dialect {
    fn others(self) -> [Method; 3] {
        match self {
            Self::Reference => [Method::AvgZero, Method::AbsMax, Method::AbsMin],
            Self::GoWhisper => [Method::First, Method::Mix, Method::Percentile],
        }
    }

    /// The method of a type number; `None` for one that the dialect does not know.
    pub fn method(self, number: u32) -> Option<Method> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        SHARED.into_iter().chain(self.others()).nth(index)
    }

    /// The type number of a method; `None` for one that the dialect does not know.
    pub fn number(self, method: Method) -> Option<u32> {
        let mut methods = SHARED.into_iter().chain(self.others());
        let index = methods.position(|known| known == method)?;
        Some(index as u32 + 1)
    }
}

impl Method {
    /// True if a coarse value can be made by it.
    pub fn rolls_up(self) -> bool {
        !matches!(self, Self::Mix | Self::Percentile)
    }

    /// The spelling of the tools and of `storage-aggregation.conf`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Average => "average",
            Self::Sum => "sum",
            Self::Last => "last",
            Self::Max => "max",
            Self::Min => "min",
            Self::AvgZero => "avg_zero",
            Self::AbsMax => "absmax",
            Self::AbsMin => "absmin",
            Self::First => "first",
            Self::Mix => "mix",
            Self::Percentile => "percentile",
        }
    }

    /// The coarse value of a window, oldest slot first, `None` for an unknown slot: that of the
    /// reference's `__propagate`. `None` if no slot is known, or a smaller share of them than
    /// `x_files_factor`, or if nothing can be rolled up by the method.
    pub fn roll_up(
        self,
        window: impl Iterator<Item = Option<f64>>,
        x_files_factor: f32,
    ) -> Option<f64> {
        let (mut slots, mut known, mut value) = (0u32, 0u32, 0.0);
        for slot in window {
            slots += 1;
            if let Some(next) = slot {
                value = self.fold(value, next, known == 0);
                known += 1;
            }
        }
        let is_enough = f64::from(known) / f64::from(slots) >= f64::from(x_files_factor);
        if known == 0 || !is_enough || !self.rolls_up() {
            return None;
        }
        Some(match self {
            Self::Average => value / f64::from(known),
            Self::AvgZero => value / f64::from(slots),
            _ => value,
        })
    }

    /// Of equals the first stays, as Python's `max` and `min` have it.
    fn fold(self, so_far: f64, next: f64, is_first: bool) -> f64 {
        let takes_next = match self {
            // From zero, not from the first value: the sum of -0.0 is 0.0.
            Self::Average | Self::Sum | Self::AvgZero => return so_far + next,
            Self::Last => true,
            Self::Max => next > so_far,
            Self::Min => next < so_far,
            Self::AbsMax => next.abs() > so_far.abs(),
            Self::AbsMin => next.abs() < so_far.abs(),
            Self::First | Self::Mix | Self::Percentile => false,
        };
        if is_first || takes_next { next } else { so_far }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl std::str::FromStr for Method {
    type Err = ();

    /// Reads [`Method::name`] back, and `avg`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let others = [Dialect::Reference, Dialect::GoWhisper].map(Dialect::others);
        let mut methods = SHARED.into_iter().chain(others.into_iter().flatten());
        match text {
            "avg" => Ok(Self::Average),
            _ => methods.find(|method| method.name() == text).ok_or(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: [Option<f64>; 5] = [Some(-3.0), None, Some(2.0), Some(3.0), None];

    fn rolled(method: Method, x_files_factor: f32) -> Option<f64> {
        method.roll_up(WINDOW.into_iter(), x_files_factor)
    }

    #[test]
    fn every_method_has_its_value() {
        let expected = [
            (Method::Average, 2.0 / 3.0),
            (Method::Sum, 2.0),
            (Method::Last, 3.0),
            (Method::Max, 3.0),
            (Method::Min, -3.0),
            (Method::AvgZero, 0.4),
            (Method::AbsMax, -3.0),
            (Method::AbsMin, 2.0),
            (Method::First, -3.0),
        ];
        for (method, value) in expected {
            assert_eq!(rolled(method, 0.0), Some(value), "{method}");
        }
        assert_eq!(rolled(Method::Mix, 0.0), None);
    }

    #[test]
    fn the_known_share_must_reach_the_factor() {
        assert_eq!(rolled(Method::Sum, 0.5), Some(2.0));
        assert_eq!(rolled(Method::Sum, 0.7), None);
        assert_eq!(Method::Sum.roll_up([None; 3].into_iter(), 0.0), None);
        assert_eq!(Method::Sum.roll_up(std::iter::empty(), 0.0), None);
    }

    #[test]
    fn a_sum_of_negative_zero_is_positive() {
        let sum = Method::Sum.roll_up([Some(-0.0)].into_iter(), 0.0);
        assert_eq!(sum.map(f64::to_bits), Some(0));
        let last = Method::Last.roll_up([Some(-0.0)].into_iter(), 0.0);
        assert_eq!(last.map(f64::to_bits), Some((-0.0f64).to_bits()));
    }

    #[test]
    fn numbers_six_to_eight_depend_on_the_dialect() {
        for number in 1..=8 {
            for dialect in [Dialect::Reference, Dialect::GoWhisper] {
                let method = dialect.method(number).unwrap();
                assert_eq!(dialect.number(method), Some(number));
                assert_eq!(method.name().parse(), Ok(method));
            }
        }
        assert_eq!(Dialect::Reference.method(6), Some(Method::AvgZero));
        assert_eq!(Dialect::GoWhisper.method(6), Some(Method::First));
        assert_eq!(Dialect::Reference.number(Method::First), None);
        assert_eq!(Dialect::GoWhisper.number(Method::AbsMax), None);
        for number in [0, 9, u32::MAX] {
            assert_eq!(Dialect::Reference.method(number), None);
        }
    }
}
