//! Events: deployments, restarts and the like, marked on graphs beside the metrics.
//!
//! `api` posts and lists them, `evaluate` reads their times for the `events()` function. They are few
//! (people and deployment scripts write them), so all of them are held in memory, sorted by time,
//! and every one is on disk and synced before its post is answered ([`file`]).
//!
//! Threads: any may read and append; appends stand in line on the file.

mod file;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};

use file::EventFile;

pub use file::EventCheck;

/// The name of the log inside the data folder.
pub const EVENTS_FILE: &str = "events.log";

/// Longest text of one event, all fields together; more is refused rather than cut.
pub const EVENT_BYTES_MAX: usize = 64 * 1024;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its number; the first is 1.
    pub id: u64,
    /// Seconds since the epoch.
    pub when: i64,
    /// What happened.
    pub what: String,
    /// Words to find it by, in the order they were given.
    pub tags: Vec<String>,
    /// Anything more.
    pub data: String,
}

/// An event that has no number yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewEvent {
    /// Seconds since the epoch.
    pub when: i64,
    /// What happened.
    pub what: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Anything more.
    pub data: String,
}

/// How the tags of a query are held against those of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TagMatch {
    /// Every event.
    #[default]
    Any,
    /// Events with all of these tags, where tags that no event has are passed over. When that leaves
    /// none of them, no event matches. So Graphite's tagging library answers `tags=` without `set=`.
    AllKnown(Vec<String>),
    /// Events with all of these tags.
    All(Vec<String>),
    /// Events with at least one of these tags.
    OneOf(Vec<String>),
}

/// Why an event could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// It is longer than [`EVENT_BYTES_MAX`].
    #[error("the event has {0} bytes; at most {EVENT_BYTES_MAX} are kept")]
    TooLong(usize),
    /// The file cannot be read or written.
    #[error("{}: {action}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// An earlier append failed and could not be taken back.
    #[error("no event is kept since: {0}")]
    Poisoned(String),
}

/// All events, kept on disk.
pub struct EventLog {
    /// Sorted by time, then by number.
    events: RwLock<Vec<Event>>,
    /// Held while an event is written; the lock order is this one, then `events`.
    writer: Mutex<Writer>,
}

struct Writer {
    /// `None` when events live in memory alone.
    file: Option<EventFile>,
    next_id: u64,
}

impl EventLog {
    /// Opens or makes the log in a folder. A last line that was cut off is removed; lines that are
    /// damaged otherwise are left in place and passed over, and are counted in the log.
    ///
    /// # Errors
    /// When the file cannot be read, made or repaired.
    pub fn open(folder: &Path) -> Result<Self, EventError> {
        let path = folder.join(EVENTS_FILE);
        let (file, mut events, damaged) = EventFile::open(path)?;
        if damaged > 0 {
            tracing::warn!(path = %file.path().display(), damaged, "damaged events were passed over");
        }
        let next_id = events.iter().map(|event| event.id).max().unwrap_or(0) + 1;
        events.sort_by_key(|event| (event.when, event.id));
        Ok(Self {
            events: RwLock::new(events),
            writer: Mutex::new(Writer {
                file: Some(file),
                next_id,
            }),
        })
    }

    /// Reads the log in a folder whole and changes nothing; `None` when there is none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn check(folder: &Path) -> Result<Option<EventCheck>, EventError> {
        file::check(&folder.join(EVENTS_FILE))
    }

    /// A log that forgets, for tests and for stores that are only looked at.
    pub fn in_memory() -> Self {
        Self {
            events: RwLock::default(),
            writer: Mutex::new(Writer {
                file: None,
                next_id: 1,
            }),
        }
    }

    /// Keeps an event: it is synced to disk when this returns.
    ///
    /// # Errors
    /// When it is too long or cannot be written; nothing of it is kept then.
    pub fn append(&self, event: NewEvent) -> Result<Event, EventError> {
        let texts = event.what.len() + event.data.len();
        let bytes = texts + event.tags.iter().map(|tag| tag.len() + 1).sum::<usize>();
        if bytes > EVENT_BYTES_MAX {
            return Err(EventError::TooLong(bytes));
        }
        let mut writer = self.writer.lock();
        let event = Event {
            id: writer.next_id,
            when: event.when,
            what: event.what,
            tags: event.tags,
            data: event.data,
        };
        if let Some(file) = &mut writer.file {
            file.append(&event)?;
        }
        writer.next_id += 1;
        let mut events = self.events.write();
        let place = events.partition_point(|other| (other.when, other.id) < (event.when, event.id));
        events.insert(place, event.clone());
        Ok(event)
    }

    /// The event of a number.
    pub fn get(&self, id: u64) -> Option<Event> {
        let events = self.events.read();
        events.iter().find(|event| event.id == id).cloned()
    }

    /// The events in `from..=until` that match, by time, then by number.
    pub fn find(&self, from: i64, until: i64, tags: &TagMatch) -> Vec<Event> {
        let mut found = Vec::new();
        self.visit(from, until, tags, |event| found.push(event.clone()));
        found
    }

    /// The times of the events in `from..=until` that match, ascending.
    pub fn times(&self, from: i64, until: i64, tags: &TagMatch) -> Vec<i64> {
        let mut times = Vec::new();
        self.visit(from, until, tags, |event| times.push(event.when));
        times
    }

    fn visit(&self, from: i64, until: i64, tags: &TagMatch, mut each: impl FnMut(&Event)) {
        let events = self.events.read();
        let resolved = resolve(tags, &events);
        let first = events.partition_point(|event| event.when < from);
        for event in events[first..]
            .iter()
            .take_while(|event| event.when <= until)
        {
            if resolved.matches(event) {
                each(event);
            }
        }
    }
}

/// Takes the tags that no event has out of [`TagMatch::AllKnown`].
fn resolve(tags: &TagMatch, events: &[Event]) -> TagMatch {
    let TagMatch::AllKnown(wanted) = tags else {
        return tags.clone();
    };
    let all_tags = events.iter().flat_map(|event| &event.tags);
    let known: HashSet<&String> = all_tags.collect();
    let kept: Vec<String> = wanted
        .iter()
        .filter(|tag| known.contains(tag))
        .cloned()
        .collect();
    if kept.is_empty() {
        TagMatch::OneOf(kept)
    } else {
        TagMatch::All(kept)
    }
}

impl TagMatch {
    fn matches(&self, event: &Event) -> bool {
        match self {
            Self::Any => true,
            Self::All(tags) | Self::AllKnown(tags) => {
                tags.iter().all(|tag| event.tags.contains(tag))
            }
            Self::OneOf(tags) => tags.iter().any(|tag| event.tags.contains(tag)),
        }
    }
}

#[cfg(test)]
mod tests;
