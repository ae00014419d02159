//! The daemon under load: one of our own, or one that runs already.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{Arguments, Outcome};

/// How long anything may take before the run is given up.
const PATIENCE: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(20);

/// Where it is and how to ask it.
#[derive(Debug)]
pub(crate) struct Daemon {
    own: Option<Own>,
    pid: u32,
    plaintext: String,
    api: String,
}

/// A daemon that this tool started.
#[derive(Debug)]
struct Own {
    child: Child,
    folder: TempDir,
}

impl Daemon {
    /// The daemon that the arguments ask for, ready.
    pub(crate) fn of(arguments: &Arguments) -> Outcome<Self> {
        match (&arguments.connect, &arguments.api, arguments.pid) {
            (Some(plaintext), Some(api), Some(pid)) => Ok(Self {
                own: None,
                pid,
                plaintext: plaintext.clone(),
                api: api.clone(),
            }),
            _ => Self::start(arguments),
        }
    }

    fn start(arguments: &Arguments) -> Outcome<Self> {
        let folder = TempDir::with_prefix("plumbago-load-")?;
        let schemas = folder.path().join("storage-schemas.conf");
        let schema = format!(
            "[load]\npattern = .*\nretentions = {}s:{}d\n",
            arguments.step,
            arguments.retention_days()
        );
        fs::write(&schemas, schema)?;
        let data = match &arguments.data {
            Some(path) => path.clone(),
            None => folder.path().join("data"),
        };
        let ready_file = folder.path().join("ready.json");
        let binary = arguments.binary.as_deref();
        let default = Path::new(env!("CARGO_BIN_EXE_plumbago"));
        let mut command = Command::new(binary.unwrap_or(default));
        command.arg("serve").arg("--ready-file").arg(&ready_file);
        let own_sets = [
            format!("storage.path={}", data.display()),
            format!("storage.schemas_file={}", schemas.display()),
            "receiver.tcp.listen=127.0.0.1:0".to_owned(),
            "receiver.udp.enabled=false".to_owned(),
            "api.listen=127.0.0.1:0".to_owned(),
        ];
        for set in own_sets.iter().chain(&arguments.sets) {
            command.arg("--set").arg(set);
        }
        let log = File::create(folder.path().join("log"))?;
        let child = command.stdin(Stdio::null()).stderr(log).spawn()?;
        let own = Own { child, folder };
        own.wait_until_ready(&ready_file)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// The plaintext port.
    pub(crate) fn plaintext(&self) -> &str {
        &self.plaintext
    }

    /// The HTTP address.
    pub(crate) fn api(&self) -> &str {
        &self.api
    }

    /// Points that all shards have stored since the daemon started.
    pub(crate) fn points_stored(&self) -> Outcome<u64> {
        let metrics = ureq::get(format!("http://{}/metrics", self.api))
            .call()?
            .body_mut()
            .read_to_string()?;
        let counts = metrics
            .lines()
            .filter(|line| line.starts_with("plumbago_shard_points_total{"))
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
        Ok(counts.sum::<f64>() as u64)
    }

    /// Waits until that many points are stored.
    pub(crate) fn wait_until_stored(&self, points: u64) -> Outcome<()> {
        let started = Instant::now();
        loop {
            let stored = self.points_stored()?;
            if stored >= points {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                return Err(format!("only {stored} of {points} points are stored").into());
            }
            std::thread::sleep(POLL);
        }
    }

    /// Ends a daemon of our own in good order.
    pub(crate) fn stop(self) -> Outcome<()> {
        let Some(mut own) = self.own else {
            return Ok(());
        };
        let pid = rustix::process::Pid::from_child(&own.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let started = Instant::now();
        loop {
            match own.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    return Err(format!("the daemon ended with {status}:\n{}", own.log()).into());
                }
                None if started.elapsed() > PATIENCE => {
                    return Err("the daemon does not end".into());
                }
                None => std::thread::sleep(POLL),
            }
        }
    }
}

impl Own {
    fn wait_until_ready(mut self, ready_file: &Path) -> Outcome<Daemon> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("the daemon ended with {status}:\n{}", self.log()).into());
            }
            if let Ok(text) = fs::read(ready_file) {
                let ready: serde_json::Value = serde_json::from_slice(&text)?;
                let address = |value: &serde_json::Value| -> Outcome<String> {
                    Ok(value
                        .as_str()
                        .ok_or("the ready file has no address")?
                        .to_owned())
                };
                return Ok(Daemon {
                    pid: self.child.id(),
                    plaintext: address(&ready["receivers"]["tcp"])?,
                    api: address(&ready["api"])?,
                    own: Some(self),
                });
            }
            if started.elapsed() > PATIENCE {
                return Err("the daemon does not become ready".into());
            }
            std::thread::sleep(POLL);
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // Already waited for after an end in good order; otherwise nothing may outlive the tool.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
