//! The two servers: this daemon, and graphite-web from PyPI.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Outcome;

/// More than the longest answer.
const ANSWER_BYTES: usize = 64 << 20;

const PATIENCE: Duration = Duration::from_secs(120);

/// How an answer is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Coding {
    /// As it is.
    Plain,
    /// Compressed, as Grafana asks.
    Gzip,
}

/// A process that answers HTTP until this is dropped.
pub(crate) struct Server {
    child: Child,
    base: String,
    /// Keeps connections open where the server does, as Grafana does.
    agent: ureq::Agent,
}

impl Server {
    /// The daemon over an imported copy of the tree.
    pub(crate) fn plumbago(folder: &Path) -> Outcome<Self> {
        let binary = env!("CARGO_BIN_EXE_plumbago");
        let data = folder.join("data");
        let mut import = Command::new(binary);
        import.arg("import").arg(folder.join("whisper"));
        let status = import
            .arg("--into")
            .arg(&data)
            .stdout(Stdio::null())
            .status()?;
        if !status.success() {
            return Err("the tree cannot be imported".into());
        }
        let ready_file = folder.join("ready.json");
        let mut command = Command::new(binary);
        command.arg("serve").arg("--ready-file").arg(&ready_file);
        for set in [
            &format!("storage.path={}", data.display()),
            "receiver.tcp.enabled=false",
            "receiver.udp.enabled=false",
            "api.listen=127.0.0.1:0",
        ] {
            command.arg("--set").arg(set);
        }
        let log = File::create(folder.join("plumbago.log"))?;
        let child = command.stdin(Stdio::null()).stderr(log).spawn()?;
        let mut server = Self {
            child,
            base: String::new(),
            agent: ureq::Agent::new_with_defaults(),
        };
        server.base = format!("http://{}", wait_for_address(&ready_file)?);
        Ok(server)
    }

    /// graphite-web, as `tests/install.sh` installs it.
    pub(crate) fn graphite_web(folder: &Path) -> Outcome<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python: PathBuf = here.join("target/test-tools/graphite-web/bin/python");
        if !python.exists() {
            return Err(format!("{} is missing: run tests/install.sh", python.display()).into());
        }
        let mut command = Command::new(python);
        command.arg(here.join("benches/reference/graphite_web.py"));
        command
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let log = File::create(folder.join("graphite-web.log"))?;
        let mut child = command.stderr(log).spawn()?;
        let stdout = child.stdout.take().ok_or("no standard output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let base = format!("http://127.0.0.1:{}", line.trim());
        if line.trim().is_empty() {
            let log = fs::read_to_string(folder.join("graphite-web.log"))?;
            return Err(format!("graphite-web does not start: {log}").into());
        }
        Ok(Self {
            child,
            base,
            agent: ureq::Agent::new_with_defaults(),
        })
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks for a render and reads the whole answer; how long that took, and what came.
    ///
    /// What is compressed stays so: expanding it would be most of what is measured.
    pub(crate) fn render(
        &self,
        form: &[(&str, &str)],
        coding: Coding,
    ) -> Outcome<(Duration, Vec<u8>)> {
        // Room that is there already, so that reading costs what the connection does.
        let mut body = vec![1; ANSWER_BYTES];
        body.clear();
        let started = Instant::now();
        let mut answer = self
            .agent
            .post(format!("{}/render", self.base))
            .header("Accept-Encoding", coding.name())
            .send_form(form.iter().copied())
            .map_err(|error| format!("{}: {error}", self.base))?;
        answer.body_mut().as_reader().read_to_end(&mut body)?;
        let time = started.elapsed();
        body.shrink_to_fit();
        Ok((time, body))
    }
}

impl Coding {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "identity",
            Self::Gzip => "gzip",
        }
    }

    /// The text of an answer.
    pub(crate) fn expand(self, answer: Vec<u8>) -> Outcome<Vec<u8>> {
        let Self::Gzip = self else {
            return Ok(answer);
        };
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&answer[..]).read_to_end(&mut text)?;
        Ok(text)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The one ends with its input, the other by a signal; both are waited for.
        if self.child.stdin.take().is_none() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

fn wait_for_address(ready_file: &Path) -> Outcome<String> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if let Ok(text) = fs::read_to_string(ready_file)
            && let Ok(ready) = serde_json::from_str::<Value>(&text)
            && let Some(address) = ready["api"].as_str()
        {
            return Ok(address.to_owned());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Err("the daemon does not get ready".into())
}
