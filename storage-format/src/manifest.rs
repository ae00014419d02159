//! The manifest: what a group of series (one family in one shard) has on disk. See `manifest.md`.
//!
//! It is small, replaced whole (temp file, fsync, rename, fsync of the folder) at every structural
//! change, and is the only truth about which block files count: a file that it does not name is
//! the leftover of an interrupted step.

use crate::error::FormatError;
use crate::version;

const MAGIC: [u8; 8] = *b"PLMBmani";
const PART: &str = "manifest";
const HEAD_BYTES: usize = 16;
const ARCHIVES_MAX: u32 = 255;

/// Which files of a group count, and how far each of its archives has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The first slot of the ring: everything before is in blocks.
    pub low: i64,
    /// Rows of slots before this one are clean; `cleared <= low`. Rows between are cleared on opening.
    pub cleared: i64,
    /// The first late segment that still counts.
    pub late_from: u64,
    /// The number that the next block file gets.
    pub next_generation: u64,
    /// One entry an archive, finest first.
    pub archives: Vec<ArchiveManifest>,
}

/// One archive's part of a [`Manifest`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArchiveManifest {
    /// Slots before this one were rolled up from the finer archive; unused in the finest.
    pub rolled: i64,
    /// The block files, in the order in which they cover one another.
    pub blocks: Vec<BlockEntry>,
}

/// One block file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockEntry {
    /// False for what sealing and rolling up made, true for late points: patches cover bases.
    pub is_patch: bool,
    /// Unique in the group; of two patches the greater number covers the other.
    pub generation: u64,
    /// The first slot.
    pub first_slot: i64,
    /// Slots from there on.
    pub slots: u32,
    /// The file's length.
    pub bytes: u64,
}

impl Manifest {
    /// The file's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + 64 * self.archives.len());
        bytes.extend(MAGIC);
        bytes.extend(u32::from(version::MANIFEST).to_le_bytes());
        bytes.extend((self.archives.len() as u32).to_le_bytes());
        for field in [self.low as u64, self.cleared as u64] {
            bytes.extend(field.to_le_bytes());
        }
        bytes.extend(self.late_from.to_le_bytes());
        bytes.extend(self.next_generation.to_le_bytes());
        for archive in &self.archives {
            bytes.extend(archive.rolled.to_le_bytes());
            bytes.extend((archive.blocks.len() as u64).to_le_bytes());
            for block in &archive.blocks {
                block.encode(&mut bytes);
            }
        }
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    /// Reads a manifest back.
    ///
    /// # Errors
    /// Anything that [`Manifest::encode`] would not have written.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let fields = checked(bytes)?;
        let mut reader = Reader {
            bytes: fields,
            at: 12,
        };
        let archives = reader.u32()?;
        if archives > ARCHIVES_MAX {
            return Err(invalid(12, "at most 255 archives", u64::from(archives)));
        }
        let mut manifest = Self {
            low: reader.i64()?,
            cleared: reader.i64()?,
            late_from: reader.u64()?,
            next_generation: reader.u64()?,
            archives: Vec::new(),
        };
        for _ in 0..archives {
            manifest
                .archives
                .push(ArchiveManifest::decode(&mut reader)?);
        }
        if reader.at != fields.len() {
            return Err(invalid(
                reader.at,
                "the end",
                (fields.len() - reader.at) as u64,
            ));
        }
        Ok(manifest)
    }
}

impl ArchiveManifest {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, FormatError> {
        let rolled = reader.i64()?;
        let count = reader.u64()?;
        let mut blocks = Vec::new();
        for _ in 0..count {
            blocks.push(BlockEntry::decode(reader)?);
        }
        Ok(Self { rolled, blocks })
    }
}

impl BlockEntry {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.first_slot.to_le_bytes());
        bytes.extend(self.generation.to_le_bytes());
        bytes.extend(self.bytes.to_le_bytes());
        bytes.extend(self.slots.to_le_bytes());
        bytes.extend(u32::from(self.is_patch).to_le_bytes());
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, FormatError> {
        let at = reader.at;
        let block = Self {
            first_slot: reader.i64()?,
            generation: reader.u64()?,
            bytes: reader.u64()?,
            slots: reader.u32()?,
            is_patch: match reader.u32()? {
                0 => false,
                1 => true,
                other => return Err(invalid(at + 28, "0 or 1", u64::from(other))),
            },
        };
        if block.slots == 0 {
            return Err(invalid(at + 24, "one slot or more", 0));
        }
        Ok(block)
    }
}

/// Checks magic, version and checksum; returns the bytes without the checksum.
fn checked(bytes: &[u8]) -> Result<&[u8], FormatError> {
    let (Some(magic), true) = (bytes.first_chunk::<8>(), bytes.len() >= HEAD_BYTES + 4) else {
        return Err(truncated(0, HEAD_BYTES + 4, bytes.len()));
    };
    if *magic != MAGIC {
        return Err(FormatError::Magic {
            part: PART,
            found: *magic,
        });
    }
    let (fields, rest) = bytes.split_at(bytes.len() - 4);
    let expected = u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]]);
    let found = crc32fast::hash(fields);
    if found != expected {
        return Err(FormatError::Checksum {
            part: PART,
            offset: 0,
            expected,
            found,
        });
    }
    let found = u16::from_le_bytes([bytes[8], bytes[9]]);
    version::check(PART, found, version::MANIFEST)?;
    Ok(fields)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let left = &self.bytes[self.at..];
        let Some(field) = left.first_chunk::<N>() else {
            return Err(truncated(self.at, N, left.len()));
        };
        self.at += N;
        Ok(*field)
    }

    fn u32(&mut self) -> Result<u32, FormatError> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    fn u64(&mut self) -> Result<u64, FormatError> {
        Ok(u64::from_le_bytes(self.take()?))
    }

    fn i64(&mut self) -> Result<i64, FormatError> {
        Ok(i64::from_le_bytes(self.take()?))
    }
}

fn truncated(offset: usize, needed: usize, available: usize) -> FormatError {
    FormatError::Truncated {
        part: PART,
        offset: offset as u64,
        needed: needed as u64,
        available: available as u64,
    }
}

fn invalid(offset: usize, expected: &'static str, found: u64) -> FormatError {
    FormatError::Invalid {
        part: PART,
        offset: offset as u64,
        expected,
        found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Manifest {
        let block = |first_slot, is_patch| BlockEntry {
            is_patch,
            generation: 9,
            first_slot,
            slots: 120,
            bytes: 4711,
        };
        Manifest {
            low: 240,
            cleared: 120,
            late_from: 3,
            next_generation: 10,
            archives: vec![
                ArchiveManifest {
                    rolled: 0,
                    blocks: vec![block(0, false), block(120, true)],
                },
                ArchiveManifest {
                    rolled: 20,
                    blocks: vec![],
                },
            ],
        }
    }

    #[test]
    fn manifest_survives_a_round_trip() {
        for manifest in [Manifest::default(), sample()] {
            assert_eq!(Manifest::decode(&manifest.encode()), Ok(manifest));
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let bytes = sample().encode();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Manifest::decode(&damaged).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(
                Manifest::decode(&bytes[..length]).is_err(),
                "{length} bytes"
            );
        }
    }

    #[test]
    fn count_beyond_the_bytes_is_refused_without_allocating() {
        let mut bytes = sample().encode();
        bytes[56..64].copy_from_slice(&u64::MAX.to_le_bytes());
        let end = bytes.len() - 4;
        let checksum = crc32fast::hash(&bytes[..end]).to_le_bytes();
        bytes[end..].copy_from_slice(&checksum);
        assert!(matches!(
            Manifest::decode(&bytes),
            Err(FormatError::Truncated { .. })
        ));
    }
}
