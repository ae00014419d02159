//! What the system says of this process: processor time, memory, open files, age.

use std::time::Instant;

use super::{Kind, Sample, Source};

/// The numbers of the running process.
#[derive(Debug)]
pub struct Process {
    started: Instant,
}

impl Process {
    /// A process that counts its age from now.
    pub fn started_now() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Source for Process {
    fn collect(&self, samples: &mut Vec<Sample>) {
        let mut push = |name, help, kind, value| {
            samples.push(Sample {
                name,
                help,
                kind,
                labels: Vec::new(),
                value,
            });
        };
        push(
            "process_cpu_seconds_total",
            "Processor time in user and system mode.",
            Kind::Counter,
            cpu_seconds(),
        );
        if let Some(memory) = Memory::of_this_process() {
            push(
                "process_resident_memory_bytes",
                "Resident memory, pages of mapped files included.",
                Kind::Gauge,
                memory.resident_bytes as f64,
            );
            push(
                "plumbago_anonymous_memory_bytes",
                "Resident memory without mapped files.",
                Kind::Gauge,
                memory.anonymous_bytes as f64,
            );
        }
        if let Ok(entries) = std::fs::read_dir("/proc/self/fd") {
            push(
                "process_open_fds",
                "Open file descriptors.",
                Kind::Gauge,
                entries.count() as f64,
            );
        }
        push(
            "plumbago_uptime_seconds",
            "Seconds since the daemon was started.",
            Kind::Gauge,
            self.started.elapsed().as_secs_f64(),
        );
    }
}

/// Processor time of all threads so far, user and system.
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

struct Memory {
    resident_bytes: u64,
    anonymous_bytes: u64,
}

impl Memory {
    /// From `/proc/self/statm`: pages resident, and those of them that belong to files.
    fn of_this_process() -> Option<Self> {
        let text = std::fs::read_to_string("/proc/self/statm").ok()?;
        let mut pages = text.split_ascii_whitespace().skip(1);
        let resident: u64 = pages.next()?.parse().ok()?;
        let of_files: u64 = pages.next()?.parse().ok()?;
        let page_size = rustix::param::page_size() as u64;
        Some(Self {
            resident_bytes: resident * page_size,
            anonymous_bytes: resident.saturating_sub(of_files) * page_size,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_reports_itself() {
        let mut samples = Vec::new();
        Process::started_now().collect(&mut samples);
        let value = |name| {
            let sample = samples.iter().find(|sample| sample.name == name).unwrap();
            sample.value
        };
        assert!(value("process_cpu_seconds_total") > 0.0);
        assert!(value("process_resident_memory_bytes") > value("plumbago_anonymous_memory_bytes"));
        assert!(value("process_open_fds") >= 3.0);
    }
}
