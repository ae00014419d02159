//! Questions for names, tags and events composed at random, asked of graphite-web and of the daemon.
//!
//! The variables of `differential` say how many and from which seed.

use serde_json::Value;
use ureq::Agent;

use crate::compare::clip;
use crate::pools::{LIMITS, NODE_PATTERNS, NUMBER_WORDS, TAG_CONDITIONS, TAG_NAMES, TIMES};
use crate::random::Random;
use crate::subject::NOW;

/// A question and its parameters.
#[derive(Clone, Debug)]
struct Lookup {
    path: String,
    parameters: Vec<(&'static str, String)>,
}

/// Asks both the questions of some seeds; what differs, with the seed.
pub(crate) fn run(reference: &str, subject: &str, seeds: std::ops::Range<u64>) -> Vec<String> {
    let config = Agent::config_builder().http_status_as_error(false);
    let agent: Agent = config.build().into();
    let differences = seeds.filter_map(|seed| {
        let lookup = compose(&mut Random::new(seed));
        let answers = [reference, subject].map(|base| ask(&agent, base, &lookup));
        let difference = difference(&answers[0], &answers[1])?;
        Some(format!("lookup {seed}: {lookup:?}: {difference}"))
    });
    differences.collect()
}

fn compose(random: &mut Random) -> Lookup {
    let mut lookup = Lookup {
        path: String::new(),
        parameters: Vec::new(),
    };
    match random.below(10) {
        0..=3 => lookup.find(random),
        4..=5 => lookup.expand(random),
        6 => lookup.tags(random),
        7..=8 => lookup.series_by_tag(random),
        _ => lookup.events(random),
    }
    lookup
}

impl Lookup {
    fn find(&mut self, random: &mut Random) {
        self.path = "/metrics/find".to_owned();
        self.add("query", pattern(random));
        self.add("now", NOW.to_string());
        self.sometimes(
            random,
            60,
            "format",
            &["json", "completer", "nodelist", "treejson"],
        );
        for name in [
            "leavesOnly",
            "wildcards",
            "local",
            "automatic_variants",
            "position",
        ] {
            self.sometimes(random, 15, name, NUMBER_WORDS);
        }
        self.sometimes(random, 15, "from", TIMES);
        self.sometimes(random, 15, "until", TIMES);
    }

    fn expand(&mut self, random: &mut Random) {
        self.path = "/metrics/expand".to_owned();
        for _ in 0..1 + random.below(3) {
            self.add("query", pattern(random));
        }
        for name in ["leavesOnly", "groupByExpr"] {
            self.sometimes(random, 30, name, &["0", "1", "2", "-1"]);
        }
    }

    fn tags(&mut self, random: &mut Random) {
        let tag = *random.pick(TAG_NAMES);
        self.path = match random.below(3) {
            0 => "/tags".to_owned(),
            _ => format!("/tags/{tag}"),
        };
        self.sometimes(
            random,
            40,
            "filter",
            &["h", "^w", "o", ".*", "e$", "web0[12]", ""],
        );
    }

    fn series_by_tag(&mut self, random: &mut Random) {
        for _ in 0..random.below(3) {
            let condition = *random.pick(TAG_CONDITIONS);
            self.add("expr", condition.to_owned());
        }
        match random.below(3) {
            0 => self.path = "/tags/findSeries".to_owned(),
            1 => {
                self.path = "/tags/autoComplete/tags".to_owned();
                self.sometimes(random, 40, "tagPrefix", &["h", "na", "x", ""]);
                self.sometimes(random, 40, "limit", LIMITS);
            }
            _ => {
                self.path = "/tags/autoComplete/values".to_owned();
                self.sometimes(random, 95, "tag", TAG_NAMES);
                self.sometimes(random, 40, "valuePrefix", &["w", "web0", "4", "x", ""]);
                self.sometimes(random, 40, "limit", LIMITS);
            }
        }
    }

    fn events(&mut self, random: &mut Random) {
        self.path = "/events/get_data".to_owned();
        let tags = [
            "deploy",
            "deploy api",
            "restart",
            "*",
            "dep",
            "alert cpu",
            "",
        ];
        self.sometimes(random, 60, "tags", &tags);
        self.sometimes(random, 30, "set", &["union", "intersection", "other"]);
        let times = ["1749996700", "1749996701", "20250615", "0", "bogus"];
        self.sometimes(random, 30, "from", &times);
        self.sometimes(random, 30, "until", &times);
    }

    fn add(&mut self, name: &'static str, value: String) {
        self.parameters.push((name, value));
    }

    fn sometimes(
        &mut self,
        random: &mut Random,
        percent: usize,
        name: &'static str,
        choices: &[&str],
    ) {
        if random.percent(percent) {
            let choice: &str = choices[random.below(choices.len())];
            self.add(name, choice.to_owned());
        }
    }
}

/// Up to five nodes with a dot between them; the first is none of those that find the reference's files
/// of tagged series.
fn pattern(random: &mut Random) -> String {
    let count = 1 + random.below(5);
    let mut nodes: Vec<&str> = (0..count).map(|_| *random.pick(NODE_PATTERNS)).collect();
    while nodes[0].starts_with('*') || nodes[0].starts_with("[!") {
        nodes[0] = *random.pick(NODE_PATTERNS);
    }
    nodes.join(".")
}

fn ask(agent: &Agent, base: &str, lookup: &Lookup) -> (u16, String) {
    let mut request = agent.get(format!("{base}{}", lookup.path));
    for (name, value) in &lookup.parameters {
        request = request.query(*name, value);
    }
    let mut answer = request.call().unwrap();
    let status = answer.status().as_u16();
    (status, answer.body_mut().read_to_string().unwrap())
}

fn difference(expected: &(u16, String), got: &(u16, String)) -> Option<String> {
    let is_same = match (expected.0, got.0) {
        (_, 500..) => false,
        (500.., _) | (400.., 400..) => true,
        (200, 200) => {
            let documents = [expected, got].map(|answer| comparable(&answer.1));
            documents[0] == documents[1]
        }
        _ => false,
    };
    (!is_same).then(|| {
        let clipped = |answer: &(u16, String)| format!("{} {}", answer.0, clip(&answer.1));
        format!("expected {}\n    got {}", clipped(expected), clipped(got))
    })
}

/// A document without what is of each server alone: the reference's files of tagged series, this
/// daemon's metrics of its own, row numbers, and times of first points. What the reference lists
/// unordered is sorted.
fn comparable(body: &str) -> Value {
    fn is_own(value: &Value) -> bool {
        let texts = [&value["id"], &value["path"], &value["text"], value];
        let mut texts = texts.into_iter().filter_map(Value::as_str);
        texts.any(|text| {
            let root = text.split(['.', ';']).next();
            matches!(root, Some("_tagged" | "carbon"))
        })
    }
    fn clean(value: Value) -> Value {
        match value {
            Value::Array(items) => {
                let items = items.into_iter().filter(|item| !is_own(item));
                let mut items: Vec<Value> = items.map(clean).collect();
                if items.iter().any(|item| item.get("path").is_some()) {
                    items.sort_by_key(Value::to_string);
                }
                Value::Array(items)
            }
            Value::Object(members) => {
                let kept = members.into_iter().filter(|(name, value)| {
                    name != "intervals" && !(name == "id" && value.is_number())
                });
                Value::Object(kept.map(|(name, value)| (name, clean(value))).collect())
            }
            other => other,
        }
    }
    clean(serde_json::from_str(body).unwrap_or_else(|_| Value::from(body)))
}
