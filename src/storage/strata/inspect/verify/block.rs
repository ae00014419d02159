//! One block file: length, place, every checksum, every value.

use std::path::Path;

use plumbago_storage_format::block::{Reader, Span};

use super::group::Check;
use super::{Read, read};
use crate::storage::StoreError;
use crate::storage::damage::{Damage, Findings};

/// The check of one block.
pub(super) struct BlockCheck<'a> {
    pub(super) group: &'a Check<'a>,
    pub(super) path: &'a Path,
    /// What the manifest says of it: its span and its length.
    pub(super) expected: Option<(Span, u64)>,
}

impl BlockCheck<'_> {
    /// Reads and checks it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn run(&self, findings: &mut Findings) -> Result<(), StoreError> {
        let bytes = match read(self.path, self.group.watch, findings)? {
            Read::Whole(bytes) => bytes,
            Read::Missing => {
                let missing = Damage::new(self.path, "the file is missing", self.cost());
                findings.damage.push(self.whole(missing));
                return Ok(());
            }
            Read::Lost => return Ok(()),
        };
        let reader = match Reader::open(&bytes) {
            Ok(reader) => reader,
            Err(error) => {
                let damage = Damage::of_format(self.path, &error, self.cost());
                findings.damage.push(self.whole(damage));
                return Ok(());
            }
        };
        self.check_place(&reader, bytes.len() as u64, findings);
        let before = findings.damage.len();
        self.check_payload(&reader, findings);
        if findings.damage.len() == before {
            self.check_values(&reader, findings);
        }
        Ok(())
    }

    fn cost(&self) -> &'static str {
        "no point of its series in this span is served from this archive"
    }

    /// A damage that costs the whole block.
    fn whole(&self, damage: Damage) -> Damage {
        Damage {
            span: self
                .expected
                .map(|(span, _)| span.first_slot_s..span.end_s()),
            ..damage
        }
    }

    fn check_place(&self, reader: &Reader<'_>, length: u64, findings: &mut Findings) {
        let Some((expected, bytes)) = self.expected else {
            return;
        };
        let found = reader.header().span;
        if found != expected {
            let problem = format!("it holds {found:?}, the manifest says {expected:?}");
            let damage = Damage::new(self.path, problem, self.cost());
            findings.damage.push(self.whole(damage));
        } else if length != bytes {
            let problem = format!("it has {length} bytes, the manifest says {bytes}");
            let cost = "none: the file is whole in itself";
            findings.damage.push(Damage::new(self.path, problem, cost));
        }
    }

    fn check_payload(&self, reader: &Reader<'_>, findings: &mut Findings) {
        let span = reader.header().span;
        for damage in reader.verify() {
            let cost = match damage.ids.len() {
                0 => "up to 64 series have no points in this span of this archive".to_owned(),
                1 => "a series has no points in this span of this archive".to_owned(),
                count => format!("{count} series have no points in this span of this archive"),
            };
            findings.damage.push(Damage {
                span: Some(span.first_slot_s..span.end_s()),
                series: damage.ids,
                ..Damage::of_format(self.path, &damage.error, cost)
            });
        }
    }

    /// What checksums cannot tell: order, place, and that values are values.
    fn check_values(&self, reader: &Reader<'_>, findings: &mut Findings) {
        let header = reader.header();
        let mut values = vec![f64::NAN; header.span.slots as usize];
        let mut previous = None;
        let (mut series, mut points) = (0, 0);
        let mut report = |problem: String, cost: &str, ids: Vec<u32>| {
            findings.damage.push(Damage {
                span: Some(header.span.first_slot_s..header.span.end_s()),
                series: ids,
                ..Damage::new(self.path, problem, cost)
            });
        };
        for found in reader.iter().flatten() {
            let id = found.id;
            if previous >= Some(id) {
                let problem = format!("series {id} does not follow in order");
                report(problem, "it may not be found", vec![id]);
            }
            previous = Some(id);
            found.encoded.decode(&mut values);
            let known = values.iter().filter(|value| !value.is_nan()).count();
            if known != found.encoded.present() {
                let problem = format!("series {id} holds a value that is no number");
                report(problem, "the value reads as absent", vec![id]);
            }
            if self.group.is_misplaced(id) {
                let problem = format!("series {id} belongs to another shard");
                report(problem, "nobody reads its points here", vec![id]);
            }
            series += 1;
            points += known as u64;
        }
        if (series, points) != (header.series, header.points) {
            let problem = format!(
                "it holds {series} series and {points} values, its header says {} and {}",
                header.series, header.points
            );
            report(problem, "none: the counts are for people", Vec::new());
        }
    }
}
