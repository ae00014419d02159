//! Whether another process has a file open for writing.
//!
//! A file that is replaced lives on for who has it open, and what is written to it then is lost. The
//! kernel knows: it grants a read lease (`fcntl(2)`, `F_SETLEASE`) only on a file that nobody has
//! open for writing, maps included. The lease is given back at once.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::{Duration, Instant};

use super::ToolError;

/// How long a writer is waited for: carbon has a file open for some microseconds at a time.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(1);
/// Where the kernel cannot tell (NFS, files of others), a writer is given this long.
const BLIND_PAUSE: Duration = Duration::from_millis(20);

/// Chooses the signal of a lease that is to end; the number is the kernel's, which libc does not have
/// for every target.
const F_SETSIG: libc::c_int = 10;

/// Waits until nobody has the file, which was opened to read alone, open for writing.
///
/// # Errors
/// When somebody keeps it open.
pub(super) fn wait_for_none(file: &File, path: &Path) -> Result<(), ToolError> {
    let begin = Instant::now();
    loop {
        match has_writer(file) {
            Ok(false) => return Ok(()),
            Ok(true) if begin.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
            Ok(true) => {
                let reason = "another process keeps it open for writing: stop that daemon first";
                return Err(ToolError::BadInput(format!("{}: {reason}", path.display())));
            }
            Err(_) => {
                std::thread::sleep(BLIND_PAUSE);
                return Ok(());
            }
        }
    }
}

fn has_writer(file: &File) -> io::Result<bool> {
    // Whoever opens the file in between makes the kernel signal this process; of the signals that do
    // nothing by default this one is free.
    fcntl(file, F_SETSIG, libc::SIGURG)?;
    match fcntl(file, libc::F_SETLEASE, libc::F_RDLCK) {
        Ok(()) => {
            fcntl(file, libc::F_SETLEASE, libc::F_UNLCK)?;
            Ok(false)
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(error),
    }
}

fn fcntl(file: &File, command: libc::c_int, argument: libc::c_int) -> io::Result<()> {
    // SAFETY: the commands above take a number and no pointer; the descriptor is open, as `file` is.
    match unsafe { libc::fcntl(file.as_raw_fd(), command, argument) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_is_seen_and_a_reader_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wsp");
        std::fs::write(&path, "text").unwrap();
        let file = File::open(&path).unwrap();
        let reader = File::open(&path).unwrap();
        assert!(!has_writer(&file).unwrap());
        let writer = File::options().write(true).open(&path).unwrap();
        assert!(has_writer(&file).unwrap());
        drop((reader, writer));
        assert!(!has_writer(&file).unwrap());
        wait_for_none(&file, &path).unwrap();
    }
}
