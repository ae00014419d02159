//! Tests of the event log: matching, order, and what a crash can leave behind.

use super::*;

fn event(when: i64, what: &str, tags: &[&str]) -> NewEvent {
    NewEvent {
        when,
        what: what.into(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        data: String::new(),
    }
}

fn filled(log: EventLog) -> EventLog {
    for new in [
        event(300, "web", &["deploy", "web"]),
        event(100, "old", &["deploy"]),
        event(300, "api", &["deploy", "api"]),
        event(400, "alert", &["alert"]),
        event(500, "bare", &[]),
    ] {
        log.append(new).unwrap();
    }
    log
}

fn names(log: &EventLog, from: i64, until: i64, tags: TagMatch) -> Vec<String> {
    let found = log.find(from, until, &tags);
    found.into_iter().map(|event| event.what).collect()
}

fn words(tags: &[&str]) -> Vec<String> {
    tags.iter().map(|tag| (*tag).to_owned()).collect()
}

#[test]
fn events_come_by_time_and_both_ends_count() {
    let log = filled(EventLog::in_memory());
    let all = names(&log, i64::MIN, i64::MAX, TagMatch::Any);
    assert_eq!(all, ["old", "web", "api", "alert", "bare"]);
    assert_eq!(
        names(&log, 300, 400, TagMatch::Any),
        ["web", "api", "alert"]
    );
    assert_eq!(log.times(101, 399, &TagMatch::Any), [300, 300]);
    assert!(names(&log, 400, 300, TagMatch::Any).is_empty());
}

#[test]
fn tags_match_as_graphite_matches_them() {
    let log = filled(EventLog::in_memory());
    let find = |tags| names(&log, 0, 1000, tags);
    assert_eq!(
        find(TagMatch::OneOf(words(&["web", "alert", "nosuch"]))),
        ["web", "alert"]
    );
    assert_eq!(find(TagMatch::All(words(&["deploy", "web"]))), ["web"]);
    assert!(find(TagMatch::All(words(&["deploy", "nosuch"]))).is_empty());
    assert_eq!(
        find(TagMatch::AllKnown(words(&["deploy", "nosuch"]))),
        ["old", "web", "api"]
    );
    assert!(find(TagMatch::AllKnown(words(&["nosuch"]))).is_empty());
    assert!(find(TagMatch::AllKnown(words(&[""]))).is_empty());
}

#[test]
fn events_are_there_again_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let before = filled(EventLog::open(folder.path()).unwrap());
    let all = before.find(i64::MIN, i64::MAX, &TagMatch::Any);
    drop(before);
    let after = EventLog::open(folder.path()).unwrap();
    assert_eq!(after.find(i64::MIN, i64::MAX, &TagMatch::Any), all);
    assert_eq!(after.append(event(600, "next", &[])).unwrap().id, 6);
    assert_eq!(after.get(2).unwrap().what, "old");
    assert_eq!(after.get(99), None);
}

#[test]
fn line_cut_off_at_any_byte_costs_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(EVENTS_FILE);
    filled(EventLog::open(folder.path()).unwrap());
    let whole = std::fs::read(&path).unwrap();
    let last = memchr::memrchr(b'\n', &whole[..whole.len() - 1]).unwrap() + 1;
    for cut in last..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let log = EventLog::open(folder.path()).unwrap();
        assert_eq!(
            log.times(0, 1000, &TagMatch::Any),
            [100, 300, 300, 400],
            "{cut}"
        );
        let again = log.append(event(450, "again", &[])).unwrap();
        assert_eq!(again.id, 5);
        drop(log);
        let log = EventLog::open(folder.path()).unwrap();
        assert_eq!(
            log.times(0, 1000, &TagMatch::Any),
            [100, 300, 300, 400, 450]
        );
    }
}

#[test]
fn damaged_line_is_passed_over_and_left_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(EVENTS_FILE);
    filled(EventLog::open(folder.path()).unwrap());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let log = EventLog::open(folder.path()).unwrap();
    assert_eq!(
        names(&log, 0, 1000, TagMatch::Any),
        ["old", "api", "alert", "bare"]
    );
    drop(log);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[test]
fn texts_survive_with_every_character() {
    let folder = tempfile::tempdir().unwrap();
    let new = NewEvent {
        when: -1,
        what: "line\nbreak \u{0} é".into(),
        tags: words(&["a\tb"]),
        data: "{\"json\":[1]}".into(),
    };
    let kept = EventLog::open(folder.path()).unwrap().append(new).unwrap();
    assert_eq!(EventLog::open(folder.path()).unwrap().get(1), Some(kept));
}

#[test]
fn event_beyond_the_limit_is_refused() {
    let log = EventLog::in_memory();
    let long = NewEvent {
        data: "x".repeat(EVENT_BYTES_MAX + 1),
        ..NewEvent::default()
    };
    assert!(matches!(log.append(long), Err(EventError::TooLong(_))));
    assert!(log.find(i64::MIN, i64::MAX, &TagMatch::Any).is_empty());
}
