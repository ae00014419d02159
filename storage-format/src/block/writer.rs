//! From series to the bytes of a block.

use super::header::{HEADER_BYTES, Header, Span};
use super::index::{Entry, GROUP, put_detail};
use crate::codec::{Encoded, Encoder, SLOTS_MAX};

/// Collects the series of one block, in ascending order of id.
///
/// The whole block is kept in memory until [`Writer::finish`]; a block of a stripe is a few
/// megabytes.
#[derive(Debug)]
pub struct Writer {
    span: Span,
    encoder: Encoder,
    /// The file so far: a gap for the header, then payload.
    bytes: Vec<u8>,
    directory: Vec<u8>,
    details: Vec<u8>,
    /// The open group: ids, lengths, and where its payload begins in `bytes`.
    ids: Vec<u32>,
    lengths: Vec<u32>,
    group_at: usize,
    last_id: Option<u32>,
    series: u32,
    points: u64,
}

impl Writer {
    /// A writer of an empty block.
    ///
    /// # Panics
    /// If the span has no slots, more than 65,535, or a step of zero.
    pub fn new(span: Span) -> Self {
        assert!(span.step_s > 0, "a step of at least a second");
        assert!(
            (1..=SLOTS_MAX).contains(&(span.slots as usize)),
            "1 to 65535 slots"
        );
        Self {
            span,
            encoder: Encoder::new(),
            bytes: vec![0; HEADER_BYTES],
            directory: Vec::new(),
            details: Vec::new(),
            ids: Vec::with_capacity(GROUP),
            lengths: Vec::with_capacity(GROUP),
            group_at: HEADER_BYTES,
            last_id: None,
            series: 0,
            points: 0,
        }
    }

    /// Adds the series `id`: one value a slot, NaN where there is none.
    ///
    /// A series without any value takes no room: it is as if it had not been pushed.
    ///
    /// # Panics
    /// If `id` is not above all pushed before, or there is not one value a slot.
    pub fn push(&mut self, id: u32, values: &[f64]) {
        assert_eq!(values.len(), self.span.slots as usize, "one value a slot");
        self.check_order(id);
        let start = self.bytes.len();
        let present = self.encoder.encode(values, &mut self.bytes);
        if present > 0 {
            self.add(id, start, present);
        }
    }

    /// Adds the series `id` as another block of as many slots has it, without decoding it.
    ///
    /// # Panics
    /// If `id` is not above all pushed before, or the numbers of slots differ.
    pub fn push_encoded(&mut self, id: u32, encoded: &Encoded<'_>) {
        assert_eq!(encoded.slots(), self.span.slots as usize, "equal slots");
        self.check_order(id);
        let start = self.bytes.len();
        self.bytes.extend_from_slice(encoded.bytes());
        self.add(id, start, encoded.present());
    }

    /// How many series with at least one value were pushed.
    pub fn series(&self) -> u32 {
        self.series
    }

    /// About how long the block is by now, in bytes.
    pub fn bytes_so_far(&self) -> usize {
        self.bytes.len() + self.directory.len() + self.details.len()
    }

    /// The bytes of the block.
    pub fn finish(mut self) -> Vec<u8> {
        self.close_group();
        let mut index = self.directory;
        index.append(&mut self.details);
        let header = Header {
            span: self.span,
            series: self.series,
            points: self.points,
            payload_bytes: (self.bytes.len() - HEADER_BYTES) as u64,
            index_bytes: index.len() as u64,
            index_checksum: crc32fast::hash(&index),
        };
        self.bytes[..HEADER_BYTES].copy_from_slice(&header.to_bytes());
        self.bytes.append(&mut index);
        self.bytes
    }

    fn check_order(&mut self, id: u32) {
        assert!(self.last_id.is_none_or(|last| last < id), "ascending ids");
        self.last_id = Some(id);
    }

    fn add(&mut self, id: u32, start: usize, present: usize) {
        self.ids.push(id);
        let length = self.bytes.len() - start;
        // A series is at most 65,535 values of 18 bytes: the value itself and an exception's place.
        self.lengths.push(length as u32);
        self.series += 1;
        self.points += present as u64;
        if self.ids.len() == GROUP {
            self.close_group();
        }
    }

    fn close_group(&mut self) {
        let Some(&first_id) = self.ids.first() else {
            return;
        };
        let entry = Entry {
            first_id,
            detail_at: self.details.len() as u32,
            payload_at: (self.group_at - HEADER_BYTES) as u64,
        };
        entry.put(&mut self.directory);
        let payload = &self.bytes[self.group_at..];
        put_detail(&self.ids, &self.lengths, payload, &mut self.details);
        self.ids.clear();
        self.lengths.clear();
        self.group_at = self.bytes.len();
    }
}
