//! graphite-web from PyPI, run by `reference.py`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running graphite-web; it ends when this is dropped, and when this process dies.
pub(crate) struct Reference {
    child: Child,
    port: u16,
}

impl Reference {
    /// On the Whisper files in `folder/whisper`, or with a cluster server as its only source.
    pub(crate) fn start(folder: &Path, cluster: Option<&str>) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/graphite/reference.py");
        let stderr = std::fs::File::create(folder.join("stderr")).unwrap();
        let mut command = Command::new(python());
        command
            .arg(script)
            .arg(folder)
            .args(cluster)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr);
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| {
            let stderr = std::fs::read_to_string(folder.join("stderr")).unwrap_or_default();
            panic!("graphite-web does not start:\n{stderr}")
        });
        Self { child, port }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        // Closing standard input tells it to end, workers and all.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn python() -> PathBuf {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-tools/graphite-web/bin/python");
    assert!(
        path.exists(),
        "{} is missing: run tests/install.sh",
        path.display()
    );
    path
}
