//! What a process has used so far, from `/proc`.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::Outcome;

/// Ticks of `/proc/PID/stat` a second: fixed at 100 for user space on Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// The counters of one process at one time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) user_seconds: f64,
    pub(crate) system_seconds: f64,
    /// What the process caused to be written to storage, page cache included.
    pub(crate) bytes_written: u64,
    pub(crate) anonymous_bytes: u64,
    pub(crate) resident_bytes: u64,
}

impl Usage {
    /// Reads them.
    pub(crate) fn of(pid: u32) -> Outcome<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The command's name may hold anything but is closed by the last bracket.
        let (_, fields) = stat.rsplit_once(") ").ok_or("/proc/PID/stat has no name")?;
        let fields: Vec<_> = fields.split(' ').collect();
        let ticks = |field: usize| -> Outcome<f64> {
            Ok(fields
                .get(field)
                .ok_or("/proc/PID/stat is short")?
                .parse()?)
        };
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let io = fs::read_to_string(format!("/proc/{pid}/io"))?;
        Ok(Self {
            user_seconds: ticks(11)? / TICKS_PER_SECOND,
            system_seconds: ticks(12)? / TICKS_PER_SECOND,
            bytes_written: number_after(&io, "write_bytes:")?,
            anonymous_bytes: number_after(&rollup, "Anonymous:")? * 1024,
            resident_bytes: number_after(&rollup, "Rss:")? * 1024,
        })
    }
}

/// The memory of a process that is not of files.
pub(crate) fn anonymous_bytes(pid: u32) -> Outcome<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(number_after(&status, "RssAnon:")? * 1024)
}

/// A thread that looks at a process' anonymous memory ten times a second.
pub(crate) struct Watch {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Watch {
    pub(crate) fn start(pid: u32) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let mut peak = 0;
            while !flag.load(Ordering::Relaxed) {
                peak = anonymous_bytes(pid).map_or(peak, |bytes| peak.max(bytes));
                std::thread::sleep(Duration::from_millis(100));
            }
            peak
        });
        Self { is_over, thread }
    }

    /// The most that was seen.
    pub(crate) fn stop(self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

fn number_after(text: &str, key: &str) -> Outcome<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    Ok(number
        .ok_or_else(|| format!("no {key} in /proc"))?
        .parse()?)
}
