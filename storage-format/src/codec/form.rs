//! The forms of a series by their names, see `block.md`.

use super::tag;

const PACKINGS: usize = 5;

/// By domain and packing.
const NAMES: [[&str; PACKINGS]; 7] = [
    [
        "integer, constant",
        "integer, order 0",
        "integer, order 1",
        "integer, order 2",
        "integer, frames",
    ],
    [
        "decimal, constant",
        "decimal, order 0",
        "decimal, order 1",
        "decimal, order 2",
        "decimal, frames",
    ],
    [
        "binary, constant",
        "binary, order 0",
        "binary, order 1",
        "binary, order 2",
        "binary, frames",
    ],
    [
        "bits, constant",
        "bits, order 0",
        "bits, order 1",
        "bits, order 2",
        "bits, frames",
    ],
    [
        "quotient, constant",
        "quotient, order 0",
        "quotient, order 1",
        "quotient, order 2",
        "quotient, frames",
    ],
    [
        "multiple, constant",
        "multiple, order 0",
        "multiple, order 1",
        "multiple, order 2",
        "multiple, frames",
    ],
    [
        "dictionary, constant",
        "dictionary, order 0",
        "dictionary, order 1",
        "dictionary, order 2",
        "dictionary, frames",
    ],
];

/// The name of a domain with a packing. A constant is one whatever its domain, unless something is
/// added to it.
pub(super) fn name(domain: u8, packing: u8) -> &'static str {
    let is_plain = domain != tag::QUOTIENT && domain != tag::DICTIONARY;
    if packing == tag::CONSTANT && is_plain {
        return "constant";
    }
    let names = NAMES.get(usize::from(domain));
    let name = names.and_then(|names| names.get(usize::from(packing)));
    name.copied().unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Encoded, Encoder};

    #[test]
    fn names_follow_the_numbers_of_the_format() {
        assert_eq!(name(tag::DECIMAL, tag::PACKED), "decimal, order 0");
        assert_eq!(name(tag::DICTIONARY, tag::FRAMED), "dictionary, frames");
        assert_eq!(name(tag::BITS, tag::CONSTANT), "constant");
        assert_eq!(name(7, 1), "unknown");
    }

    #[test]
    fn a_series_tells_its_form() {
        let form = |values: &[f64]| {
            let mut bytes = Vec::new();
            Encoder::default().encode(values, &mut bytes);
            Encoded::parse(&bytes, values.len(), 0).unwrap().form()
        };
        assert_eq!(form(&[5.0; 40]), "constant");
        let counter: Vec<f64> = (0..100).map(|i| f64::from(i * i)).collect();
        assert!(
            form(&counter).starts_with("integer, order"),
            "{}",
            form(&counter)
        );
    }
}
