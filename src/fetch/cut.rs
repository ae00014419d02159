//! A read of a part of a window's slots, of the archive that the whole window chooses.

use crate::functions::Window;
use crate::storage::Selection;

use super::Leaf;

/// A leaf over a window, or over a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Read {
    /// The leaf.
    pub leaf: Leaf,
    /// The whole window: with the store's retentions it says which archive answers.
    pub window: Window,
    /// The part of it.
    pub cut: Cut,
}

/// What is left out of a window, in seconds. Both are multiples of the step that answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cut {
    /// How much later it begins.
    pub later: i64,
    /// How much earlier it ends.
    pub earlier: i64,
}

impl Read {
    /// All of a window.
    pub fn whole(leaf: Leaf, window: Window) -> Self {
        Self {
            leaf,
            window,
            cut: Cut::default(),
        }
    }
}

impl Cut {
    /// True when nothing is left out.
    pub fn is_whole(self) -> bool {
        self == Self::default()
    }

    /// A window without what is left out.
    pub fn apply(self, window: Window) -> Window {
        Window {
            from: window.from + self.later,
            until: window.until - self.earlier,
            ..window
        }
    }

    /// The window that this is a part of: undoes [`Cut::apply`].
    pub fn undo(self, window: Window) -> Window {
        Window {
            from: window.from - self.later,
            until: window.until + self.earlier,
            ..window
        }
    }

    /// The slots that are left of those of the whole window.
    pub(super) fn select(self, whole: Selection) -> Selection {
        let start = whole.start + self.later;
        Selection {
            start,
            end: (whole.end - self.earlier).max(start),
            ..whole
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_window_knows_its_whole() {
        let window = Window {
            from: 100,
            until: 900,
            now: 1_000,
        };
        let cut = Cut {
            later: 300,
            earlier: 60,
        };
        let part = cut.apply(window);
        assert_eq!((part.from, part.until, part.now), (400, 840, 1_000));
        assert_eq!(cut.undo(part), window);
    }

    #[test]
    fn slots_of_a_part_are_those_of_the_whole_without_both_ends() {
        let whole = Selection {
            archive: 1,
            start: 120,
            end: 960,
            step: 60,
        };
        let cut = Cut {
            later: 300,
            earlier: 60,
        };
        let part = cut.select(whole);
        assert_eq!((part.start, part.end, part.slots()), (420, 900, 8));
        let nothing = Cut {
            later: 900,
            earlier: 0,
        };
        assert_eq!(nothing.select(whole).slots(), 0);
    }
}
