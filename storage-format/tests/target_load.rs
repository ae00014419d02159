//! The sizes that the project promises, on the load that it promises them for.

// The bench uses the rest of it.
#[allow(dead_code, unreachable_pub)]
mod load;

use load::{Kind, TARGET, bytes_a_slot};

/// 5,000 series of 2,160 steps, a sixteenth of it in debug builds: sizes a point hardly change.
const SERIES: u32 = if cfg!(debug_assertions) { 1_280 } else { 5_000 };
const BLOCKS: usize = if cfg!(debug_assertions) { 4 } else { 18 };

#[test]
fn the_target_load_takes_at_most_2_45_bytes_a_point() {
    let size = bytes_a_slot(&TARGET, SERIES, BLOCKS);
    assert!(size <= 2.45, "{size:.3} bytes a point");
}

#[test]
fn without_the_random_floats_it_takes_at_most_1_byte_a_point() {
    let size = bytes_a_slot(&TARGET[..3], SERIES, BLOCKS);
    assert!(size <= 1.0, "{size:.3} bytes a point");
}

#[test]
fn a_point_alone_in_its_block_takes_at_most_ten_bytes() {
    let size = bytes_a_slot(&[Kind::Sparse], SERIES, BLOCKS) * load::SLOTS as f64;
    assert!(size <= 10.0, "{size:.3} bytes a point");
}

#[test]
fn rollups_by_average_take_at_most_two_bytes_a_point() {
    for kind in [Kind::MeanOfSix, Kind::MeanOfDecimals] {
        let size = bytes_a_slot(&[kind], SERIES, 2);
        assert!(size <= 2.0, "{kind:?}: {size:.3} bytes a point");
    }
}
