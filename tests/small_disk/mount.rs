//! Small file systems of the test's own.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;

/// A mounted file system, unmounted in the end.
pub(crate) struct Mount {
    pub(crate) point: PathBuf,
    parent: tempfile::TempDir,
}

impl Mount {
    pub(crate) fn tmpfs() -> Option<Self> {
        let parent = tempfile::tempdir().unwrap();
        Self::new(parent, |point| {
            run("mount", &["-t", "tmpfs", "-o", "size=6m", "none", point])
        })
    }

    pub(crate) fn ext4(megabytes: u64) -> Option<Self> {
        let parent = tempfile::tempdir().unwrap();
        let image = parent.path().join("image");
        File::create(&image)
            .unwrap()
            .set_len(megabytes << 20)
            .unwrap();
        let image = image.to_str().unwrap().to_owned();
        // Without blocks reserved for root, or the test as root would not see it full.
        let made = run("mkfs.ext4", &["-q", "-F", "-m", "0", &image]);
        Self::new(parent, |point| {
            made && run("mount", &["-o", "loop", &image, point])
        })
    }

    fn new(parent: tempfile::TempDir, mount: impl FnOnce(&str) -> bool) -> Option<Self> {
        if !may_mount() {
            println!("left out: this user may not mount");
            return None;
        }
        let point = parent.path().join("mounted");
        fs::create_dir(&point).unwrap();
        assert!(
            mount(point.to_str().unwrap()),
            "a mount failed that this user may make"
        );
        Some(Self { point, parent })
    }

    /// Takes all room that is left; answers the file that has it.
    pub(crate) fn fill(&self) -> PathBuf {
        let path = self.point.join("filler");
        let mut file = File::create(&path).unwrap();
        // Until two rounds find none: what was removed is free only some time after a sync, and so is
        // what the file system holds back for writes on the way.
        let mut rounds_without = 0;
        while rounds_without < 2 {
            rounds_without += 1;
            for size in [1 << 16, 1 << 12, 1] {
                while file.write_all(&vec![7; size]).is_ok() {
                    rounds_without = 0;
                }
            }
            // Without a change there is nothing to sync.
            let _ = file.write_all_at(&[7], 0);
            let _ = file.sync_all();
        }
        path
    }
}

/// What makes a file system fail.
impl Mount {
    /// Lets every later system call fail with EIO, what was not synced be lost with it.
    pub(crate) fn fail(&self) {
        // `EXT4_IOC_SHUTDOWN`, which is `_IOR('X', 125, __u32)`, without writing its journal out first.
        const SHUTDOWN: libc::Ioctl = 0x8004_587d_u32 as libc::Ioctl;
        const WITHOUT_JOURNAL: u32 = 2;
        let folder = File::open(&self.point).unwrap();
        // SAFETY: the call reads the number that it is given, and keeps no pointer.
        let failed = unsafe { libc::ioctl(folder.as_raw_fd(), SHUTDOWN, &WITHOUT_JOURNAL) };
        assert_eq!(failed, 0, "{}", std::io::Error::last_os_error());
    }

    /// Mounts an ext4 again, which repairs itself from its journal.
    pub(crate) fn mount_again(&self) {
        let (point, image) = (self.point.to_str().unwrap(), self.image());
        assert!(run("umount", &[point]));
        assert!(run(
            "mount",
            &["-o", "loop", image.to_str().unwrap(), point]
        ));
    }

    fn image(&self) -> PathBuf {
        self.parent.path().join("image")
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        run("umount", &[self.point.to_str().unwrap()]);
    }
}

/// True for who has the capability CAP_SYS_ADMIN.
fn may_mount() -> bool {
    const SYS_ADMIN: u64 = 1 << 21;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & SYS_ADMIN != 0)
}

fn run(program: &str, arguments: &[&str]) -> bool {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    let output = Command::new(program)
        .args(arguments)
        .env("PATH", path)
        .output();
    output.is_ok_and(|output| output.status.success())
}
