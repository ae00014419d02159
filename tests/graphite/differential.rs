//! Requests composed at random, asked of graphite-web and of the daemon.
//!
//! `PLUMBAGO_DIFFERENTIAL` is the number of renders and of lookups, `PLUMBAGO_DIFFERENTIAL_SEED` the seed of the
//! first ones; each following one has the next. What is printed with a difference runs that request again alone:
//!
//! ```text
//! PLUMBAGO_DIFFERENTIAL=1 PLUMBAGO_DIFFERENTIAL_SEED=4711 cargo test --test graphite live_differential -- --nocapture
//! ```

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::compose::{self, Request};
use crate::daemon::Home;
use crate::lookups;
use crate::outcome::{Outcome, Pair};
use crate::random::Random;
use crate::reference::Reference;
use crate::shrink::shrink;
use crate::subject;

/// Requests of an ordinary run, less than a minute.
const REQUESTS: u64 = 500;

/// Questions for names of an ordinary run, a few seconds.
const LOOKUPS: u64 = 300;

/// The first seed of an ordinary run.
const SEED: u64 = 1;

/// Requests in flight at once.
const ASKERS: usize = 4;

/// Differences that are made small and printed.
const DIFFERENCES_SHOWN: usize = 25;

#[derive(Default)]
struct Tally {
    counts: BTreeMap<&'static str, usize>,
    differences: Vec<(u64, Request, String)>,
}

#[test]
fn live_differential_of_random_targets() {
    let Some(corpus) = subject::corpus() else {
        return;
    };
    let home = Home::new();
    let daemon = subject::on_strata(&corpus, &home);
    let folder = home.path("graphite-web");
    subject::unpack_whisper(&corpus, &folder.join("whisper"));
    let reference = Reference::start(&folder, None);
    subject::load_events(&corpus, &reference.base());
    subject::load_tags(&corpus, &reference.base());

    let pair = Pair::new(&reference.base(), &daemon.url(""));
    let tally = run(&pair);
    report(&pair, &tally);
    let seeds = seeds(LOOKUPS);
    let lookups = lookups::run(&reference.base(), &daemon.url(""), seeds);
    lookups
        .iter()
        .for_each(|difference| println!("{difference}"));
    daemon.stop();
    assert!(
        tally.differences.is_empty() && lookups.is_empty(),
        "the answers differ"
    );
}

fn run(pair: &Pair) -> Tally {
    let seeds = seeds(REQUESTS);
    let next = AtomicU64::new(seeds.start);
    let tally = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..ASKERS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let request = compose::request(&mut Random::new(seed));
                    let outcome = pair.ask(&request);
                    tally.lock().unwrap().add(seed, request, outcome);
                }
            });
        }
    });
    tally.into_inner().unwrap()
}

impl Tally {
    fn add(&mut self, seed: u64, request: Request, outcome: Outcome) {
        let kind = match outcome {
            Outcome::Same => "the same",
            Outcome::Refused => "refused by both",
            Outcome::ReferenceCrashed => "the reference crashed",
            Outcome::AcceptedByAccident => "a wrong kind of argument, refused here",
            Outcome::NothingFound => "a senseless argument for no values, refused here",
            Outcome::OnPurpose(reason) => reason,
            Outcome::Different(difference) => {
                self.differences.push((seed, request, difference));
                "different"
            }
        };
        *self.counts.entry(kind).or_default() += 1;
    }
}

fn report(pair: &Pair, tally: &Tally) {
    println!("{:#?}", tally.counts);
    for (seed, request, difference) in &tally.differences {
        println!(
            "DIFF {seed}: {:?} {}",
            request.texts(),
            difference.replace('\n', "//")
        );
    }
    for (seed, request, difference) in tally.differences.iter().take(DIFFERENCES_SHOWN) {
        println!("seed {seed}: {:?}", request.texts());
        let smallest = shrink(request, |smaller| {
            matches!(pair.ask(smaller), Outcome::Different(_))
        });
        let difference = match pair.ask(&smallest) {
            Outcome::Different(difference) => difference,
            _ => format!("(not again) {difference}"),
        };
        println!("  {:?} {:?}", smallest.texts(), smallest.parameters);
        println!("  {difference}");
    }
}

/// What the variables say, else `count` from the first seed on.
fn seeds(count: u64) -> std::ops::Range<u64> {
    let first = number("PLUMBAGO_DIFFERENTIAL_SEED", SEED);
    first..first + number("PLUMBAGO_DIFFERENTIAL", count)
}

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{variable} is a number, not {text}")),
        Err(_) => default,
    }
}
