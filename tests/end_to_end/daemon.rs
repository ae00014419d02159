//! Starts a daemon, talks to it, and ends it.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take that should take milliseconds; machines under load are slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(10);

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_plumbago");

/// A folder that outlives the daemons started on it.
pub(crate) struct Home {
    folder: TempDir,
}

/// A running daemon.
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
    api: SocketAddr,
    receivers: Value,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::with_prefix("plumbago-").unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file here and returns its path as text.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// `serve` on this home's data with all ports chosen by the system.
    pub(crate) fn command(&self, sets: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .arg("serve")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null());
        let data = format!("storage.path={}", self.path("data").display());
        let defaults = [
            &data,
            "receiver.tcp.listen=127.0.0.1:0",
            "receiver.udp.listen=127.0.0.1:0",
            "api.listen=127.0.0.1:0",
            "log.level=info,plumbago=debug",
        ];
        for set in defaults.iter().chain(sets) {
            command.arg("--set").arg(set);
        }
        command
    }

    /// A daemon that is ready.
    pub(crate) fn start(&self, sets: &[&str]) -> Daemon {
        self.start_with(sets, &[])
    }

    /// A daemon that is ready, with further arguments.
    pub(crate) fn start_with(&self, sets: &[&str], arguments: &[&str]) -> Daemon {
        let ready_file = self.path("ready.json");
        let _ = fs::remove_file(&ready_file);
        let log = self.path("log");
        let stderr = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        let mut command = self.command(sets);
        command.arg("--ready-file").arg(&ready_file).args(arguments);
        let mut child = command.stderr(stderr).spawn().unwrap();
        let ready = wait_for("the daemon to be ready", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("ended at start with {status}:\n{}", read(&log));
            }
            let text = fs::read(&ready_file).ok()?;
            serde_json::from_slice::<Value>(&text).ok()
        });
        assert_eq!(ready["pid"], child.id());
        Daemon {
            child,
            log,
            api: ready["api"].as_str().unwrap().parse().unwrap(),
            receivers: ready["receivers"].clone(),
        }
    }
}

impl Daemon {
    /// The address of a receiver.
    pub(crate) fn receiver(&self, name: &str) -> SocketAddr {
        self.receivers[name].as_str().unwrap().parse().unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything logged so far, by all daemons of this home.
    pub(crate) fn log(&self) -> String {
        read(&self.log)
    }

    /// Sends text over one TCP connection and closes it.
    pub(crate) fn send_tcp(&self, text: &str) {
        let mut stream = self.connect();
        stream.write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(self.receiver("tcp")).unwrap()
    }

    /// Sends one datagram.
    pub(crate) fn send_udp(&self, text: &str) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sent = socket
            .send_to(text.as_bytes(), self.receiver("udp"))
            .unwrap();
        assert_eq!(sent, text.len());
    }

    /// A page of the HTTP side.
    pub(crate) fn url(&self, path_and_query: &str) -> String {
        format!("http://{}{path_and_query}", self.api)
    }

    /// GET, which must be answered with 200.
    pub(crate) fn get(&self, path_and_query: &str) -> String {
        let url = self.url(path_and_query);
        let mut response = ureq::get(&url)
            .call()
            .unwrap_or_else(|error| panic!("{url}: {error}"));
        response.body_mut().read_to_string().unwrap()
    }

    pub(crate) fn get_json(&self, path_and_query: &str) -> Value {
        serde_json::from_str(&self.get(path_and_query)).unwrap()
    }

    /// The known points of one target, `(timestamp, value)`, from a while ago until now.
    pub(crate) fn points(&self, target: &str, seconds: i64) -> Vec<(i64, f64)> {
        let from = now() - seconds;
        self.points_between(target, from, now() + 60)
    }

    pub(crate) fn points_between(&self, target: &str, from: i64, until: i64) -> Vec<(i64, f64)> {
        let query = format!("/render?format=json&target={target}&from={from}&until={until}");
        known_points(&self.get_json(&query))
    }

    /// Waits until this target shows the points.
    pub(crate) fn wait_for_points(&self, target: &str, seconds: i64, expected: &[(i64, f64)]) {
        let mut last = Vec::new();
        let shown = try_wait_for(|| {
            last = self.points(target, seconds);
            (last == expected).then_some(())
        });
        assert!(
            shown.is_some(),
            "{target} shows {last:?} instead of {expected:?}\n{}",
            self.log()
        );
    }

    /// One number of `/metrics`, summed over labels that contain `label`.
    pub(crate) fn metric(&self, name: &str, label: &str) -> f64 {
        let text = self.get("/metrics");
        let lines = text.lines().filter(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with([' ', '{'])) && line.contains(label)
        });
        lines
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }

    /// Sends a signal by `kill`'s name for it.
    pub(crate) fn signal(&self, name: &str) {
        let process = rustix::process::Pid::from_child(&self.child);
        let signal = match name {
            "TERM" => rustix::process::Signal::TERM,
            "INT" => rustix::process::Signal::INT,
            "HUP" => rustix::process::Signal::HUP,
            "KILL" => rustix::process::Signal::KILL,
            other => panic!("no test sends {other}"),
        };
        rustix::process::kill_process(process, signal).unwrap();
    }

    /// Waits for the end that something else brought about.
    pub(crate) fn wait(mut self) -> ExitStatus {
        wait_for("the daemon to end", || self.child.try_wait().unwrap())
    }

    /// SIGTERM, and a clean end.
    pub(crate) fn stop(self) {
        self.signal("TERM");
        let log = self.log.clone();
        let status = self.wait();
        assert!(status.success(), "ended with {status}:\n{}", read(&log));
    }

    /// SIGKILL.
    pub(crate) fn kill(self) {
        self.signal("KILL");
        self.wait();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- log of the daemon\n{}", read(&self.log));
        }
    }
}

/// The points that are not null in the first series of a render answer.
pub(crate) fn known_points(answer: &Value) -> Vec<(i64, f64)> {
    let Some(series) = answer.get(0) else {
        return Vec::new();
    };
    let points = series["datapoints"].as_array().unwrap().iter();
    let known = points.filter_map(|point| Some((point[1].as_i64().unwrap(), point[0].as_f64()?)));
    known.collect()
}

/// Runs a command that must end by itself soon; its output as text.
pub(crate) fn run(mut command: Command) -> (ExitStatus, String, String) {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // Read while it runs: a pipe holds 64 KiB, and a command that prints more waits for its reader.
    let stdout = read_aside(child.stdout.take().unwrap());
    let stderr = read_aside(child.stderr.take().unwrap());
    let ended = try_wait_for(|| child.try_wait().unwrap());
    if ended.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
    let Some(status) = ended else {
        panic!("{command:?} does not end:\n{stdout}\n{stderr}");
    };
    (status, stdout, stderr)
}

fn read_aside(mut source: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        source.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A port that nobody listens on, for programs that cannot report one which the system chose. The system
/// chooses from higher ones, so that no test beside this one is given it meanwhile.
pub(crate) fn free_port() -> u16 {
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 20_000;
    static TRIED: AtomicU16 = AtomicU16::new(0);
    // Test binaries side by side start at different ones.
    let start = (std::process::id() % 313) as u16 * 64;
    let mut candidates = std::iter::repeat_with(|| {
        let tried = TRIED.fetch_add(1, Ordering::Relaxed);
        FIRST + start.wrapping_add(tried) % COUNT
    });
    let is_free = |port: &u16| {
        TcpListener::bind(("127.0.0.1", *port)).is_ok()
            && UdpSocket::bind(("127.0.0.1", *port)).is_ok()
    };
    let port = candidates.by_ref().take(1000).find(is_free);
    port.expect("a thousand ports in use")
}

/// Asks until there is an answer.
pub(crate) fn wait_for<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    try_wait_for(ask).unwrap_or_else(|| panic!("waited {PATIENCE:?} for {what}"))
}

fn try_wait_for<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() > deadline {
            return None;
        }
        std::thread::sleep(POLL);
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(elapsed.as_secs()).unwrap()
}

/// The last full minute: a slot of every retention whose step divides 60.
pub(crate) fn last_minute() -> i64 {
    now() / 60 * 60
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
