//! Runs the operations of `vectors/whisper_reference.py` with this crate: same lines in, same
//! answers out.

use std::collections::BTreeMap;

use plumbago_storage_format::whisper::{
    ArchiveSpec, Comparison, Dialect, Header, Resize, WhisperError,
};

/// The answers to a list of operations, a line each.
pub(crate) fn run(operations: &str) -> Vec<String> {
    let mut files = Files::default();
    operations.lines().map(|line| files.answer(line)).collect()
}

#[derive(Default)]
struct Files {
    name: String,
    files: BTreeMap<String, Vec<u8>>,
}

impl Files {
    fn answer(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        let outcome = self.operate(words[0], &words[1..]);
        outcome.unwrap_or_else(|_| "refused".to_owned())
    }

    fn operate(&mut self, operation: &str, words: &[&str]) -> Result<String, WhisperError> {
        match operation {
            "open" => self.name = words[0].to_owned(),
            "create" => self.create(words)?,
            "update" => {
                let (header, file) = self.file();
                header.update(file, number(words[1]), value(words[2]), number(words[0]))?;
            }
            "many" => {
                let points: Vec<(i64, f64)> = words[1..].iter().copied().map(point).collect();
                let (header, file) = self.file();
                let written = header.update_many(file, &points, number(words[0]))?;
                let all = written.stored + written.too_old + written.future;
                assert_eq!(all, points.len());
            }
            "fetch" => return self.fetch(words),
            "method" => {
                let method = words[0].parse().expect("a method");
                let (mut header, file) = self.file();
                let former = header.set_aggregation_method(file, method)?;
                assert_eq!(Header::parse(file, Dialect::Reference)?, header);
                return Ok(former.to_string());
            }
            "factor" => {
                let (mut header, file) = self.file();
                let former = header.set_x_files_factor(file, words[0].parse().unwrap())?;
                assert_eq!(Header::parse(file, Dialect::Reference)?, header);
                // Python shows the double that the float is.
                return Ok(format!("{:?}", f64::from(former)));
            }
            "merge" => {
                let source = self.files[words[3]].clone();
                let source_header = Header::parse(&source, Dialect::Reference)?;
                let range = (number(words[1]), number(words[2]));
                let (header, file) = self.file();
                header.merge(file, (&source_header, &source), range, number(words[0]))?;
            }
            "diff" => return self.diff(words),
            "resize" => self.resize(words)?,
            "fill" => {
                let source = self.files[words[1]].clone();
                let source_header = Header::parse(&source, Dialect::Reference)?;
                let (header, file) = self.file();
                header.fill(file, (&source_header, &source), number(words[0]))?;
            }
            "bytes" => {
                let bytes = self.files[&self.name].iter();
                return Ok(bytes.map(|byte| format!("{byte:02x}")).collect());
            }
            "save" => {}
            other => panic!("no operation {other:?}"),
        }
        Ok("ok".to_owned())
    }

    fn create(&mut self, words: &[&str]) -> Result<(), WhisperError> {
        let header = new_header(words)?;
        header.check_rules()?;
        self.files.insert(self.name.clone(), header.image());
        Ok(())
    }

    fn resize(&mut self, words: &[&str]) -> Result<(), WhisperError> {
        let source = &self.files[words[1]];
        let header = Header::parse(source, Dialect::Reference)?;
        let how = match words[5] {
            "aggregate" => Resize::Aggregate,
            _ => Resize::Points,
        };
        let resized = header.resize(source, &new_header(&words[2..])?, how, number(words[0]))?;
        self.files.insert(self.name.clone(), resized);
        Ok(())
    }

    fn diff(&mut self, words: &[&str]) -> Result<String, WhisperError> {
        let other = self.files[words[3]].clone();
        let other_header = Header::parse(&other, Dialect::Reference)?;
        let comparison = Comparison {
            now: number(words[0]),
            until: number(words[1]),
            ignores_empty: words[2] == "both",
        };
        let (header, file) = self.file();
        let diffs = header.diff(file, (&other_header, &other), comparison)?;
        let lines = diffs.iter().map(|diff| {
            let mut line = format!("{} {}", diff.archive, diff.compared);
            for point in &diff.differences {
                let (a, b) = (text(point.a), text(point.b));
                line.push_str(&format!(" {}:{a}:{b}", point.timestamp_s));
            }
            line
        });
        Ok(lines.collect::<Vec<_>>().join(" ; "))
    }

    fn file(&mut self) -> (Header, &mut Vec<u8>) {
        let file = self.files.get_mut(&self.name).expect("a file is open");
        let header = Header::parse(file, Dialect::Reference).expect("it was made here");
        assert_eq!(&file[..header.header_bytes()], header.encode());
        (header, file)
    }

    fn fetch(&mut self, words: &[&str]) -> Result<String, WhisperError> {
        let [now, from, until] = [words[0], words[1], words[2]].map(number);
        let (header, file) = self.file();
        let Some(fetched) = header.fetch(file, from, until, now)? else {
            return Ok("none".to_owned());
        };
        let mut line = format!("{} {} {}", fetched.start_s, fetched.end_s, fetched.step_s);
        for value in fetched.values {
            let known = (!value.is_nan()).then_some(value);
            line.push_str(&format!(" {}", text(known)));
        }
        Ok(line)
    }
}

/// The header of METHOD FACTOR STEP:POINTS,...
fn new_header(words: &[&str]) -> Result<Header, WhisperError> {
    let spec = |text: &str| {
        let (step, points) = text.split_once(':').expect("STEP:POINTS");
        ArchiveSpec {
            step_s: step.parse().unwrap(),
            points: points.parse().unwrap(),
        }
    };
    let archives: Vec<ArchiveSpec> = words[2].split(',').map(spec).collect();
    let method = words[0].parse().expect("a method");
    let factor = words[1].parse().unwrap();
    Header::new(&archives, method, factor, Dialect::Reference)
}

fn text(value: Option<f64>) -> String {
    value.map_or_else(
        || "-".to_owned(),
        |value| format!("{:016x}", value.to_bits()),
    )
}

fn number(text: &str) -> i64 {
    text.parse().expect("a whole number")
}

fn value(text: &str) -> f64 {
    f64::from_bits(u64::from_str_radix(text, 16).expect("sixteen hex digits"))
}

fn point(text: &str) -> (i64, f64) {
    let (time, bits) = text.split_once(':').expect("TIME:VALUE");
    (number(time), value(bits))
}
