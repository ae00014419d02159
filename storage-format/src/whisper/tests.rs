//! What the reference cannot be asked: refusals, traps, damage, go-whisper's numbers. Equality with
//! the reference is in `tests/whisper_reference.rs`.

use super::*;
use crate::error::FormatError;

const NOW: i64 = 1_699_999_200;

fn spec(step_s: u32, points: u32) -> ArchiveSpec {
    ArchiveSpec { step_s, points }
}

fn header() -> Header {
    let archives = [spec(10, 6), spec(60, 5)];
    Header::new(&archives, Method::Sum, 0.5, Dialect::Reference).unwrap()
}

/// The known points of an archive.
fn points(header: &Header, file: &[u8], archive: usize, now: i64) -> Vec<(i64, f64)> {
    header.points(file, archive, now).unwrap()
}

fn invalid_at(bytes: &[u8]) -> (u64, u64) {
    match Header::parse(bytes, Dialect::Reference) {
        Err(FormatError::Invalid { offset, found, .. }) => (offset, found),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_new_file_has_its_archives_one_after_another() {
    let header = header();
    let [fine, coarse] = header.archives() else {
        panic!("two archives")
    };
    assert_eq!((fine.offset_bytes(), coarse.offset_bytes()), (40, 112));
    assert_eq!((header.header_bytes(), header.file_bytes()), (40, 172));
    assert_eq!(header.max_retention_s(), 300);
    let file = header.image();
    assert_eq!(file.len(), 172);
    assert_eq!(Header::parse(&file, Dialect::Reference), Ok(header));
}

#[test]
fn archives_that_break_a_rule_are_refused_by_name() {
    let refusal = |archives: &[ArchiveSpec]| {
        let made = Header::new(archives, Method::Sum, 0.5, Dialect::Reference);
        made.unwrap_err().to_string()
    };
    assert!(refusal(&[]).starts_with("0 archives"));
    assert!(refusal(&[spec(0, 5)]).contains("archive 0:5"));
    assert!(refusal(&[spec(5, 0)]).contains("archive 5:0"));
    assert!(refusal(&[spec(10, 6), spec(10, 60)]).contains("step 10 s"));
    assert!(refusal(&[spec(10, 6), spec(25, 60)]).contains("does not divide"));
    assert!(refusal(&[spec(10, 60), spec(60, 10)]).contains("covers 600 s"));
    assert!(refusal(&[spec(10, 5), spec(60, 10)]).contains("6 make one"));
    assert!(refusal(&[spec(1 << 20, 1 << 12)]).contains("32-bit"));
    assert!(refusal(&[spec(1, 400_000_000), spec(2, 400_000_000)]).contains("32-bit"));
    let factor = Header::new(&[spec(1, 1)], Method::Sum, f32::NAN, Dialect::Reference);
    assert!(matches!(factor, Err(WhisperError::XFilesFactor(_))));
    let method = Header::new(&[spec(1, 1)], Method::First, 0.0, Dialect::Reference);
    assert_eq!(method, Err(WhisperError::Method(Method::First)));
}

#[test]
fn a_damaged_header_is_refused_with_offset_and_value() {
    // Where four bytes go wrong, what they become, where the error is seen.
    let cases: [(usize, u32, u64); 12] = [
        (0, 0, 0),
        (0, 9, 0),
        (4, 299, 4),
        (8, 0x3f80_0001, 8),
        (8, f32::NAN.to_bits(), 8),
        (8, 0xbf00_0000, 8),
        (12, 0, 12),
        (12, 256, 12),
        (16, 39, 16),
        (20, 0, 20),
        (24, 0, 24),
        (28, 111, 28),
    ];
    for (at, word, offset) in cases {
        let mut file = header().image();
        file[at..at + 4].copy_from_slice(&word.to_be_bytes());
        assert_eq!(invalid_at(&file), (offset, u64::from(word)), "byte {at}");
    }
    let mut same_step = header().image();
    same_step[32..36].copy_from_slice(&10u32.to_be_bytes());
    assert_eq!(invalid_at(&same_step), (32, 10));
}

#[test]
fn a_short_file_is_refused_at_every_length() {
    let header = header();
    let file = header.image();
    for length in 0..file.len() {
        let cut = &file[..length];
        let refusal = Header::parse(cut, Dialect::Reference).unwrap_err();
        assert!(
            matches!(refusal, FormatError::Truncated { .. }),
            "{length}: {refusal}"
        );
        assert!(header.fetch(cut, NOW - 10, NOW, NOW).is_err());
        assert!(header.update(&mut cut.to_vec(), NOW, 1.0, NOW).is_err());
        assert!(header.slots(cut, 0).is_err());
    }
}

#[test]
fn a_compressed_file_is_told_apart() {
    let refusal = Header::parse(b"whisper_compressed and more", Dialect::GoWhisper);
    assert!(matches!(refusal, Err(FormatError::Magic { .. })));
}

#[test]
fn a_beginning_and_a_length_are_enough_for_a_header() {
    let (header, file) = (header(), header().image());
    let beginning = &file[..header.header_bytes()];
    let parse = |length| Header::parse_head(beginning, length, Dialect::Reference);
    assert_eq!(parse(file.len() as u64), Ok(header.clone()));
    assert!(parse(file.len() as u64 - 1).is_err());
    let other = header.with_rollup(Method::Max, 0.25).unwrap();
    assert_eq!(
        other.encode()[METADATA_BYTES..],
        beginning[METADATA_BYTES..]
    );
    assert_eq!(
        (other.method(), other.x_files_factor()),
        (Method::Max, 0.25)
    );
    assert!(header.with_rollup(Method::First, 0.5).is_err());
    assert!(header.with_rollup(Method::Max, f32::NAN).is_err());
}

#[test]
fn bytes_after_the_last_archive_are_left_alone() {
    let header = header();
    let mut file = header.image();
    file.extend([7; 5]);
    header.update(&mut file, NOW, 1.0, NOW).unwrap();
    assert_eq!(file[172..], [7; 5]);
    assert!(Header::parse(&file, Dialect::Reference).is_ok());
}

#[test]
fn go_whispers_type_six_is_first() {
    let archives = [spec(10, 6), spec(60, 5)];
    let made = Header::new(&archives, Method::First, 0.0, Dialect::GoWhisper).unwrap();
    let mut file = made.image();
    made.update_many(&mut file, &[(NOW, 5.0), (NOW + 10, 7.0)], NOW + 10)
        .unwrap();
    assert_eq!(points(&made, &file, 1, NOW + 10), [(NOW, 5.0)]);
    let other = Header::parse(&file, Dialect::Reference).unwrap();
    assert_eq!(other.method(), Method::AvgZero);
}

#[test]
fn a_file_of_a_mix_is_read_but_not_written() {
    let mut file = header().image();
    file[3] = 7;
    let mut header = Header::parse(&file, Dialect::GoWhisper).unwrap();
    assert_eq!(header.method(), Method::Mix);
    let before = file.clone();
    let refusal = Err(WhisperError::Method(Method::Mix));
    assert_eq!(header.update(&mut file, NOW, 1.0, NOW), refusal);
    assert!(header.update_many(&mut file, &[(NOW, 1.0)], NOW).is_err());
    assert_eq!(file, before);
    assert!(
        header
            .set_aggregation_method(&mut file, Method::Percentile)
            .is_err()
    );
    let former = header.set_aggregation_method(&mut file, Method::Max);
    assert_eq!(former, Ok(Method::Mix));
    assert_eq!(header.update(&mut file, NOW, 1.0, NOW), Ok(()));
}

#[test]
fn points_of_a_future_interval_are_refused_and_counted() {
    let header = header();
    let mut file = header.image();
    let now = NOW + 55;
    header.update(&mut file, NOW, 1.0, NOW).unwrap();
    let before = file.clone();
    let written = header
        .update_many(&mut file, &[(NOW + 60, 9.0)], now)
        .unwrap();
    assert_eq!((written.stored, written.future), (0, 1));
    assert_eq!(file, before);
    assert_eq!(header.place(NOW + 60, now), Placement::Future);
    // The present interval is not over: its last second may be ahead of the clock.
    let written = header
        .update_many(&mut file, &[(now + 4, 2.0)], now)
        .unwrap();
    assert_eq!(written.stored, 1);
    let refusal = header.update(&mut file, now + 4, 2.0, now);
    assert!(matches!(refusal, Err(WhisperError::Future { .. })));
}

#[test]
fn a_point_as_old_as_the_retention_goes_to_the_coarser_archive() {
    let header = header();
    let mut file = header.image();
    let now = NOW + 60;
    header.update(&mut file, now, 1.0, now).unwrap();
    let written = header.update_many(&mut file, &[(NOW, 9.0)], now).unwrap();
    assert_eq!(written.stored, 1);
    assert_eq!(points(&header, &file, 0, now), [(now, 1.0)]);
    assert_eq!(points(&header, &file, 1, now), [(NOW, 9.0)]);
}

#[test]
fn a_point_in_the_slot_of_the_newest_is_too_old_even_within_the_retention() {
    let header = Header::new(&[spec(60, 5)], Method::Sum, 0.5, Dialect::Reference).unwrap();
    let mut file = header.image();
    let now = NOW + 330;
    header.update(&mut file, now, 1.0, now).unwrap();
    // 299 seconds old, of the 300 that the archive covers; its slot is that of the present.
    let before = file.clone();
    let written = header
        .update_many(&mut file, &[(now - 299, 9.0)], now)
        .unwrap();
    assert_eq!((written.stored, written.too_old), (0, 1));
    let refusal = header.update(&mut file, now - 299, 9.0, now);
    assert!(matches!(refusal, Err(WhisperError::TooOld { .. })));
    assert_eq!(file, before);
}

#[test]
fn times_that_the_format_cannot_store_are_refused() {
    let header = header();
    let mut file = header.image();
    let extremes = [i64::MIN, -1, 0, 5, i64::from(u32::MAX) + 10, i64::MAX];
    for now in extremes {
        for time in extremes {
            let written = header.update_many(&mut file, &[(time, 1.0)], now).unwrap();
            assert_eq!(written.stored, 0, "{time} at {now}");
            assert!(header.update(&mut file, time, 1.0, now).is_err());
        }
        let _ = header.fetch(&file, i64::MIN, i64::MAX, now).unwrap();
    }
    assert_eq!(file, header.image());
}

#[test]
fn of_equal_timestamps_the_first_given_stays_and_of_an_interval_the_latest() {
    let header = header();
    let mut file = header.image();
    let given = [(NOW, 1.0), (NOW, 2.0), (NOW + 13, 4.0), (NOW + 11, 3.0)];
    header.update_many(&mut file, &given, NOW + 15).unwrap();
    let stored = points(&header, &file, 0, NOW + 15);
    assert_eq!(stored, [(NOW, 1.0), (NOW + 10, 4.0)]);
}

#[test]
fn slots_of_former_turns_are_dumped_but_are_no_points() {
    let header = header();
    let mut file = header.image();
    for offset in [0, 10] {
        header
            .update(&mut file, NOW + offset, 1.0, NOW + offset)
            .unwrap();
    }
    let now = NOW + 65;
    assert_eq!(points(&header, &file, 0, now), [(NOW + 10, 1.0)]);
    let slots: Vec<u32> = header
        .slots(&file, 0)
        .unwrap()
        .map(|slot| slot.timestamp_s)
        .collect();
    assert_eq!(slots, [NOW as u32, NOW as u32 + 10, 0, 0, 0, 0]);
    let empty = header.fetch(&file, NOW - 1_000, NOW - 900, now).unwrap();
    assert_eq!(empty, None);
}

#[test]
fn a_fill_writes_gaps_and_what_follows_from_them() {
    let header = header();
    let (mut target, mut source) = (header.image(), header.image());
    let now = NOW + 50;
    let known: Vec<(i64, f64)> = (0..6).map(|slot| (NOW + slot * 10, 8.0)).collect();
    header.update_many(&mut source, &known, now).unwrap();
    header
        .update_many(&mut target, &[(NOW + 20, 0.0)], now)
        .unwrap();
    let written = header.fill(&mut target, (&header, &source), now).unwrap();
    assert_eq!(written, 5);
    let values: Vec<f64> = points(&header, &target, 0, now)
        .iter()
        .map(|point| point.1)
        .collect();
    assert_eq!(values, [8.0, 8.0, 0.0, 8.0, 8.0, 8.0]);
    assert_eq!(points(&header, &target, 1, now), [(NOW, 40.0)]);
    assert_eq!(header.fill(&mut target, (&header, &source), now), Ok(0));
}

#[test]
fn a_fill_rolls_up_no_window_of_which_a_part_is_over() {
    let header = header();
    let (mut target, mut source) = (header.image(), header.image());
    let all: Vec<(i64, f64)> = (0..6).map(|slot| (NOW + slot * 10, 8.0)).collect();
    header.update_many(&mut source, &all, NOW + 50).unwrap();
    header
        .update_many(&mut target, &all[..5], NOW + 50)
        .unwrap();
    assert_eq!(points(&header, &target, 1, NOW + 50), [(NOW, 40.0)]);
    // The first half of the window has left the fine archive.
    let now = NOW + 80;
    assert_eq!(header.fill(&mut target, (&header, &source), now), Ok(1));
    assert_eq!(points(&header, &target, 0, now).len(), 3);
    assert_eq!(points(&header, &target, 1, now), [(NOW, 40.0)]);
}

#[test]
fn faults_of_slots_and_length_are_found() {
    let header = header();
    let mut file = header.image();
    header.update(&mut file, NOW, 1.0, NOW).unwrap();
    header.update(&mut file, NOW + 10, 1.0, NOW + 10).unwrap();
    assert_eq!(header.faults(&file), Ok(Vec::new()));
    let slots = |file: &[u8]| file[header.header_bytes()..][..6 * SLOT_BYTES].to_vec();
    assert_eq!(newest_of_slots(&slots(&file)), Some(NOW as u32 + 10));
    let second = header.header_bytes() + SLOT_BYTES;
    file[second + 3] = file[second + 3].wrapping_add(1);
    let place = SlotPlace {
        archive: 0,
        slot: 1,
        timestamp_s: NOW as u32 + 11,
    };
    assert_eq!(header.faults(&file), Ok(vec![Fault::Uneven(place)]));
    file[second..second + 4].copy_from_slice(&(NOW as u32 + 20).to_be_bytes());
    file.push(0);
    let place = SlotPlace {
        timestamp_s: NOW as u32 + 20,
        ..place
    };
    let long = Fault::Long { excess_bytes: 1 };
    let faults = header.faults(&file).unwrap();
    assert_eq!(faults, [long, Fault::Misplaced(place)]);
    assert!(header.faults(&file[..50]).is_err());
    assert_eq!(newest_of_slots(&slots(&header.image())), None);
    assert_eq!(newest_of_slots(&[]), None);
}

#[test]
fn a_resize_with_aggregation_keeps_fine_values_and_makes_coarse_ones_of_them() {
    let header = Header::new(&[spec(10, 60)], Method::Sum, 0.5, Dialect::Reference).unwrap();
    let mut file = header.image();
    let now = NOW + 295;
    let known: Vec<(i64, f64)> = (0..30).map(|slot| (NOW + slot * 10, 2.0)).collect();
    header.update_many(&mut file, &known, now).unwrap();
    let archives = [spec(10, 12), spec(60, 10)];
    let wanted = Header::new(&archives, Method::Sum, 0.5, Dialect::Reference).unwrap();
    let resized = header
        .resize(&file, &wanted, Resize::Aggregate, now)
        .unwrap();
    let fine = points(&wanted, &resized, 0, now);
    assert_eq!(fine, known[18..]);
    let coarse = points(&wanted, &resized, 1, now);
    let expected: Vec<(i64, f64)> = (0..5).map(|minute| (NOW + minute * 60, 12.0)).collect();
    assert_eq!(coarse, expected);
}

#[test]
fn no_file_is_resized_to_a_method_that_rolls_nothing_up() {
    let header = header();
    let mut file = header.image();
    file[3] = 7;
    let mix = Header::parse(&file, Dialect::GoWhisper).unwrap();
    let refusal = Err(WhisperError::Method(Method::Mix));
    for how in [Resize::Points, Resize::Aggregate] {
        assert_eq!(header.resize(&header.image(), &mix, how, NOW), refusal);
    }
    assert!(mix.resize(&file, &header, Resize::Points, NOW).is_ok());
    let empty = header.resize(&header.image(), &header, Resize::Points, i64::MIN);
    assert_eq!(empty, Ok(header.image()));
}

#[test]
fn files_of_other_archives_are_not_merged() {
    let header = header();
    let other = Header::new(&[spec(10, 6)], Method::Sum, 0.5, Dialect::Reference).unwrap();
    let (mut target, source) = (header.image(), other.image());
    let refusal = header.merge(&mut target, (&other, &source), (0, NOW), NOW);
    assert_eq!(refusal, Err(WhisperError::UnlikeArchives));
    assert!(header.fill(&mut target, (&other, &source), NOW).is_err());
    let range = header.merge(&mut target, (&header, &header.image()), (9, 8), NOW);
    assert!(matches!(range, Err(WhisperError::Range { .. })));
}

#[test]
fn a_file_that_breaks_the_rules_of_creation_is_still_served() {
    // An old file: 60 does not divide 90, and the fine archive is shorter than a coarse step.
    let mut file = header().image();
    file[24..28].copy_from_slice(&1u32.to_be_bytes());
    file[32..36].copy_from_slice(&90u32.to_be_bytes());
    file[4..8].copy_from_slice(&450u32.to_be_bytes());
    let header = Header::parse(&file, Dialect::Reference).unwrap();
    assert!(header.check_rules().is_err());
    header.update(&mut file, NOW, 3.0, NOW).unwrap();
    assert_eq!(points(&header, &file, 0, NOW), [(NOW, 3.0)]);
}

#[test]
fn a_header_is_read_by_the_first_bytes_of_its_file() {
    let header = header();
    let head = header.encode();
    let parse = |bytes| Header::parse_head(&head, bytes, Dialect::Reference);
    assert_eq!(parse(header.file_bytes()).unwrap(), header);
    assert!(matches!(
        parse(header.file_bytes() - 1),
        Err(FormatError::Truncated { .. })
    ));
}

#[test]
fn slots_are_read_by_their_places() {
    let header = header();
    let mut file = header.image();
    let now = NOW;
    let points: Vec<_> = (0..40).map(|slot| (now - slot * 10, slot as f64)).collect();
    header.update_many(&mut file, &points, now).unwrap();
    for (number, archive) in header.archives().iter().enumerate() {
        let (step, slots) = (i64::from(archive.step_s()), archive.points() as usize);
        for count in [0, 1, slots - 1, slots, slots + 3] {
            let start = (now - now % step) - (count as i64 - 1) * step;
            let Ok(values) = header.read_slots(&mut file[..], number, (start, count));
            assert_eq!(values.len(), count);
            if count > 0 {
                let range = (start - step, start + (count as i64 - 1) * step);
                let expected = header
                    .fetch_archive(&file, number, range.0, range.1)
                    .unwrap();
                let known = values.iter().zip((start..).step_by(step as usize));
                let known: Vec<_> = known
                    .filter(|(value, _)| !value.is_nan())
                    .map(|(value, interval)| (interval, *value))
                    .collect();
                assert_eq!(known, expected.known().collect::<Vec<_>>());
            }
        }
    }
}
