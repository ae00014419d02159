//! How a group's archives are cut in time: spans of blocks, the ring's window, ages.
//!
//! Pure arithmetic on slots (`timestamp / step`, rounded down); everything else asks here.

use plumbago_storage_format::ring::ROWS;

use crate::metric::Retention;

/// Slots of one sealed block of the finest archive, and at most of any archive.
///
/// Two spans and the rows ahead of the clock must fit in the ring's 256 rows; a longer span
/// compresses a little better but leaves less time to seal it.
pub(super) const SPAN_SLOTS: i64 = 120;
/// A span is sealed once the clock is this many slots past its end, so that senders who are late (by
/// up to ten minutes at a step of ten seconds: a relay that was down, a queue that drains) still
/// reach the ring.
pub(super) const GRACE_SLOTS: i64 = 64;
/// Slots of a merged block at most.
const WIDTH_SLOTS_MAX: i64 = 4096;
/// How far ahead of the clock a store may at most go, in slots: what two spans and the grace leave.
pub(super) const FUTURE_SLOTS_MAX: i64 = 40;

/// The slots of one archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ArchiveLayout {
    /// Seconds a slot.
    pub(super) step: i64,
    /// Slots of a base block; blocks begin at multiples of it.
    pub(super) span: i64,
    /// Slots of a merged block, a multiple of `span`: an eighth of the archive, since a block leaves
    /// only when all of it is over.
    pub(super) width: i64,
    /// Seconds that the archive reaches back.
    pub(super) retention: i64,
}

/// The archives of a retention as the engine cuts them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    archives: Vec<ArchiveLayout>,
}

impl Layout {
    /// Cuts a retention's archives.
    ///
    /// Coarse values are computed from finer ones until a whole coarse span can be rolled up, and the
    /// finer points are kept that long. So a coarse span lasts at most half of the finer retention,
    /// or eight of the finest spans where that is longer.
    pub(super) fn new(retention: &Retention) -> Self {
        let least_s = 8 * SPAN_SLOTS * i64::from(retention.finest().step);
        let mut archives: Vec<ArchiveLayout> = Vec::new();
        for archive in retention.archives() {
            let step = i64::from(archive.step);
            let span = match archives.last() {
                None => SPAN_SLOTS,
                Some(finer) => ((finer.retention / 2).max(least_s) / step).clamp(1, SPAN_SLOTS),
            };
            let eighth = i64::from(archive.points) / 8;
            archives.push(ArchiveLayout {
                step,
                span,
                width: align_down(eighth.clamp(span, WIDTH_SLOTS_MAX), span),
                retention: archive.retention(),
            });
        }
        Self { archives }
    }

    /// The archives, finest first.
    pub(super) fn archives(&self) -> &[ArchiveLayout] {
        &self.archives
    }

    /// The finest archive.
    pub(super) fn finest(&self) -> ArchiveLayout {
        self.archives[0]
    }

    /// The archive that a point of age `age` seconds goes to: the finest that still holds that age.
    /// `None` when it is too old for all. A point whose age is exactly the retention would, in
    /// Whisper, erase the newest slot; here it goes to the next archive.
    pub(super) fn archive_for_age(&self, age: i64) -> Option<usize> {
        let holds = |archive: &ArchiveLayout| age < archive.retention;
        self.archives.iter().position(holds)
    }

    /// Slots of an archive before this one are *aged*: the coarse window around them has begun to
    /// leave the archive, so Whisper's file would lack some of its points when it rolls up anew.
    /// Never, for an archive without a coarser one.
    pub(super) fn aged_before(&self, archive: usize, now: i64) -> i64 {
        let Some(coarser) = self.archives.get(archive + 1) else {
            return i64::MIN;
        };
        let fine = self.archives[archive];
        let windows = (now - fine.retention).div_euclid(coarser.step) + 1;
        windows * coarser.step / fine.step
    }

    /// Where the sealed part ends when the clock shows `now`: the first slot that stays open.
    pub(super) fn open_from(&self, now: i64) -> i64 {
        let slot = now.div_euclid(self.finest().step) - GRACE_SLOTS;
        align_down(slot, SPAN_SLOTS)
    }

    /// Slots ahead of the clock's that a store may reach.
    pub(super) fn future_slots(&self, window_s: i64) -> i64 {
        let step = self.finest().step;
        let slots = window_s.max(0) / step + i64::from(window_s % step != 0);
        slots.clamp(1, FUTURE_SLOTS_MAX)
    }
}

/// The greatest multiple of `unit` that is not above `slot`.
pub(super) fn align_down(slot: i64, unit: i64) -> i64 {
    slot - slot.rem_euclid(unit)
}

/// The rows of a ring as slots.
pub(super) const ROW_SLOTS: i64 = ROWS as i64;

const _: () = assert!(2 * SPAN_SLOTS + GRACE_SLOTS <= ROW_SLOTS + SPAN_SLOTS);
const _: () = assert!(SPAN_SLOTS + GRACE_SLOTS + FUTURE_SLOTS_MAX + 32 <= ROW_SLOTS);

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(text: &str) -> Layout {
        Layout::new(&Retention::parse(text).unwrap())
    }

    #[test]
    fn coarse_spans_fit_the_finer_retention() {
        let spans = |text| -> Vec<i64> {
            let layout = layout(text);
            layout.archives().iter().map(|a| a.span).collect()
        };
        assert_eq!(spans("10s:6h,1m:7d,10m:1y"), [120, 120, 120]);
        assert_eq!(spans("10s:6h,10m:1y"), [120, 18]);
        assert_eq!(spans("1s:1m,1m:1d"), [120, 16]);
        assert_eq!(spans("60s:7d"), [120]);
    }

    #[test]
    fn merged_blocks_are_whole_spans_and_an_eighth_of_the_archive() {
        let layout = layout("10s:6h,1m:7d,10m:1y");
        let widths: Vec<i64> = layout.archives().iter().map(|a| a.width).collect();
        assert_eq!(widths, [240, 1200, 4080]);
    }

    #[test]
    fn point_of_exactly_the_retention_goes_to_the_coarser_archive() {
        let layout = layout("10s:1h,1m:1d");
        assert_eq!(layout.archive_for_age(-5), Some(0));
        assert_eq!(layout.archive_for_age(3599), Some(0));
        assert_eq!(layout.archive_for_age(3600), Some(1));
        assert_eq!(layout.archive_for_age(86_400), None);
    }

    #[test]
    fn window_is_aged_once_its_first_slot_left_the_retention() {
        let layout = layout("10s:1h,1m:1d");
        // At 7200 the archive reaches back to 3600: the window of 3600 has just begun to leave.
        assert_eq!(layout.aged_before(0, 7200), 366);
        assert_eq!(layout.aged_before(0, 7199), 360);
        assert_eq!(layout.aged_before(1, 7200), i64::MIN);
    }

    #[test]
    fn clock_leaves_a_span_open_until_the_grace_is_over() {
        let layout = layout("10s:1h");
        let sealed = (1200 + GRACE_SLOTS) * 10;
        assert_eq!(layout.open_from(sealed - 1), 1080);
        assert_eq!(layout.open_from(sealed), 1200);
    }

    #[test]
    fn future_window_is_at_least_a_slot_and_fits_the_ring() {
        let layout = layout("10s:1h");
        assert_eq!(layout.future_slots(0), 1);
        assert_eq!(layout.future_slots(61), 7);
        assert_eq!(layout.future_slots(1 << 30), FUTURE_SLOTS_MAX);
    }
}
