//! Any bytes as a Whisper file: they are refused, or read and written without a panic.

use plumbago_storage_format::whisper::{
    ArchiveSpec, Comparison, Dialect, Header, Method, Resize, metric_name, relative_path,
};

const NOW: i64 = 1_700_000_000;

/// The last 16 bytes are two times as well, the whole also a name.
pub fn run(data: &[u8]) {
    names(data);
    for dialect in [Dialect::Reference, Dialect::GoWhisper] {
        let Ok(header) = Header::parse(data, dialect) else {
            continue;
        };
        assert_eq!(header.encode(), data[..header.header_bytes()]);
        assert!(header.file_bytes() <= data.len() as u64);
        let _ = header.check_rules();
        for now in times(data) {
            read(&header, data, now);
            write(&mut header.clone(), &mut data.to_vec(), now);
        }
    }
}

fn times(data: &[u8]) -> [i64; 5] {
    let tail = data.last_chunk::<16>().copied().unwrap_or_default();
    let [first, second] = [0, 8].map(|at| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&tail[at..at + 8]);
        i64::from_be_bytes(bytes)
    });
    [first, second, NOW, i64::MIN, i64::MAX]
}

fn read(header: &Header, file: &[u8], now: i64) {
    for from in times(file) {
        if let Ok(Some(fetched)) = header.fetch(file, from, from.saturating_add(100), now) {
            let steps = (fetched.end_s - fetched.start_s) / i64::from(fetched.step_s);
            assert_eq!(steps, fetched.values.len() as i64);
        }
        let _ = header.fetch(file, from, now, now);
    }
    for archive in 0..header.archives().len() {
        let points = header
            .points(file, archive, now)
            .expect("it is long enough");
        assert!(points.is_sorted_by(|a, b| a.0 < b.0));
        let slots = header.slots(file, archive).expect("it is long enough");
        assert!(points.len() <= slots.count());
        assert!(header.fetch_archive(file, archive, i64::MIN, now).is_ok());
    }
    examine(header, file, now);
}

fn examine(header: &Header, file: &[u8], now: i64) {
    header.faults(file).expect("it is long enough");
    for until in times(file) {
        let comparison = Comparison {
            now,
            until,
            ignores_empty: false,
        };
        let diffs = header.diff(file, (header, file), comparison);
        let diffs = diffs.expect("it is like itself");
        assert!(diffs.iter().all(|diff| diff.differences.is_empty()));
    }
    let wanted = [(20, 8), (120, 7)].map(|(step_s, points)| ArchiveSpec { step_s, points });
    let wanted = Header::new(&wanted, Method::Sum, 0.5, Dialect::Reference).expect("by the rules");
    for how in [Resize::Points, Resize::Aggregate] {
        let resized = header.resize(file, &wanted, how, now);
        let resized = resized.expect("the method rolls up");
        assert_eq!(
            Header::parse(&resized, Dialect::Reference),
            Ok(wanted.clone())
        );
        assert_eq!(wanted.faults(&resized), Ok(Vec::new()));
    }
}

fn write(header: &mut Header, file: &mut [u8], now: i64) {
    let before = header.encode();
    let points = times(file).map(|time| (time, 1.5));
    if let Ok(written) = header.update_many(file, &points, now) {
        let all = written.stored + written.too_old + written.future;
        assert_eq!(all, points.len());
    }
    for (time, value) in points {
        let _ = header.update(file, time, value, now);
    }
    let other = file.to_vec();
    let _ = header.merge(
        file,
        (header, &other),
        (now.saturating_sub(1_000), now),
        now,
    );
    let _ = header.fill(file, (header, &other), now);
    assert_eq!(before, file[..before.len()], "the header stays");
    let _ = header.set_x_files_factor(file, 0.25);
    let _ = header.set_aggregation_method(file, Method::Max);
    assert_eq!(Header::parse(file, header.dialect()).as_ref(), Ok(&*header));
}

fn names(data: &[u8]) {
    let Ok(name) = std::str::from_utf8(data) else {
        return;
    };
    let _ = metric_name(name);
    let Some(path) = relative_path(name, Default::default()) else {
        return;
    };
    let is_inside = path.split('/').all(|part| !["", ".", ".."].contains(&part));
    assert!(is_inside, "{name:?} is {path:?}");
    if !name.contains(';') && metric_name(&path).is_some() {
        assert_eq!(metric_name(&path).as_deref(), Some(name));
    }
}

/// Files of a few shapes with points in them.
pub fn seeds() -> Vec<Vec<u8>> {
    let spec = |step_s, points| ArchiveSpec { step_s, points };
    let layouts = [
        vec![spec(60, 5)],
        vec![spec(10, 6), spec(60, 4)],
        vec![spec(1, 10), spec(5, 6), spec(30, 3)],
    ];
    let methods = [Method::Average, Method::AbsMax, Method::AvgZero];
    let files = layouts.iter().zip(methods).map(|(layout, method)| {
        let header = Header::new(layout, method, 0.5, Dialect::Reference).expect("by the rules");
        let mut file = header.image();
        let points: Vec<(i64, f64)> = (0..12).map(|at| (NOW - 100 + at * 9, at as f64)).collect();
        header
            .update_many(&mut file, &points, NOW)
            .expect("it is whole");
        file
    });
    files.chain([b"some.metric;tag=value".to_vec()]).collect()
}
