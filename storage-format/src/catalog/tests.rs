use proptest::prelude::*;

use super::frame::Frame;
use super::header::Kind;
use super::*;
use crate::error::FormatError;

fn definition() -> Definition {
    Definition {
        archives: vec![(10, 2_160), (60, 10_080)],
        method: 1,
        x_files_factor_bits: 0.5f32.to_bits(),
    }
}

fn records() -> Vec<Record<'static>> {
    vec![
        Record::Definition {
            number: 0,
            definition: definition(),
        },
        Record::Create {
            id: 0,
            definition: 0,
            name: "servers.web01.cpu",
        },
        Record::Create {
            id: 300,
            definition: 0,
            name: "requests;dc=é;host=web01",
        },
        Record::Redefine {
            id: 300,
            definition: 1,
        },
        Record::Remove { id: u32::MAX - 2 },
        Record::Register { name: "a;b=c" },
        Record::Unregister { name: "a;b=c" },
        Record::Reserve { next: 1_000 },
    ]
}

fn log() -> Vec<u8> {
    let mut log = Vec::new();
    header::put(&mut log, Kind::Log, 7);
    for record in records() {
        record.put(&mut log);
    }
    log
}

fn frames(file: &[u8]) -> Result<Vec<Frame<'_>>, FormatError> {
    let mut frames = Vec::new();
    let mut offset = header::BYTES as u64;
    while let Some(frame) = frame::read(file, offset)? {
        offset = frame.end;
        frames.push(frame);
    }
    Ok(frames)
}

fn entries() -> Vec<(u32, u16, bool, String)> {
    let mut entries = Vec::new();
    for host in 0..300u32 {
        for metric in ["cpu.user", "cpu.system", "mem"] {
            let id = host * 7 + metric.len() as u32 % 5;
            entries.push((
                id,
                (host % 3) as u16,
                host == 5,
                format!("web{host}.{metric}"),
            ));
        }
    }
    entries.sort();
    entries.dedup_by_key(|entry| entry.0);
    entries
}

fn snapshot(entries: &[(u32, u16, bool, String)]) -> Vec<u8> {
    let mut builder = SnapshotBuilder::new(9);
    builder.definition(0, &definition());
    for (id, definition, is_unregistered, name) in entries {
        builder.series(SeriesEntry {
            id: *id,
            definition: *definition,
            is_unregistered: *is_unregistered,
            name,
        });
    }
    builder.name("only;registered=yes");
    builder.end(5_000);
    builder.take()
}

/// Id, definition, whether it is unregistered, and name of each series, and how the file ends.
type Unpacked = (Vec<(u32, u16, bool, String)>, Option<SnapshotEnd>);

fn unpack(file: &[u8]) -> Result<Unpacked, FormatError> {
    let mut entries = Vec::new();
    let mut end = None;
    for frame in frames(file)? {
        match read_part(frame)? {
            SnapshotPart::Series(block) => block.for_each(|entry| {
                let SeriesEntry {
                    id,
                    definition,
                    is_unregistered,
                    name,
                } = entry;
                entries.push((id, definition, is_unregistered, name.to_owned()));
            })?,
            SnapshotPart::End(found) => end = Some(found),
            SnapshotPart::Definition(..) | SnapshotPart::Name(_) => {}
        }
    }
    Ok((entries, end))
}

#[test]
fn records_come_back_as_they_were_put() {
    let log = log();
    assert_eq!(header::read(&log, Kind::Log), Ok(7));
    let frames = frames(&log).unwrap();
    let parsed: Vec<_> = frames
        .iter()
        .map(|frame| Record::parse(*frame).unwrap())
        .collect();
    assert_eq!(parsed, records());
}

#[test]
fn log_of_version_1_reads_and_writes_as_ever() {
    let golden = include_bytes!("../../vectors/catalog-log-v1.bin");
    assert_eq!(log(), golden);
}

#[test]
fn snapshot_of_version_1_reads_and_writes_as_ever() {
    let golden = include_bytes!("../../vectors/catalog-snapshot-v1.bin");
    let few = &entries()[..12];
    assert_eq!(snapshot(few), golden);
    let (unpacked, end) = unpack(golden).unwrap();
    assert_eq!(unpacked, few);
    assert_eq!(end.unwrap().series, 12);
}

#[test]
fn log_cut_anywhere_gives_the_records_before_the_cut() {
    let log = log();
    let ends: Vec<u64> = frames(&log)
        .unwrap()
        .iter()
        .map(|frame| frame.end)
        .collect();
    for length in header::BYTES..log.len() {
        let cut = &log[..length];
        let mut offset = header::BYTES as u64;
        let mut count = 0;
        while let Ok(Some(frame)) = frame::read(cut, offset) {
            offset = frame.end;
            count += 1;
        }
        let expected = ends.iter().filter(|&&end| end <= length as u64).count();
        assert_eq!(count, expected, "cut at {length}");
        assert_eq!(frame::find(cut, offset), None, "cut at {length}");
    }
}

#[test]
fn any_changed_bit_is_noticed_and_reading_goes_on_behind_it() {
    let log = log();
    let ends: Vec<u64> = frames(&log)
        .unwrap()
        .iter()
        .map(|frame| frame.end)
        .collect();
    for at in 0..log.len() {
        let mut damaged = log.clone();
        damaged[at] ^= 0x10;
        if at < header::BYTES {
            assert!(header::read(&damaged, Kind::Log).is_err(), "byte {at}");
            continue;
        }
        let broken = ends.iter().position(|&end| at < end as usize).unwrap();
        let start = if broken == 0 {
            header::BYTES as u64
        } else {
            ends[broken - 1]
        };
        assert!(frame::read(&damaged, start).is_err(), "byte {at}");
        let next = (broken + 1 < ends.len()).then(|| ends[broken]);
        assert_eq!(frame::find(&damaged, start), next, "byte {at}");
    }
}

#[test]
fn wrong_kind_and_unknown_version_are_told_apart() {
    let log = log();
    assert!(matches!(
        header::read(&log, Kind::Snapshot),
        Err(FormatError::Magic { .. })
    ));
    let mut newer = log.clone();
    newer[8] = 2;
    assert!(matches!(
        header::read(&newer, Kind::Log),
        Err(FormatError::Version { found: 2, .. })
    ));
    assert!(header::read(&log[..header::BYTES - 1], Kind::Log).is_err());
}

#[test]
fn snapshot_comes_back_across_its_blocks() {
    let entries = entries();
    let (unpacked, end) = unpack(&snapshot(&entries)).unwrap();
    assert_eq!(unpacked, entries);
    let expected = SnapshotEnd {
        next_id: 5_000,
        series: entries.len() as u32,
        names: 1,
    };
    assert_eq!(end, Some(expected));
}

#[test]
fn records_that_no_writer_writes_are_refused() {
    for payload in [
        &[0][..],
        &[8],
        &[2, 1],
        &[2, 1, 1, 0xff],
        &[3, 1, 1],
        &[3, 0xff, 0xff, 0xff, 0xff, 0x1f],
        &[4, 1, 0x80, 0x80, 4],
        &[1, 0, 0, 0, 0, 0, 0, 0, 0xff, 0x7f],
    ] {
        let mut file = vec![0; header::BYTES];
        frame::put(&mut file, |out| out.extend_from_slice(payload));
        let frame = frame::read(&file, header::BYTES as u64).unwrap().unwrap();
        assert!(Record::parse(frame).is_err(), "{payload:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes: Vec<u8>) {
        let _ = header::read(&bytes, Kind::Log);
        let _ = frame::read(&bytes, 0);
        let mut file = Vec::new();
        frame::put(&mut file, |out| {
            out.push(2);
            out.extend_from_slice(&bytes);
        });
        let frame = frame::read(&file, 0).unwrap().unwrap();
        let _ = Record::parse(frame);
        if let Ok(SnapshotPart::Series(block)) = read_part(frame) {
            let _ = block.for_each(|_| {});
        }
    }

    #[test]
    fn any_names_survive_a_snapshot(names in proptest::collection::vec(".{0,40}", 0..50)) {
        let entries: Vec<_> = names.into_iter().enumerate()
            .map(|(id, name)| (id as u32 * 3, id as u16, id % 2 == 0, name))
            .collect();
        prop_assert_eq!(unpack(&snapshot(&entries)).unwrap().0, entries);
    }
}
