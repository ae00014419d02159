//! The corpus on disk: where it is, which cases are chosen, what each of them wants.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;

use crate::compare::Comparison;

/// The files with requests to `/render`.
const RENDER_FILES: [&str; 2] = ["cases-render-functions.jsonl", "cases-render-topics.jsonl"];

/// The folder of the corpus.
pub(crate) struct Corpus {
    folder: PathBuf,
}

/// One recorded request.
pub(crate) struct Case(Value);

impl Corpus {
    /// Finds it; `None` when the environment says to go without.
    ///
    /// # Panics
    /// When it is not there: a run that shows nothing must not look like one that does.
    pub(crate) fn locate() -> Option<Self> {
        let folder = match std::env::var("PLUMBAGO_CONFORMANCE") {
            Ok(choice) if choice == "none" => {
                println!("conformance was NOT checked: PLUMBAGO_CONFORMANCE=none");
                return None;
            }
            Ok(choice) => PathBuf::from(choice),
            Err(_) => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance"),
        };
        assert!(
            folder.join("visible").is_dir(),
            "no conformance corpus at {}: set PLUMBAGO_CONFORMANCE to its folder, or to \"none\" to \
             go without",
            folder.display()
        );
        Some(Self { folder })
    }

    /// Where a file is.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.join("visible").join(file)
    }

    /// The objects of a file with one a line.
    pub(crate) fn lines(&self, file: &str) -> Vec<Value> {
        let path = self.path(file);
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        text.lines().map(|line| parse(&path, line)).collect()
    }

    /// The one object of a file.
    pub(crate) fn object(&self, file: &str) -> Value {
        let path = self.path(file);
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        parse(&path, &text)
    }

    /// What the recorded server said of each of its functions.
    pub(crate) fn functions(&self) -> Vec<(String, Value)> {
        let lists = self.lines("cases-metadata.jsonl");
        let all = lists
            .into_iter()
            .find(|case| case["id"] == "functions/functions/001");
        let mut all = all.expect("the corpus lists all functions");
        match all["response"].take() {
            Value::Object(functions) => functions.into_iter().collect(),
            other => panic!("functions by name, not {other}"),
        }
    }

    /// The ids of all cases that do not write.
    pub(crate) fn ids(&self) -> BTreeSet<String> {
        let files = RENDER_FILES.iter().chain(&["cases-metadata.jsonl"]);
        let cases = files.flat_map(|file| self.lines(file)).map(Case);
        cases.map(|case| case.id().to_owned()).collect()
    }

    /// The `/render` cases in json that the environment chooses.
    pub(crate) fn render_cases(&self) -> Vec<Case> {
        let functions: BTreeSet<String> = variable("FUNCTION")
            .map(|names| names.split(',').map(str::to_owned).collect())
            .unwrap_or_default();
        let part = variable("CASE").unwrap_or_default();
        let chosen = |case: &Case| {
            case.0["compare"] == "render-json"
                && case.id().contains(&part)
                && (functions.is_empty() || case.functions().any(|name| functions.contains(name)))
        };
        RENDER_FILES
            .iter()
            .flat_map(|file| self.lines(file))
            .map(Case)
            .filter(chosen)
            .collect()
    }
}

fn parse(path: &Path, text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The cases that differ on purpose, with the reason of each.
pub(crate) fn divergences() -> BTreeMap<&'static str, &'static str> {
    let lines = include_str!("divergences.txt").lines();
    let entries = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    entries
        .map(|line| {
            line.split_once(' ')
                .unwrap_or_else(|| panic!("no reason is given: {line}"))
        })
        .collect()
}

/// True for the names of the reference's registry, which all have cases of their own.
pub(crate) fn is_known_name(name: &str) -> bool {
    static NAMES: OnceLock<BTreeSet<String>> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        let corpus = Corpus::locate().expect("asked only while cases run");
        // Tag queries are leaves of the tree here, not functions.
        corpus
            .functions()
            .into_iter()
            .map(|(name, _)| name)
            .filter(|name| name != "seriesByTag")
            .collect()
    });
    names.contains(name)
}

impl Case {
    /// Its stable name.
    pub(crate) fn id(&self) -> &str {
        self.0["id"].as_str().expect("a case has an id")
    }

    /// The function or topic it stands under.
    pub(crate) fn group(&self) -> &str {
        self.0["group"].as_str().expect("a case has a group")
    }

    /// How strictly it is to be taken.
    pub(crate) fn policy(&self) -> &str {
        self.0["policy"].as_str().unwrap_or("exact")
    }

    /// The functions it uses.
    pub(crate) fn functions(&self) -> impl Iterator<Item = &str> {
        self.0["tags"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
    }

    /// The request's parameters.
    pub(crate) fn parameters(&self) -> &serde_json::Map<String, Value> {
        self.0["params"].as_object().expect("a case has parameters")
    }

    /// The target, for messages.
    pub(crate) fn target(&self) -> String {
        let parameters = self.parameters();
        parameters
            .get("target")
            .map(Value::to_string)
            .unwrap_or_default()
    }

    /// True when the reference answers with an error.
    pub(crate) fn wants_error(&self) -> bool {
        self.policy() == "error"
            || self.0["status"]
                .as_u64()
                .is_some_and(|status| status >= 400)
    }

    /// Why an answer is wrong; `None` when it is right.
    pub(crate) fn judge_answer(&self, got: &Value) -> Option<String> {
        if self.policy() == "undefined" {
            return None;
        }
        if self.wants_error() {
            return Some(format!(
                "expected an error, got {}",
                crate::compare::clip(&got.to_string())
            ));
        }
        let comparison = Comparison::of(&self.0);
        let reason = comparison.render(&self.0["response"], got).err()?;
        let mut others = self.0["also_accept"].as_array().into_iter().flatten();
        if others.any(|other| comparison.render(other, got).is_ok()) {
            return None;
        }
        Some(reason)
    }
}
