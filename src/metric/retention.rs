//! Retentions: the archives of a series, as in `10s:6h,1m:7d,10m:1y`.

use std::fmt;

/// One resolution: how far apart the points are and how many are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Archive {
    /// Seconds from one point to the next.
    pub step: u32,
    /// Points kept.
    pub points: u32,
}

impl Archive {
    /// Seconds that the archive reaches back.
    pub fn retention(self) -> i64 {
        i64::from(self.step) * i64::from(self.points)
    }
}

/// The archives of a series, finest first, as Whisper's rules allow them: unique steps, each finer
/// step divides the coarser, each coarser archive reaches further back, and a finer archive holds
/// at least one coarse step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Retention(Vec<Archive>);

/// What is wrong with a retention.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RetentionError {
    /// There is no archive in it.
    #[error("a retention needs at least one archive, as in \"10s:6h,1m:7d\"")]
    Empty,
    /// A part is not `STEP:DURATION`.
    #[error("\"{0}\" is not STEP:DURATION, as in \"10s:6h\" or \"60:1440\"")]
    Malformed(String),
    /// A step or a number of points is zero or beyond 32 bits.
    #[error("\"{0}\" has a step or a number of points that is zero or too large")]
    OutOfRange(String),
    /// Two archives have one step.
    #[error("two archives have a step of {0} s")]
    RepeatedStep(u32),
    /// The coarser step is not a multiple of the finer.
    #[error("a step of {coarser} s is not a multiple of {finer} s")]
    NotDivisible {
        /// The finer step in seconds.
        finer: u32,
        /// The coarser step in seconds.
        coarser: u32,
    },
    /// The coarser archive reaches no further than the finer.
    #[error(
        "the archive with a step of {coarser} s reaches back no further than that of {finer} s"
    )]
    CoarserTooShort {
        /// The finer step in seconds.
        finer: u32,
        /// The coarser step in seconds.
        coarser: u32,
    },
    /// The finer archive cannot fill one coarse step.
    #[error("the archive with a step of {finer} s has too few points for one step of {coarser} s")]
    TooFewPoints {
        /// The finer step in seconds.
        finer: u32,
        /// The coarser step in seconds.
        coarser: u32,
    },
}

impl Retention {
    /// Checks and sorts the archives.
    ///
    /// # Errors
    /// The first rule of Whisper's that they break.
    pub fn new(mut archives: Vec<Archive>) -> Result<Self, RetentionError> {
        archives.sort_by_key(|archive| archive.step);
        if archives.is_empty() {
            return Err(RetentionError::Empty);
        }
        for archive in &archives {
            let fits = archive.step > 0
                && archive.points > 0
                && archive.retention() <= i64::from(u32::MAX);
            if !fits {
                return Err(RetentionError::OutOfRange(archive.to_string()));
            }
        }
        for pair in archives.windows(2) {
            check_neighbours(pair[0], pair[1])?;
        }
        Ok(Self(archives))
    }

    /// Reads Graphite's text form: archives joined by commas.
    ///
    /// # Errors
    /// What is malformed, or which rule is broken.
    pub fn parse(text: &str) -> Result<Self, RetentionError> {
        let archives = text.split(',').map(|part| parse_archive(part.trim()));
        Self::new(archives.collect::<Result<_, _>>()?)
    }

    /// The archives, finest first; never empty.
    pub fn archives(&self) -> &[Archive] {
        &self.0
    }

    /// The finest archive.
    pub fn finest(&self) -> Archive {
        self.0[0]
    }

    /// Seconds that the longest archive reaches back.
    pub fn longest(&self) -> i64 {
        self.0[self.0.len() - 1].retention()
    }

    /// The finest archive whose retention covers an age of `age` seconds, by its position; the
    /// coarsest when none does. This is how Whisper picks the archive of a fetch.
    pub fn covering(&self, age: i64) -> usize {
        self.0
            .iter()
            .position(|archive| archive.retention() >= age)
            .unwrap_or(self.0.len() - 1)
    }
}

fn check_neighbours(finer: Archive, coarser: Archive) -> Result<(), RetentionError> {
    let steps = (finer.step, coarser.step);
    if finer.step == coarser.step {
        return Err(RetentionError::RepeatedStep(finer.step));
    }
    if !coarser.step.is_multiple_of(finer.step) {
        return Err(RetentionError::NotDivisible {
            finer: steps.0,
            coarser: steps.1,
        });
    }
    if coarser.retention() <= finer.retention() {
        return Err(RetentionError::CoarserTooShort {
            finer: steps.0,
            coarser: steps.1,
        });
    }
    if finer.points < coarser.step / finer.step {
        return Err(RetentionError::TooFewPoints {
            finer: steps.0,
            coarser: steps.1,
        });
    }
    Ok(())
}

/// `60:1440` is a step and a number of points; `1m:1d` a step and a duration; a bare number after
/// the colon is always points, also in `1m:1440`, as the reference reads it.
fn parse_archive(text: &str) -> Result<Archive, RetentionError> {
    let malformed = || RetentionError::Malformed(text.to_owned());
    let (step, points) = text.split_once(':').ok_or_else(malformed)?;
    let out_of_range = || RetentionError::OutOfRange(text.to_owned());
    let step = parse_seconds(step.trim()).ok_or_else(malformed)?;
    let points = points.trim();
    let points = match points.parse::<u64>() {
        Ok(points) => points,
        Err(_) => parse_seconds(points)
            .ok_or_else(malformed)?
            .checked_div(step)
            .ok_or_else(out_of_range)?,
    };
    Ok(Archive {
        step: u32::try_from(step).map_err(|_| out_of_range())?,
        points: u32::try_from(points).map_err(|_| out_of_range())?,
    })
}

/// Seconds from `10`, `10s`, `6h`, `1min`, `1year`…: the unit is any prefix of its name, as in whisper.
pub fn parse_seconds(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 6] = [
        ("seconds", 1),
        ("minutes", 60),
        ("hours", 3_600),
        ("days", 86_400),
        ("weeks", 604_800),
        ("years", 31_536_000),
    ];
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    if unit.is_empty() {
        return Some(number);
    }
    let seconds = UNITS.iter().find(|(name, _)| name.starts_with(unit))?.1;
    number.checked_mul(seconds)
}

impl fmt::Display for Archive {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}s:{}", self.step, self.points)
    }
}

impl fmt::Display for Retention {
    /// Prints `STEPs:POINTS` pairs, which [`Retention::parse`] reads back.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, archive) in self.0.iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            write!(formatter, "{comma}{archive}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_retention_are_read() {
        let retention = Retention::parse("10s:6h, 1min:7d,600:52560").unwrap();
        let expected = [(10, 2160), (60, 10_080), (600, 52_560)]
            .map(|(step, points)| Archive { step, points });
        assert_eq!(retention.archives(), expected);
        assert_eq!(Retention::parse(&retention.to_string()), Ok(retention));
    }

    #[test]
    fn bare_number_after_the_colon_is_points() {
        let retention = Retention::parse("1m:1440").unwrap();
        assert_eq!(
            retention.finest(),
            Archive {
                step: 60,
                points: 1440
            }
        );
    }

    #[test]
    fn broken_rules_are_named() {
        let error = |text| Retention::parse(text).unwrap_err().to_string();
        assert!(error("").contains("not STEP:DURATION"));
        assert!(error("10s").contains("\"10s\""));
        assert!(error("0:5").contains("zero"));
        assert!(error("10s:1h,10s:2h").contains("two archives"));
        assert!(error("10s:1h,15s:2h").contains("not a multiple"));
        assert!(error("10s:2h,20s:1h").contains("no further"));
        assert!(error("10s:5,1m:1d").contains("too few points"));
        assert!(error("1q:5").contains("1q:5"));
    }

    #[test]
    fn covering_is_the_finest_that_reaches() {
        let retention = Retention::parse("10s:1h,1m:1d").unwrap();
        assert_eq!(retention.covering(3600), 0);
        assert_eq!(retention.covering(3601), 1);
        assert_eq!(retention.covering(1 << 40), 1);
    }
}
