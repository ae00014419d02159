//! The texts between the dots, each kept once.

use hashbrown::HashTable;

use super::arena::Arena;
use crate::metric::name;

/// A component's place; equal components have equal places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Component(u32);

impl Component {
    /// As a number that stands for the text in hashes.
    pub(super) fn number(self) -> u32 {
        self.0
    }
}

/// All components of all names.
#[derive(Default)]
pub(super) struct Components {
    texts: Arena,
    table: HashTable<u32>,
}

impl Components {
    /// The place of a text that is known.
    pub(super) fn find(&self, text: &str) -> Option<Component> {
        let found = self.table.find(name::hash(text.as_bytes()), |&place| {
            self.texts.get(place) == text
        });
        found.copied().map(Component)
    }

    /// The place of a text, new or known.
    ///
    /// # Panics
    /// When there is no room, which [`Components::has_room`] tells beforehand.
    pub(super) fn intern(&mut self, text: &str) -> Component {
        let Self { texts, table } = self;
        let hash = name::hash(text.as_bytes());
        if let Some(&place) = table.find(hash, |&place| texts.get(place) == text) {
            return Component(place);
        }
        let place = texts.push("", text).expect("room was asked for before");
        table.insert_unique(hash, place, |&place| {
            name::hash(texts.get(place).as_bytes())
        });
        Component(place)
    }

    /// True when all components of a name of `bytes` with `count` nodes fit.
    pub(super) fn has_room(&self, bytes: usize, count: usize) -> bool {
        self.texts.has_room(bytes, count)
    }

    /// The text.
    #[inline]
    pub(super) fn text(&self, component: Component) -> &str {
        self.texts.get(component.0)
    }
}
