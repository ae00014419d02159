//! graphite-web with this daemon as its only cluster server: what it draws must be what it drew from its
//! own Whisper files when the corpus was recorded.

use crate::daemon::Home;
use crate::reference::Reference;
use crate::{replay, subject};

/// Cases that show nothing of the daemon behind: 1.1.10 itself crashes on the first three, whose recorded
/// answers come from a later version, and the last one asks the front for its own files.
const NOT_BEHIND: [&str; 4] = [
    "render/nonNegativeDerivative/020",
    "render/useSeriesAbove/007",
    "render/useSeriesAbove/009",
    "render/format/174",
];

#[test]
fn live_graphite_web_in_front_draws_the_same_as_from_its_own_files() {
    let Some(corpus) = subject::corpus() else {
        return;
    };
    let home = Home::new();
    let daemon = subject::on_strata(&corpus, &home);
    let folder = home.path("graphite-web");
    std::fs::create_dir_all(folder.join("whisper")).unwrap();
    let reference = Reference::start(&folder, Some(daemon.url("").trim_start_matches("http://")));
    // Events are the front's own.
    subject::load_events(&corpus, &reference.base());
    let files = ["cases-render-functions.jsonl", "cases-render-topics.jsonl"];
    let files = files.map(|name| subject::file(&corpus, name));
    let mut wrong = replay::ask(&corpus, &reference.base(), &home, "cluster", &files, &[]);
    wrong.retain(|failure| !NOT_BEHIND.iter().any(|id| failure.starts_with(id)));
    daemon.stop();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
