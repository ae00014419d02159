//! The percentile that several functions share, by rank among `n + 1` places as the reference has it.

/// A percentile of the known values of `row`; with `interpolate` between the two nearest ranks, else
/// the upper one. `None` when nothing is known or the percentile lies outside 0 to 100.
pub fn percentile(row: &[f64], percent: f64, interpolate: bool) -> Option<f64> {
    let mut known: Vec<f64> = super::aggregation::known(row).collect();
    percentile_of_known(&mut known, percent, interpolate)
}

/// As [`percentile`], of values that are all known; sorts them.
pub fn percentile_of_known(known: &mut [f64], percent: f64, interpolate: bool) -> Option<f64> {
    if known.is_empty() || !(0.0..=100.0).contains(&percent) {
        return None;
    }
    known.sort_unstable_by(f64::total_cmp);
    let place = percent / 100.0 * (known.len() + 1) as f64;
    let fraction = place.fract();
    let below = place as usize;
    let rank = if interpolate || fraction == 0.0 {
        below
    } else {
        below + 1
    };
    let value = known[rank.clamp(1, known.len()) - 1];
    match known.get(rank) {
        Some(next) if interpolate => Some(value + fraction * (next - value)),
        _ => Some(value),
    }
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
    fn nothing_known_or_an_impossible_percentage_gives_none() {
        assert_eq!(percentile(&[f64::NAN], 50.0, false), None);
        assert_eq!(percentile(&[1.0], 101.0, false), None);
        assert_eq!(percentile(&[1.0], -1.0, false), None);
    }
}
