//! Rust source as far as `tidy` needs to understand it: code apart from comments and strings, the
//! functions in it, the paths it names.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

/// One file.
pub(crate) struct SourceFile {
    /// From the top of the repository.
    pub(crate) path: String,
    /// The first folder below `src/`, or the file's name; `format-crate` for `storage-format/`.
    pub(crate) room: String,
    /// As it is.
    pub(crate) text: String,
    /// With comments, strings and characters blanked; the lines stay.
    pub(crate) code: String,
    /// `code` without what stands under `#[cfg(test)]`.
    product_code: String,
}

/// One function with a body.
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: String,
    /// The line of its `fn`.
    pub(crate) line: usize,
    /// From `fn` to the last brace.
    pub(crate) lines: usize,
}

/// All Rust files of the repository, read once.
pub(crate) fn everything() -> &'static [SourceFile] {
    static FILES: OnceLock<Vec<SourceFile>> = OnceLock::new();
    FILES.get_or_init(|| {
        let top = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = Vec::new();
        for folder in ["src", "storage-format", "tests", "benches", "fuzz"] {
            collect(top, &top.join(folder), &mut files);
        }
        let found = files.len();
        assert!(found > 20, "only {found} files: the sources are elsewhere");
        files
    })
}

/// Those that make up the daemon: not its tests, not its benches.
pub(crate) fn product() -> impl Iterator<Item = &'static SourceFile> {
    static TEST_MODULES: OnceLock<BTreeSet<String>> = OnceLock::new();
    let declared = || everything().iter().flat_map(SourceFile::test_modules);
    let test_modules = TEST_MODULES.get_or_init(|| declared().collect());
    everything().iter().filter(|file| {
        let in_product =
            file.path.starts_with("src/") || file.path.starts_with("storage-format/src/");
        let is_test = test_modules.iter().any(|module| {
            let rest = file.path.strip_prefix(module.as_str());
            rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        });
        in_product && !is_test
    })
}

/// The names under `[dependencies]`, spelled as in code.
pub(crate) fn dependencies() -> Vec<String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = Vec::new();
    for manifest in ["Cargo.toml", "storage-format/Cargo.toml"] {
        let text = std::fs::read_to_string(top.join(manifest)).unwrap();
        let section = text.split("\n[dependencies]\n").nth(1).unwrap_or_default();
        let section = section.split("\n[").next().unwrap_or_default();
        let keys = section.lines().filter_map(|line| line.split_once('='));
        names
            .extend(keys.map(|(name, _)| name.trim().split('.').next().unwrap().replace('-', "_")));
    }
    names
}

fn collect(top: &Path, folder: &Path, files: &mut Vec<SourceFile>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() && name != "target" && name != "node_modules" {
            collect(top, &path, files);
        } else if name.ends_with(".rs") {
            let relative = path
                .strip_prefix(top)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            files.push(SourceFile::new(
                relative,
                std::fs::read_to_string(&path).unwrap(),
            ));
        }
    }
}

impl SourceFile {
    /// Reads one file's text.
    pub(crate) fn new(path: String, text: String) -> Self {
        let code = blank(&text);
        let product_code = without_tests(&code);
        let room = match path.strip_prefix("src/") {
            Some(inside) => inside
                .split('/')
                .next()
                .unwrap()
                .trim_end_matches(".rs")
                .to_owned(),
            None if path.starts_with("storage-format/") => "format-crate".to_owned(),
            None => String::new(),
        };
        Self {
            path,
            room,
            text,
            code,
            product_code,
        }
    }

    /// The rooms that `crate::ROOM` names, grouped imports included.
    pub(crate) fn imported_rooms(&self) -> BTreeSet<String> {
        let mut rooms = BTreeSet::new();
        for (at, _) in self.product_code.match_indices("crate::") {
            let before = self.product_code[..at].chars().next_back();
            if before.is_some_and(|character| is_word(character) || character == '$') {
                continue;
            }
            let after = &self.product_code[at + "crate::".len()..];
            match after.strip_prefix('{') {
                Some(group) => rooms.extend(heads_of_group(group)),
                None => rooms.extend(first_word(after)),
            }
        }
        rooms
    }

    /// True when a path starts with this crate.
    pub(crate) fn names_crate(&self, name: &str) -> bool {
        let code = &self.product_code;
        code.match_indices(name).any(|(at, _)| {
            let before = code[..at].trim_end().chars().next_back();
            let glued = code[..at].chars().next_back().is_some_and(is_word);
            let inside_path = code[..at].ends_with("::") && !code[..at].ends_with(" ::");
            let after = &code[at + name.len()..];
            let is_path = after.starts_with("::");
            let is_use = after.starts_with([';', ' '])
                && before == Some('e')
                && code[..at].trim_end().ends_with("use");
            !glued && !inside_path && (is_path || is_use)
        })
    }

    /// True when the word stands in the code, tests aside.
    pub(crate) fn has_word(&self, word: &str) -> bool {
        self.product_code
            .split(|character| !is_word(character))
            .any(|found| found == word)
    }

    /// All functions that have a body.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let mut functions = Vec::new();
        for (at, _) in self.code.match_indices("fn ") {
            if self.code[..at].chars().next_back().is_some_and(is_word) {
                continue;
            }
            let Some(name) = first_word(&self.code[at + 3..]) else {
                continue;
            };
            let Some(length) = body_end(&self.code[at..]) else {
                continue;
            };
            functions.push(Function {
                name,
                line: self.code[..at].matches('\n').count() + 1,
                lines: self.code[at..at + length].matches('\n').count() + 1,
            });
        }
        functions
    }

    /// The files that this one declares as `#[cfg(test)] mod name;`, without their ending.
    fn test_modules(&self) -> Vec<String> {
        let path = Path::new(&self.path);
        let stem = path.file_stem().unwrap().to_string_lossy();
        let folder = path.parent().unwrap();
        let folder = if ["mod", "lib", "main"].contains(&stem.as_ref()) {
            folder.to_owned()
        } else {
            folder.join(stem.as_ref())
        };
        let declared = self.code.split("#[cfg(test)]").skip(1).filter_map(|after| {
            let after = after.trim_start();
            let after = after.strip_prefix("pub(crate) ").unwrap_or(after);
            let (name, _) = after.strip_prefix("mod ")?.split_once(';')?;
            name.chars().all(is_word).then_some(name)
        });
        declared
            .map(|name| folder.join(name).to_string_lossy().into_owned())
            .collect()
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn first_word(text: &str) -> Option<String> {
    let word: String = text
        .chars()
        .take_while(|character| is_word(*character))
        .collect();
    (!word.is_empty()).then_some(word)
}

/// The first names of each part of `a::b, c::{d, e}}`, up to the brace that closes the group.
fn heads_of_group(group: &str) -> Vec<String> {
    let mut heads = Vec::new();
    let mut depth = 0;
    let mut at_head = true;
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_head = true,
            _ if at_head && is_word(character) => {
                heads.extend(first_word(&group[at..]));
                at_head = false;
            }
            _ => {}
        }
    }
    heads
}

/// The length up to the brace that closes the first body; `None` when a `;` comes first.
fn body_end(code: &str) -> Option<usize> {
    let mut brackets = 0;
    let mut braces = 0;
    for (at, character) in code.char_indices() {
        match character {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            ';' if brackets == 0 && braces == 0 => return None,
            '{' => braces += 1,
            '}' => {
                braces -= 1;
                if braces == 0 && brackets == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// Blanks every item under `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    let mut rest = code;
    let mut kept = String::with_capacity(code.len());
    while let Some(at) = rest.find("#[cfg(test)]") {
        kept.push_str(&rest[..at]);
        let item = &rest[at..];
        let semicolon = item.find(';').unwrap_or(item.len());
        let brace = item.find('{').unwrap_or(item.len());
        let end = if semicolon < brace {
            semicolon + 1
        } else {
            brace + body_end(&item[brace.min(item.len())..]).unwrap_or(item.len() - brace)
        };
        rest = &item[end.min(item.len())..];
    }
    kept.push_str(rest);
    kept
}

/// Replaces comments, strings and characters by spaces; newlines stay.
fn blank(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = skipped_length(rest, code.chars().next_back());
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            let blanked = rest[..length].chars();
            code.extend(blanked.map(|character| if character == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    code
}

/// How many bytes from here are a comment, a string or a character; 0 for code.
fn skipped_length(rest: &str, before: Option<char>) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment_length(rest);
    }
    let starts_word = !before.is_some_and(is_word);
    let raw = rest.strip_prefix('b').unwrap_or(rest);
    if starts_word && raw.starts_with('r') {
        let hashes = raw[1..].bytes().take_while(|byte| *byte == b'#').count();
        if raw[1 + hashes..].starts_with('"') {
            let opening = rest.len() - raw.len() + hashes + 2;
            let closing = format!("\"{}", "#".repeat(hashes));
            let inside = rest[opening..]
                .find(&closing)
                .unwrap_or(rest.len() - opening);
            return (opening + inside + closing.len()).min(rest.len());
        }
    }
    if rest.starts_with('"') {
        return quoted_length(rest, '"');
    }
    if rest.starts_with('\'') {
        return character_length(rest);
    }
    0
}

fn block_comment_length(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn quoted_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A character literal; 0 for a lifetime.
fn character_length(rest: &str) -> usize {
    let mut characters = rest.chars().skip(1);
    match (characters.next(), characters.next()) {
        (Some('\\'), _) => quoted_length(rest, '\''),
        (Some(inside), Some('\'')) => inside.len_utf8() + 2,
        _ => 0,
    }
}
