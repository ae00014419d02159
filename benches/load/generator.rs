//! Makes the lines and sends them.

use std::io::Write;
use std::net::TcpStream;

use crate::Outcome;

/// Digits of a timestamp until the year 2286.
const TIME_DIGITS: usize = 10;
/// Series of one host: what one agent reports.
pub(crate) const SERIES_PER_HOST: usize = 100;

/// What is sent: series 0 to `series`, at `steps` times from `first` on.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) series: usize,
    pub(crate) steps: usize,
    pub(crate) step: i64,
    pub(crate) first: i64,
    /// Series by series instead of step by step.
    pub(crate) is_history: bool,
}

impl Load {
    /// All points.
    pub(crate) fn points(&self) -> u64 {
        (self.series * self.steps) as u64
    }

    /// The name of a series; `*` stands for all of one host in [`Load::host_pattern`].
    pub(crate) fn name(series: usize) -> String {
        let (host, metric) = (series / SERIES_PER_HOST, series % SERIES_PER_HOST);
        format!("load.web{host:05}.system.metric{metric:02}")
    }

    /// All series of one host.
    pub(crate) fn host_pattern(host: usize) -> String {
        format!("load.web{host:05}.system.*")
    }

    /// The value of a series at a step: six digits, two of them after the point.
    pub(crate) fn value(series: usize, step: usize) -> f64 {
        hundredths(series, step) as f64 / 100.0
    }
}

/// Differs between neighbours in both directions.
fn hundredths(series: usize, step: usize) -> u32 {
    ((series * 7_919 + step * 104_729) % 1_000_000) as u32
}

/// One connection's lines, of a form in which every step is patched in place.
struct Lines {
    text: Vec<u8>,
    /// Where each series' value starts; the time follows after one space.
    values: Vec<(usize, usize)>,
}

impl Lines {
    fn of(series: impl Iterator<Item = usize>) -> Self {
        let mut lines = Self {
            text: Vec::new(),
            values: Vec::new(),
        };
        for series in series {
            lines.text.extend_from_slice(Load::name(series).as_bytes());
            lines.text.push(b' ');
            lines.values.push((lines.text.len(), series));
            lines.text.extend_from_slice(b"0000.00 0000000000\n");
        }
        lines
    }

    fn set_step(&mut self, step: usize, time: i64) {
        let mut digits = [0; TIME_DIGITS];
        write_digits(&mut digits, time as u64);
        for &(at, series) in &self.values {
            let hundredths = u64::from(hundredths(series, step));
            write_digits(&mut self.text[at..at + 4], hundredths / 100);
            write_digits(&mut self.text[at + 5..at + 7], hundredths % 100);
            self.text[at + 8..at + 8 + TIME_DIGITS].copy_from_slice(&digits);
        }
    }
}

fn write_digits(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Sends everything as fast as the daemon takes it, step by step on each connection.
pub(crate) fn send(load: &Load, address: &str, connections: usize) -> Outcome<()> {
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..connections)
            .map(|connection| {
                scope.spawn(move || send_share(load, address, connection, connections))
            })
            .collect();
        for sender in senders {
            sender.join().map_err(|_| "a sender panicked")??;
        }
        Ok(())
    })
}

/// Bytes that are written to the socket at once.
const CHUNK_BYTES: usize = 256 << 10;

/// All points of one series after the other, the series in an order that looks random.
fn send_history(load: &Load, series: &[usize], stream: &mut TcpStream) -> Outcome<()> {
    let mut order = series.to_vec();
    order.sort_by_key(|series| (*series as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for series in order {
        let mut lines = Vec::with_capacity(CHUNK_BYTES + 128);
        let name = Load::name(series);
        for step in 0..load.steps {
            let hundredths = u64::from(hundredths(series, step));
            let time = load.first + step as i64 * load.step;
            lines.extend_from_slice(name.as_bytes());
            let at = lines.len();
            lines.extend_from_slice(b" 0000.00 0000000000\n");
            write_digits(&mut lines[at + 1..at + 5], hundredths / 100);
            write_digits(&mut lines[at + 6..at + 8], hundredths % 100);
            write_digits(&mut lines[at + 9..at + 9 + TIME_DIGITS], time as u64);
            if lines.len() >= CHUNK_BYTES {
                stream.write_all(&lines)?;
                lines.clear();
            }
        }
        stream.write_all(&lines)?;
    }
    Ok(())
}

/// Every connection has whole hosts, as agents do.
fn send_share(load: &Load, address: &str, connection: usize, connections: usize) -> Outcome<()> {
    let is_mine = |series: &usize| series / SERIES_PER_HOST % connections == connection;
    let mut stream = TcpStream::connect(address)?;
    if load.is_history {
        let series: Vec<usize> = (0..load.series).filter(is_mine).collect();
        return send_history(load, &series, &mut stream);
    }
    let mut lines = Lines::of((0..load.series).filter(is_mine));
    for step in 0..load.steps {
        lines.set_step(step, load.first + step as i64 * load.step);
        stream.write_all(&lines.text)?;
    }
    Ok(())
}
