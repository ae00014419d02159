//! `changed`: where a series takes another value.

use crate::functions::Group;
use crate::functions::transform::unary::Unary;

pub(super) static CHANGED: Unary = Unary::new(
    &["changed"],
    None,
    mark_changes,
    "1 for every point that differs from the known one before it, 0 for all others and for nulls.",
)
.in_group(Group::Special);

fn mark_changes(values: &mut [f64]) {
    let mut previous = f64::NAN;
    for value in values {
        let current = *value;
        let is_change = !previous.is_nan() && !current.is_nan() && current != previous;
        *value = f64::from(u8::from(is_change));
        if !current.is_nan() {
            previous = current;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    #[test]
    fn nulls_neither_change_nor_hide_a_change() {
        let values = [f64::NAN, 1.0, 1.0, f64::NAN, 1.0, f64::NAN, 2.0];
        let samples = Samples::new().with("a", 10, 10, &values);
        let result = samples.run("changed(a)", 0, 600);
        assert_eq!(result[0].name, "changed(a)");
        assert_values(&result[0], &[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0].map(Some));
    }
}
