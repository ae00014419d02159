//! A map that holds so many bytes and no more: what was not asked for longest goes first.
//!
//! `evaluate` keeps computed series in one, `api` answers in another. It knows neither: an owner says
//! how many bytes a value takes, and counts what it asks of it ([`CacheStatistics`]).
//!
//! Threads: any; a short lock around each call, never held while a value is made or dropped.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashMap;
use parking_lot::Mutex;

/// What an entry takes beside its key and value: both maps' nodes.
const ENTRY_BYTES: usize = 128;

/// The map. A limit of 0 bytes keeps nothing.
#[derive(Debug)]
pub struct Cache<K, V> {
    bytes_max: usize,
    state: Mutex<State<K, V>>,
    statistics: CacheStatistics,
}

#[derive(Debug)]
struct State<K, V> {
    entries: HashMap<Arc<K>, Entry<V>>,
    /// Keys by when they were last asked for.
    order: BTreeMap<u64, Arc<K>>,
    clock: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry<V> {
    value: Arc<V>,
    bytes: usize,
    used: u64,
}

/// How a cache was used since the start.
#[derive(Debug, Default)]
pub struct CacheStatistics {
    hits: AtomicU64,
    misses: AtomicU64,
    evictions: AtomicU64,
}

/// Numbers of a cache at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheNumbers {
    /// Times that something of use was found.
    pub hits: u64,
    /// Times that nothing was.
    pub misses: u64,
    /// Values that made room for others.
    pub evictions: u64,
    /// Values held.
    pub entries: usize,
    /// Their bytes.
    pub bytes: usize,
}

impl<K: Hash + Eq, V> Cache<K, V> {
    /// An empty cache of at most `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            state: Mutex::new(State {
                entries: HashMap::new(),
                order: BTreeMap::new(),
                clock: 0,
                bytes: 0,
            }),
            statistics: CacheStatistics::default(),
        }
    }

    /// True when it may hold anything.
    pub fn is_enabled(&self) -> bool {
        self.bytes_max > 0
    }

    /// The value of a key. Whether it is of use is for the caller to say, with [`Cache::count`].
    pub fn get(&self, key: &K) -> Option<Arc<V>> {
        let mut state = self.state.lock();
        let State {
            entries,
            order,
            clock,
            ..
        } = &mut *state;
        let (key, entry) = entries.get_key_value_mut(key)?;
        *clock += 1;
        order.remove(&entry.used);
        entry.used = *clock;
        order.insert(*clock, Arc::clone(key));
        Some(Arc::clone(&entry.value))
    }

    /// Counts a look-up that was, or was not, of use.
    pub fn count(&self, hit: bool) {
        let counter = if hit {
            &self.statistics.hits
        } else {
            &self.statistics.misses
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Keeps a value of `bytes` bytes in place of what the key had. A value that would take more than
    /// an eighth of all room is not kept: it would push out all others for the sake of one query.
    pub fn insert(&self, key: K, value: Arc<V>, bytes: usize) {
        let bytes = bytes.saturating_add(ENTRY_BYTES);
        if bytes > self.bytes_max / 8 {
            return;
        }
        let key = Arc::new(key);
        let mut gone = Vec::new();
        let mut state = self.state.lock();
        state.clock += 1;
        let used = state.clock;
        state.bytes += bytes;
        let entry = Entry { value, bytes, used };
        if let Some(former) = state.entries.insert(Arc::clone(&key), entry) {
            state.bytes -= former.bytes;
            state.order.remove(&former.used);
            gone.push(former);
        }
        state.order.insert(used, key);
        while state.bytes > self.bytes_max {
            let Some((_, oldest)) = state.order.pop_first() else {
                break;
            };
            if let Some(evicted) = state.entries.remove(&oldest) {
                state.bytes -= evicted.bytes;
                self.statistics.evictions.fetch_add(1, Ordering::Relaxed);
                gone.push(evicted);
            }
        }
        drop(state);
        // Values are freed here, outside of the lock.
        drop(gone);
    }

    /// Its numbers.
    pub fn numbers(&self) -> CacheNumbers {
        let state = self.state.lock();
        CacheNumbers {
            hits: self.statistics.hits.load(Ordering::Relaxed),
            misses: self.statistics.misses.load(Ordering::Relaxed),
            evictions: self.statistics.evictions.load(Ordering::Relaxed),
            entries: state.entries.len(),
            bytes: state.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_asked_for_longest_makes_room() {
        let cache = Cache::new(8_192);
        for key in 0..8 {
            cache.insert(key, Arc::new(key), 1_024 - ENTRY_BYTES);
        }
        assert!(cache.get(&0).is_some());
        cache.insert(8, Arc::new(8), 1_024 - ENTRY_BYTES);
        assert_eq!(cache.get(&0).as_deref(), Some(&0));
        assert_eq!(cache.get(&1), None);
        let numbers = cache.numbers();
        assert_eq!(
            (numbers.entries, numbers.bytes, numbers.evictions),
            (8, 8_192, 1)
        );
    }

    #[test]
    fn new_value_takes_the_place_and_the_bytes_of_the_old_one() {
        let cache = Cache::new(80_000);
        cache.insert("a", Arc::new(1), 5_000);
        cache.insert("a", Arc::new(2), 100);
        assert_eq!(cache.get(&"a").as_deref(), Some(&2));
        assert_eq!(cache.numbers().bytes, 100 + ENTRY_BYTES);
        assert_eq!(cache.numbers().evictions, 0);
    }

    #[test]
    fn value_too_large_for_its_share_and_a_cache_without_room_keep_nothing() {
        let cache = Cache::new(8_192);
        cache.insert(1, Arc::new(()), 1_025);
        assert_eq!(cache.get(&1), None);
        let none = Cache::new(0);
        none.insert(1, Arc::new(()), 0);
        assert_eq!(none.get(&1), None);
        assert!(!none.is_enabled());
    }

    #[test]
    fn look_ups_are_counted_by_their_use() {
        let cache: Cache<u8, u8> = Cache::new(1_000);
        cache.count(true);
        cache.count(false);
        cache.count(false);
        let numbers = cache.numbers();
        assert_eq!((numbers.hits, numbers.misses), (1, 2));
    }
}
