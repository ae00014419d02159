//! The percentile that several functions share, by rank among `n + 1` places as the reference has it.

/// A percentile of the known values of `row`; with `interpolate` between the two nearest ranks, else
/// the upper one. `None` when nothing is known or the rank lies outside the values.
///
/// A negative percentage counts places from the greatest value down, which the reference owes to
/// Python's negative indices.
pub fn percentile(row: &[f64], percent: f64, interpolate: bool) -> Option<f64> {
    let mut known: Vec<f64> = super::aggregation::known(row).collect();
    percentile_of_known(&mut known, percent, interpolate)
}

/// As [`percentile`], of values that are all known; sorts them.
pub fn percentile_of_known(known: &mut [f64], percent: f64, interpolate: bool) -> Option<f64> {
    let count = i64::try_from(known.len()).ok()?;
    if count == 0 || !percent.is_finite() {
        return None;
    }
    known.sort_unstable_by(f64::total_cmp);
    let place = percent / 100.0 * (count + 1) as f64;
    let fraction = place.fract();
    let mut rank = place.trunc() as i64;
    if !interpolate {
        rank += fraction.ceil() as i64;
    }
    let value = match rank {
        0 => known[0],
        _ if rank == count + 1 => known[known.len() - 1],
        _ => at(known, rank - 1)?,
    };
    if !interpolate || rank >= count {
        return Some(value);
    }
    Some(value + fraction * (at(known, rank)? - value))
}

/// The value at an index, counted back from the end when it is negative.
fn at(known: &[f64], index: i64) -> Option<f64> {
    let index = if index < 0 {
        index + known.len() as i64
    } else {
        index
    };
    known.get(usize::try_from(index).ok()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rank_is_rounded_up_without_interpolation() {
        let row = [4.0, f64::NAN, 1.0, 3.0, 2.0];
        assert_eq!(percentile(&row, 50.0, false), Some(3.0));
        assert_eq!(percentile(&row, 50.0, true), Some(2.5));
        assert_eq!(percentile(&row, 0.0, false), Some(1.0));
        assert_eq!(percentile(&row, 100.0, false), Some(4.0));
        assert_eq!(percentile(&row, 100.0, true), Some(4.0));
    }

    #[test]
    fn negative_percentage_counts_from_the_greatest() {
        let row = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(percentile(&row, -20.0, false), Some(3.0));
    }

    #[test]
    fn nothing_known_or_an_impossible_rank_gives_none() {
        assert_eq!(percentile(&[f64::NAN], 50.0, false), None);
        assert_eq!(percentile(&[1.0], 150.0, false), None);
        assert_eq!(percentile(&[1.0], -500.0, false), None);
        assert_eq!(percentile(&[1.0], f64::INFINITY, false), None);
    }
}
