//! Clients that people use, as `tests/install.sh` installs them. A missing client is a failure.

use std::fs;
use std::io::Write;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::daemon::{Daemon, Home, free_port, last_minute, run, wait_for};

/// One second a point, so that whatever second a client sends is shown as it is.
const ONE_SECOND: &str = "schema=[{name='all', pattern='', retentions='1s:1h'}]";

pub(crate) fn tool(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/test-tools")
        .join(path);
    assert!(
        path.exists(),
        "{} is missing: run tests/install.sh",
        path.display()
    );
    path
}

/// A client that runs until it is told to end.
struct Client {
    child: Child,
    log: PathBuf,
}

impl Client {
    fn start(home: &Home, command: &mut Command) -> Self {
        let log = home.path("client.log");
        let file = fs::File::create(&log).unwrap();
        let spawned = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn();
        let child =
            spawned.unwrap_or_else(|error| panic!("{command:?}: {error}: run tests/install.sh"));
        Self { child, log }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            eprintln!("--- log of the client\n{log}");
        }
    }
}

/// Runs a Python script with a receiver's port as its argument.
fn python(port: u16, script: &str) {
    let mut command = Command::new(tool("python/bin/python"));
    command.arg("-c").arg(script).arg(port.to_string());
    let (status, _, stderr) = run(command);
    assert!(status.success(), "{stderr}");
}

/// The newest value of a series, once it has one.
fn newest(daemon: &Daemon, target: &str) -> f64 {
    wait_for(target, || {
        daemon.points(target, 300).last().map(|(_, value)| *value)
    })
}

#[test]
fn netcat_over_tcp_and_udp() {
    let home = Home::new();
    let daemon = home.start(&[]);
    let minute = last_minute();
    for (name, arguments) in [("tcp", &["-N"][..]), ("udp", &["-u", "-q", "0"])] {
        let mut command = Command::new("nc");
        command
            .args(arguments)
            .arg("127.0.0.1")
            .arg(daemon.receiver(name).port().to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("nc: {error}: run tests/install.sh"));
        let line = format!("netcat.{name} 7 {minute}\n");
        child
            .stdin
            .take()
            .unwrap()
            .write_all(line.as_bytes())
            .unwrap();
        daemon.wait_for_points(&format!("netcat.{name}"), 3600, &[(minute, 7.0)]);
        let _ = child.kill();
        let _ = child.wait();
    }
    daemon.stop();
}

#[test]
fn pickle_as_carbon_relay_sends_it() {
    let home = Home::new();
    let daemon = home.start(&[
        ONE_SECOND,
        "receiver.pickle.protocol=pickle",
        "receiver.pickle.listen=127.0.0.1:0",
    ]);
    let script = "import pickle, socket, struct, sys, time\n\
         now = int(time.time())\n\
         points = [('pickled.number', (now, 4.5)), ('pickled.text', (now, '7'))]\n\
         with socket.create_connection(('127.0.0.1', int(sys.argv[1]))) as peer:\n\
         \x20   for protocol in (0, 2):\n\
         \x20       body = pickle.dumps(points, protocol)\n\
         \x20       peer.sendall(struct.pack('!L', len(body)) + body)\n";
    python(daemon.receiver("pickle").port(), script);
    assert_eq!(newest(&daemon, "pickled.number"), 4.5);
    assert_eq!(newest(&daemon, "pickled.text"), 7.0);
    daemon.stop();
}

#[test]
fn graphyte() {
    let home = Home::new();
    let daemon = home.start(&[ONE_SECOND]);
    python(
        daemon.receiver("tcp").port(),
        "import sys, graphyte\n\
         graphyte.init('127.0.0.1', port=int(sys.argv[1]), prefix='graphyte')\n\
         graphyte.send('answer', 42)\n\
         graphyte.send('tagged', 0.5, tags={'dc': 'east', 'app': 'web'})\n",
    );
    assert_eq!(newest(&daemon, "graphyte.answer"), 42.0);
    assert_eq!(newest(&daemon, "graphyte.tagged;app=web;dc=east"), 0.5);
    daemon.stop();
}

#[test]
fn graphite_bridge_of_prometheus_client() {
    let home = Home::new();
    let daemon = home.start(&[ONE_SECOND]);
    python(
        daemon.receiver("tcp").port(),
        "import sys\n\
         from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram\n\
         from prometheus_client.bridge.graphite import GraphiteBridge\n\
         registry = CollectorRegistry()\n\
         Gauge('temperature', 'x', ['room'], registry=registry).labels('kitchen sink').set(21.5)\n\
         Counter('visits', 'x', registry=registry).inc(3)\n\
         Histogram('latency', 'x', registry=registry).observe(0.3)\n\
         GraphiteBridge(('127.0.0.1', int(sys.argv[1])), registry=registry).push('bridge')\n",
    );
    assert_eq!(
        newest(&daemon, "bridge.temperature.room.kitchen_sink"),
        21.5
    );
    assert_eq!(newest(&daemon, "bridge.visits_total"), 3.0);
    assert_eq!(newest(&daemon, "bridge.latency_bucket.le._Inf"), 1.0);
    assert_eq!(
        daemon.metric("plumbago_receiver_points_refused_total", ""),
        0.0
    );
    daemon.stop();
}

#[test]
fn collectd_write_graphite() {
    let home = Home::new();
    let daemon = home.start(&[ONE_SECOND]);
    let port = daemon.receiver("tcp").port();
    let folder = home.path("collectd");
    let folder = folder.display();
    let config = home.write(
        "collectd.conf",
        &format!(
            "Hostname \"box\"\nFQDNLookup false\nInterval 1\nBaseDir \"{folder}\"\n\
             PIDFile \"{folder}.pid\"\nTypesDB \"/usr/share/collectd/types.db\"\n\
             LoadPlugin load\nLoadPlugin cpu\nLoadPlugin uptime\nLoadPlugin write_graphite\n\
             <Plugin write_graphite>\n<Node \"plumbago\">\nHost \"127.0.0.1\"\nPort \"{port}\"\n\
             Protocol \"tcp\"\nPrefix \"collectd.\"\nStoreRates true\nSeparateInstances true\n\
             </Node>\n</Plugin>\n"
        ),
    );
    let mut command = Command::new("collectd");
    command.args(["-f", "-C", &config]);
    let path = std::env::var("PATH").unwrap_or_default();
    let client = Client::start(&home, command.env("PATH", format!("{path}:/usr/sbin")));
    assert!(newest(&daemon, "collectd.box.uptime.uptime") >= 0.0);
    assert!(newest(&daemon, "collectd.box.load.load.shortterm") >= 0.0);
    drop(client);
    // The first value of a rate is NaN there; nothing else may be refused.
    let refused = |label: &str| daemon.metric("plumbago_receiver_points_refused_total", label);
    assert_eq!(refused(""), refused("reason=\"nan\""));
    daemon.stop();
}

#[test]
fn statsd_with_its_graphite_backend() {
    let home = Home::new();
    let daemon = home.start(&[ONE_SECOND]);
    let graphite = daemon.receiver("tcp").port();
    let (port, management) = (free_port(), free_port());
    let config = home.write(
        "statsd.js",
        &format!(
            "{{ servers: [{{ server: './servers/udp', address: '127.0.0.1', port: {port} }}], \
               mgmt_address: '127.0.0.1', mgmt_port: {management}, flushInterval: 300, \
               backends: ['./backends/graphite'], graphiteHost: '127.0.0.1', \
               graphitePort: {graphite}, graphite: {{ legacyNamespace: false }} }}\n"
        ),
    );
    let script = tool("node/node_modules/statsd/stats.js");
    let _client = Client::start(&home, Command::new("node").arg(script).arg(config));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    // Sent again and again: statsd opens its socket whenever it is ready.
    let seen = |target: &str| {
        wait_for(target, || {
            for sample in ["visits:3|c", "heat:21.5|g", "took:320|ms"] {
                let _ = socket.send_to(sample.as_bytes(), ("127.0.0.1", port));
            }
            let values = daemon.points(target, 300);
            values
                .into_iter()
                .map(|(_, value)| value)
                .find(|value| *value > 0.0)
        })
    };
    assert_eq!(seen("stats.gauges.heat"), 21.5);
    assert_eq!(seen("stats.counters.visits.count") % 3.0, 0.0);
    assert_eq!(seen("stats.timers.took.mean_90"), 320.0);
    assert_eq!(
        daemon.metric("plumbago_receiver_points_refused_total", ""),
        0.0
    );
    daemon.stop();
}

#[test]
fn curl_asks_with_urls_as_they_were_typed() {
    let home = Home::new();
    let daemon = home.start(&[]);
    let target = "alias(constantLine(5),\"<größer|{5}> `\")";
    let url = daemon.url(&format!(
        "/render?target={}&format=csv",
        target.replace(' ', "+")
    ));
    let mut command = Command::new("curl");
    command.args(["-sS", "-g", "--fail", &url]);
    let (status, stdout, stderr) = run(command);
    assert!(status.success(), "{stderr}");
    assert_eq!(stdout.matches("<größer|{5}> `,").count(), 3, "{stdout}");
}
