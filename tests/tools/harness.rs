//! A folder of a test's own, the binary, the scripts, and Whisper files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

use plumbago_storage_format::whisper::{ArchiveSpec, Dialect, Header, Method};

/// The user and group that own nothing.
pub(crate) const NOBODY: u32 = 65_534;

/// What a run has said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("answers are text");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// The answer of a run that must have this exit code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        self.stdout
    }

    /// A run that could not be done must say why in one line with all of these in it.
    #[track_caller]
    pub(crate) fn expect_refusal(self, expected: &[&str]) {
        assert_eq!(self.code, Some(2), "{self:?}");
        for text in expected {
            assert!(self.stderr.contains(text), "{text} is not in: {self:?}");
        }
    }
}

/// A folder that goes away.
pub(crate) struct Home(tempfile::TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Other users look into it.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The binary in this folder, with arguments at its blanks.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plumbago"));
        command.args(arguments.split_whitespace());
        command.current_dir(self.0.path()).env("TZ", "UTC");
        command
    }

    pub(crate) fn run(&self, arguments: &str) -> Answer {
        Answer::of(self.command(arguments).output().unwrap())
    }

    /// The binary as a user who owns nothing; it is copied to where that user may run it.
    pub(crate) fn run_as_nobody(&self, arguments: &str) -> Answer {
        use std::os::unix::process::CommandExt;
        let copy = self.path("plumbago");
        if !copy.exists() {
            fs::copy(env!("CARGO_BIN_EXE_plumbago"), &copy).unwrap();
        }
        let mut command = Command::new(copy);
        command.args(arguments.split_whitespace());
        command.current_dir(self.0.path());
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        Answer::of(command.output().unwrap())
    }

    /// A script of the Python package.
    pub(crate) fn script(&self, name: &str, arguments: &str) -> Answer {
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-tools/python/bin");
        assert!(tools.exists(), "run tests/install.sh");
        let mut command = Command::new(tools.join("python"));
        command.arg(tools.join(name));
        command.args(arguments.split_whitespace());
        command.current_dir(self.0.path()).env("TZ", "UTC");
        Answer::of(command.output().unwrap())
    }

    /// Makes a Whisper file of points.
    pub(crate) fn write(&self, name: &str, archives: &[(u32, u32)], points: &[(i64, f64)]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let header = header(archives);
        let mut file = header.image();
        let written = header.update_many(&mut file, points, now()).unwrap();
        assert_eq!(written.stored, points.len(), "the points of {name}");
        fs::write(path, file).unwrap();
    }

    /// The points of one archive.
    pub(crate) fn points(&self, name: &str, archive: usize) -> Vec<(i64, f64)> {
        let file = fs::read(self.path(name)).unwrap();
        let header = Header::parse(&file, Dialect::Reference).unwrap();
        header.points(&file, archive, now()).unwrap()
    }

    /// All names below a folder, sorted.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let root = self.path(folder);
        let mut folders = vec![root.clone()];
        let mut names = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => names.push(path.strip_prefix(&root).unwrap().display().to_string()),
                }
            }
        }
        names.sort();
        names
    }
}

/// A header of these steps and points.
pub(crate) fn header(archives: &[(u32, u32)]) -> Header {
    let spec = |&(step_s, points)| ArchiveSpec { step_s, points };
    let archives: Vec<ArchiveSpec> = archives.iter().map(spec).collect();
    Header::new(&archives, Method::Average, 0.5, Dialect::Reference).unwrap()
}

pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs() as i64
}

/// A multiple of 3,600 that lies some hours back, whatever the minute.
pub(crate) fn hours_ago(hours: i64) -> i64 {
    now().div_euclid(3_600) * 3_600 - hours * 3_600
}

pub(crate) fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("Uid:"));
    line.unwrap().split_whitespace().nth(1) == Some("0")
}
