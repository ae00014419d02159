//! The series that the engine knows, by their ids.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};
use plumbago_storage_format::whisper::{TaggedNames, relative_path};

use crate::metric::{Retention, Rollup, SeriesId};

/// What a series is rolled up by and into; one allocation for all series that share it.
#[derive(Debug, PartialEq)]
pub(super) struct Definition {
    pub(super) retention: Arc<Retention>,
    pub(super) rollup: Rollup,
}

/// Whether a series has a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// Nobody looked yet.
    Unknown,
    /// There is none yet.
    Absent,
    /// It has one, or had one when last looked.
    Present,
    /// It had one, which somebody removed; the series is about to leave the catalog.
    Gone,
}

/// One series.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) id: SeriesId,
    pub(super) name: Arc<str>,
    /// The shard whose state has its points.
    pub(super) shard: usize,
    /// Replaced when its file says something else; read by anyone.
    definition: ArcSwap<Definition>,
    /// A [`Presence`]. Relaxed: whoever acts on it looks at the file itself.
    presence: AtomicU8,
    /// True while its file cannot be used. Relaxed: a point more or less in between does no harm.
    pub(super) has_failed: AtomicBool,
}

impl Series {
    /// What it is rolled up by and into.
    pub(super) fn definition(&self) -> Arc<Definition> {
        self.definition.load_full()
    }

    /// Runs `ask` on the definition without counting a reference.
    #[inline]
    pub(super) fn with_definition<T>(&self, ask: impl FnOnce(&Definition) -> T) -> T {
        ask(&self.definition.load())
    }

    pub(super) fn redefine(&self, definition: Arc<Definition>) {
        self.definition.store(definition);
    }

    pub(super) fn presence(&self) -> Presence {
        match self.presence.load(Ordering::Relaxed) {
            0 => Presence::Unknown,
            1 => Presence::Absent,
            2 => Presence::Present,
            _ => Presence::Gone,
        }
    }

    pub(super) fn set_presence(&self, presence: Presence) {
        self.presence.store(presence as u8, Ordering::Relaxed);
    }

    /// Where its file is below the tree; `None` for a name that has no file of its own.
    pub(super) fn relative_path(&self, tagged: TaggedNames) -> Option<PathBuf> {
        relative_path(&self.name, tagged).map(PathBuf::from)
    }
}

/// All series: shards and readers look in, new ones are put in under the write lock.
#[derive(Debug, Default)]
pub(super) struct SeriesTable {
    all: RwLock<Vec<Option<Arc<Series>>>>,
    /// Every definition that some series has or had; they are few.
    definitions: Mutex<Vec<Arc<Definition>>>,
}

impl SeriesTable {
    #[inline]
    pub(super) fn get(&self, id: SeriesId) -> Option<Arc<Series>> {
        self.all.read().get(id.index())?.clone()
    }

    /// Puts a series in unless it is there; answers it, and whether it is new.
    pub(super) fn define(
        &self,
        (id, name): (SeriesId, &Arc<str>),
        shard: usize,
        definition: &Arc<Definition>,
    ) -> (Arc<Series>, bool) {
        let mut all = self.all.write();
        if id.index() >= all.len() {
            all.resize(id.index() + 1, None);
        }
        let place = &mut all[id.index()];
        if let Some(series) = place {
            return (Arc::clone(series), false);
        }
        let series = Arc::new(Series {
            id,
            name: Arc::clone(name),
            shard,
            definition: ArcSwap::new(Arc::clone(definition)),
            presence: AtomicU8::new(Presence::Unknown as u8),
            has_failed: AtomicBool::new(false),
        });
        *place = Some(Arc::clone(&series));
        (series, true)
    }

    /// Takes a series out.
    pub(super) fn remove(&self, id: SeriesId) -> Option<Arc<Series>> {
        self.all.write().get_mut(id.index())?.take()
    }

    /// The one allocation of a definition.
    pub(super) fn shared(&self, retention: &Arc<Retention>, rollup: Rollup) -> Arc<Definition> {
        let mut definitions = self.definitions.lock();
        let same = |known: &&Arc<Definition>| {
            known.rollup == rollup
                && (Arc::ptr_eq(&known.retention, retention) || known.retention == *retention)
        };
        if let Some(known) = definitions.iter().find(same) {
            return Arc::clone(known);
        }
        let definition = Arc::new(Definition {
            retention: Arc::clone(retention),
            rollup,
        });
        definitions.push(Arc::clone(&definition));
        definition
    }
}
