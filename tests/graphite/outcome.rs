//! One request asked of both, and what became of it.

use ureq::Agent;

use crate::answers;
use crate::compare::clip;
use crate::compose::{Request, reads_again};

/// The longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 512 << 20;

/// A list without series is shorter than this in every format.
const EMPTY_ANSWER_BYTES_MAX: usize = 16;

/// What a comparison shows.
pub(crate) enum Outcome {
    /// The same answer.
    Same,
    /// Refused by both.
    Refused,
    /// The reference crashed, so nothing can be wrong but a crash.
    ReferenceCrashed,
    /// The reference takes an argument of a kind that its own signature forbids.
    AcceptedByAccident,
    /// An argument that makes no sense is refused here although there is no value to use it on.
    NothingFound,
    /// Listed as a divergence.
    OnPurpose(&'static str),
    Different(String),
}

/// Asks both for the same things.
pub(crate) struct Pair {
    agent: Agent,
    reference: String,
    subject: String,
}

impl Pair {
    pub(crate) fn new(reference: &str, subject: &str) -> Self {
        let config = Agent::config_builder().http_status_as_error(false);
        Self {
            agent: config.build().into(),
            reference: format!("{reference}/render"),
            subject: format!("{subject}/render"),
        }
    }

    pub(crate) fn ask(&self, request: &Request) -> Outcome {
        let (status, expected) = self.answer(&self.reference, request);
        let (our_status, got) = self.answer(&self.subject, request);
        if our_status >= 500 {
            return Outcome::Different(format!("status {our_status}: {}", excerpt(&got)));
        }
        match (status, our_status) {
            (500.., _) => Outcome::ReferenceCrashed,
            (200, 200) => match answers::compare(request.format(), &expected, &got) {
                Ok(()) => Outcome::Same,
                Err(_) if self.is_dygraph_alone(request) => {
                    Outcome::OnPurpose("dygraph rows are paired by time")
                }
                Err(difference) => {
                    on_purpose(request).map_or(Outcome::Different(difference), Outcome::OnPurpose)
                }
            },
            (200, _) if request.is_odd => Outcome::AcceptedByAccident,
            (200, _) if expected.len() < EMPTY_ANSWER_BYTES_MAX => Outcome::NothingFound,
            (200, _) => {
                if answers::is_without_values(request.format(), &expected) {
                    return Outcome::NothingFound;
                }
                if request.targets.len() > 1 && self.is_senseless_alone(request) {
                    return Outcome::NothingFound;
                }
                let refusal = format!("refused: {}", excerpt(&got));
                if SENSELESS_REFUSALS.iter().any(|part| refusal.contains(part)) {
                    return Outcome::OnPurpose(SENSELESS);
                }
                on_purpose(request).map_or(Outcome::Different(refusal), Outcome::OnPurpose)
            }
            // The window that is drawn is evaluated as well there, only to be read again.
            (_, 200)
                if request.targets.iter().any(reads_again)
                    && excerpt(&expected).contains("must have equal length") =>
            {
                Outcome::ReferenceCrashed
            }
            (_, 200) => {
                let expected = excerpt(&expected);
                Outcome::Different(format!(
                    "expected a refusal ({expected}), got {}",
                    excerpt(&got)
                ))
            }
            _ => Outcome::Refused,
        }
    }

    /// True when only dygraph's table differs: the reference pairs series of different starts by their
    /// position in it and not by time.
    fn is_dygraph_alone(&self, request: &Request) -> bool {
        let mut as_json = request.clone();
        for (name, value) in &mut as_json.parameters {
            if *name == "format" && value == "dygraph" {
                *value = "json".to_owned();
            }
        }
        request.format() == "dygraph" && matches!(self.ask(&as_json), Outcome::Same)
    }

    /// True when one of several targets is refused here for an argument that it has no use for.
    fn is_senseless_alone(&self, request: &Request) -> bool {
        request.targets.iter().any(|target| {
            let alone = Request {
                targets: vec![target.clone()],
                ..request.clone()
            };
            matches!(self.ask(&alone), Outcome::NothingFound)
        })
    }

    fn answer(&self, url: &str, request: &Request) -> (u16, Vec<u8>) {
        // A worker of the reference that crashes closes the connection.
        let Ok(mut answer) = self.agent.post(url).send_form(request.form()) else {
            return (599, Vec::new());
        };
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX);
        (status, body.read_to_vec().unwrap())
    }
}

fn excerpt(body: &[u8]) -> String {
    clip(&String::from_utf8_lossy(body))
}

/// Rows of README.md's compatibility page, as far as random requests meet them.
const LONGER_REFERENCE: &str = "`transformNull` with a longer reference series";
const ONE_SECOND: &str = "lines over a single second";
const TWO_BANDS: &str = "the tags of two bands of `holtWintersConfidenceBands`";
const STACKED_TWICE: &str = "`stacked` inside of a function that reads again";
const SENSELESS: &str = "negative window sizes, percentiles above 100, a logarithm to base 1";
const SENSELESS_REFUSALS: &[&str] = &["must be a percentage from 0 to 100", "must not be negative"];
const NO_LABEL: &str = "`verticalLine` without a label";
const INTEGERS: &str = "numbers that are integers to it, such as those of `countSeries`, `isNonNull` and \
                        `changed`, in csv, raw, legends and tags";

#[test]
fn what_random_requests_may_differ_in_stands_in_the_readme() {
    let readme = include_str!("../../README.md");
    for row in [
        LONGER_REFERENCE,
        ONE_SECOND,
        TWO_BANDS,
        STACKED_TWICE,
        SENSELESS,
        NO_LABEL,
        INTEGERS,
    ] {
        assert!(readme.contains(&format!("\n| {row} | ")), "{row}");
    }
}

/// The row for which the answers to a request may differ.
fn on_purpose(request: &Request) -> Option<&'static str> {
    let text = request.texts().join(" ");
    let has = |names: &[&str]| names.iter().any(|name| text.contains(name));
    if has(&["transformNull("]) {
        return Some(LONGER_REFERENCE);
    }
    if has(&[
        "constantLine(",
        "threshold(",
        "aggregateLine(",
        "countSeries()",
    ]) && request.is_of_one_second()
    {
        return Some(ONE_SECOND);
    }
    if has(&["offsetToZero("]) && has(&["holtWinters"]) {
        return Some(TWO_BANDS);
    }
    if has(&["stacked("]) && request.targets.iter().any(reads_again) {
        return Some(STACKED_TWICE);
    }
    let mut lines = text.split("verticalLine(").skip(1);
    if lines.any(|line| {
        line.split(')')
            .next()
            .is_some_and(|line| !line.contains(','))
    }) || has(&["verticalLine("]) && has(&["none"])
    {
        return Some(NO_LABEL);
    }
    // Values come as numbers, whatever they are printed as.
    if has(&[
        "legendValue(",
        "offsetToZero(",
        "aliasQuery(",
        "aggregateLine(",
    ]) && has(&[
        "countSeries(",
        "isNonNull(",
        "changed(",
        "exponentialMovingAverage(",
        "holtWintersAberration(",
        "\"count\"",
    ]) {
        return Some(INTEGERS);
    }
    None
}
