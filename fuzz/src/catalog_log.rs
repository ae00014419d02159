//! Any bytes as a catalog's log or snapshot: they are refused, or read and written back the same.

use plumbago_storage_format::catalog::frame::{self, Frame};
use plumbago_storage_format::catalog::header::{self, Kind};
use plumbago_storage_format::catalog::{
    Record, SeriesEntry, SnapshotBuilder, SnapshotPart, read_part,
};

/// Reads the bytes as they are; then each piece of them in a frame of its own, so that the checksum
/// is passed.
pub fn run(data: &[u8]) {
    for kind in [Kind::Log, Kind::Snapshot] {
        let _ = header::read(data, kind);
    }
    let mut offset = 0;
    while let Some(start) = frame::find(data, offset) {
        let frame = frame::read(data, start);
        let frame = frame.expect("it was found").expect("it was found");
        assert!(frame.end > start);
        read(frame);
        offset = frame.end;
    }
    let mut rest = data;
    while let Some((&length, behind)) = rest.split_first() {
        let (payload, behind) = behind.split_at(behind.len().min(usize::from(length)));
        rest = behind;
        if !payload.is_empty() {
            let mut bytes = Vec::new();
            frame::put(&mut bytes, |out| out.extend_from_slice(payload));
            let frame = frame::read(&bytes, 0);
            read(frame.expect("it was just put").expect("it was just put"));
        }
    }
}

fn read(frame: Frame<'_>) {
    if let Ok(record) = Record::parse(frame) {
        let mut bytes = Vec::new();
        record.put(&mut bytes);
        let again = frame::read(&bytes, 0);
        let again = again.expect("it was just put").expect("it was just put");
        assert_eq!(Record::parse(again), Ok(record));
    }
    if let Ok(SnapshotPart::Series(block)) = read_part(frame) {
        let mut last = None;
        let _ = block.for_each(|entry| {
            assert!(last < Some(entry.id), "ids ascend");
            last = Some(entry.id);
        });
    }
}

/// A log and a snapshot, and their payloads by length.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut log = Vec::new();
    header::put(&mut log, Kind::Log, 1);
    let records = [
        Record::Create {
            id: 300,
            definition: 1,
            name: "servers.web01.cpu",
        },
        Record::Remove { id: 7 },
        Record::Register { name: "a;b=c" },
        Record::Reserve { next: 1_000 },
    ];
    for record in records {
        record.put(&mut log);
    }
    let mut builder = SnapshotBuilder::new(2);
    for id in 0..20 {
        builder.series(SeriesEntry {
            id: id * 3,
            definition: 0,
            is_unregistered: id == 4,
            name: &format!("servers.web{id}.cpu"),
        });
    }
    builder.end(60);
    let snapshot = builder.take();
    let lengths = log[header::BYTES..]
        .chunks(20)
        .flat_map(|chunk| [&[chunk.len() as u8], chunk].concat());
    let pieces = lengths.collect();
    vec![log, snapshot, pieces]
}
