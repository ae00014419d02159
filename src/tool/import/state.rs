//! What an import has done, kept in the data folder, so that a run that was cut short goes on.
//!
//! `import-HASH.state` is text: a title with everything that decides what a file becomes, then a line
//! a file that is durable in the store. A line is written after its values are; a run that ended
//! between the two imports that file once more, which finds its values there.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::super::ToolError;
use super::tree::Stamp;

const TITLE: &str = "plumbago import 1";

/// The state of one import.
#[derive(Debug)]
pub(super) struct State {
    path: PathBuf,
    file: Mutex<File>,
    /// What former runs did.
    done: HashMap<String, Stamp>,
}

impl State {
    /// Opens the state of importing `source` with these `options`, as a text that differs when they
    /// do. What was done with others, or `afresh`, does not count.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub(super) fn open(
        data: &Path,
        source: &Path,
        options: &str,
        afresh: bool,
    ) -> Result<Self, ToolError> {
        let source = fs::canonicalize(source).unwrap_or_else(|_| source.to_owned());
        let source = source.display().to_string();
        let hash = crate::metric::name::hash(source.as_bytes());
        let path = data.join(format!("import-{hash:016x}.state"));
        let title = format!("{TITLE} {} {}\n", escape(&source), escape(options));
        let former = match fs::read_to_string(&path) {
            Ok(text) if text.starts_with(&title) && !afresh => text,
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(ToolError::io(&path, "cannot be read")(error));
            }
            _ => String::new(),
        };
        // A line that was cut off in the middle does not count.
        let whole = former.rfind('\n').map_or(0, |end| end + 1);
        let done = former[..whole].lines().skip(1).filter_map(parse).collect();
        let open = || -> io::Result<File> {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)?;
            file.set_len(whole as u64)?;
            file.seek(io::SeekFrom::End(0))?;
            if whole == 0 {
                file.write_all(title.as_bytes())?;
            }
            file.sync_all()?;
            File::open(data)?.sync_all()?;
            Ok(file)
        };
        let file = open().map_err(ToolError::io(&path, "cannot be written"))?;
        Ok(Self {
            path,
            file: Mutex::new(file),
            done,
        })
    }

    /// The stamp of a file or of a position that former runs are done with.
    pub(super) fn done(&self, item: &str) -> Option<Stamp> {
        self.done.get(item).copied()
    }

    /// Remembers what is durable by now.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn record<'a>(
        &self,
        items: impl IntoIterator<Item = (&'a str, Stamp)>,
    ) -> Result<(), ToolError> {
        let mut text = String::new();
        for (item, stamp) in items {
            text.push_str(&format!(
                "{} {} {}\n",
                stamp.modified_ns,
                stamp.bytes,
                escape(item)
            ));
        }
        let mut file = self.file.lock();
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_data())
            .map_err(ToolError::io(&self.path, "cannot be written"))
    }
}

/// Line ends may be in the names of files.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('\r', "\\r")
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                other => other.unwrap_or('\\'),
            },
            other => other,
        });
    }
    plain
}

fn parse(line: &str) -> Option<(String, Stamp)> {
    let mut fields = line.splitn(3, ' ');
    let modified_ns = fields.next()?.parse().ok()?;
    let bytes = fields.next()?.parse().ok()?;
    let item = unescape(fields.next()?);
    Some((item, Stamp { modified_ns, bytes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn done_items_are_known_again_unless_options_change_or_the_line_is_torn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let open = |options: &str| State::open(path, path, options, false).unwrap();
        let stamp = Stamp {
            modified_ns: -5,
            bytes: 7,
        };
        let state = open("a");
        state.record([("x\ny\\", stamp), ("z", stamp)]).unwrap();
        let state = open("a");
        assert_eq!(state.done("x\ny\\"), Some(stamp));
        assert_eq!(state.done("w"), None);
        let text = fs::read(&state.path).unwrap();
        fs::write(&state.path, &text[..text.len() - 1]).unwrap();
        let state = open("a");
        assert_eq!((state.done("z"), state.done("x\ny\\")), (None, Some(stamp)));
        assert_eq!(open("b").done("x\ny\\"), None);
        assert_eq!(open("a").done("x\ny\\"), None);
    }
}
