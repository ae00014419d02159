//! What no writer would have left behind in the slots of a file whose header is sound.

use std::fmt;

use super::{Header, SLOT_BYTES, Slot, WhisperError};

/// Damage that a header does not show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// More bytes than the header describes.
    Long {
        /// How many bytes too many.
        excess_bytes: u64,
    },
    /// A slot whose timestamp is no multiple of the step.
    Uneven(SlotPlace),
    /// A slot whose timestamp belongs into another slot.
    Misplaced(SlotPlace),
}

/// Where a slot is and what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotPlace {
    /// The archive's number, 0 = finest.
    pub archive: usize,
    /// The slot's number.
    pub slot: usize,
    /// Its timestamp.
    pub timestamp_s: u32,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, reason) = match self {
            Self::Long { excess_bytes } => {
                return write!(formatter, "{excess_bytes} bytes after the last archive");
            }
            Self::Uneven(place) => (place, "is no multiple of the step"),
            Self::Misplaced(place) => (place, "belongs into another slot"),
        };
        let SlotPlace {
            archive,
            slot,
            timestamp_s,
        } = place;
        write!(
            formatter,
            "archive {archive}, slot {slot}: timestamp {timestamp_s} {reason}"
        )
    }
}

impl Header {
    /// Everything that is wrong with the slots and the length of a file. Empty archives may have
    /// anything in them, as no reader looks at it.
    ///
    /// # Errors
    /// A file that is too short.
    pub fn faults(&self, bytes: &[u8]) -> Result<Vec<Fault>, WhisperError> {
        self.check_length(bytes)?;
        let mut faults = Vec::new();
        let excess_bytes = bytes.len() as u64 - self.file_bytes();
        if excess_bytes > 0 {
            faults.push(Fault::Long { excess_bytes });
        }
        for (number, archive) in self.archives().iter().enumerate() {
            let Some(base) = archive.base(bytes) else {
                continue;
            };
            let slots = archive.slots(bytes).enumerate();
            for (slot, found) in slots.filter(|(_, found)| found.timestamp_s != 0) {
                let timestamp_s = found.timestamp_s;
                let place = SlotPlace {
                    archive: number,
                    slot,
                    timestamp_s,
                };
                if !timestamp_s.is_multiple_of(archive.step_s) {
                    faults.push(Fault::Uneven(place));
                } else if archive.slot_number(base, i64::from(timestamp_s)) as usize != slot {
                    faults.push(Fault::Misplaced(place));
                }
            }
        }
        Ok(faults)
    }
}

/// The newest timestamp in the slots of one archive, of which `slots` are all bytes; `None` if it is
/// empty. A file's newest point is in its finest archive, whose slots keep what they had until they
/// are written again, unless only points too old for it were ever written.
pub fn newest_of_slots(slots: &[u8]) -> Option<u32> {
    let (slots, _) = slots.as_chunks::<SLOT_BYTES>();
    let base = Slot::read(slots.first()?).timestamp_s;
    let newest = slots.iter().map(|slot| Slot::read(slot).timestamp_s).max();
    newest.filter(|_| base > 0)
}
