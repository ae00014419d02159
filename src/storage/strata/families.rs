//! The families: every retention that any series has, numbered, durable before a series uses it.
//!
//! One small text file, replaced whole when a retention comes that is not in it yet.
//!
//! Threads: under the lock of `Common`; a new family is rare.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, failed};
use crate::metric::Retention;
use crate::storage::StoreError;

const TITLE: &str = "plumbago families 1";

/// All retentions; the position is the family's number.
#[derive(Debug)]
pub(super) struct Families {
    path: PathBuf,
    retentions: Vec<Arc<Retention>>,
}

impl Families {
    /// The name of its file.
    pub(super) const FILE: &str = "families";

    /// Reads the table of a store's folder; empty when there is none yet.
    ///
    /// # Errors
    /// `Io`, or `Damaged`: without this table no file's retention is known, so opening must fail.
    pub(super) fn open(disk: &dyn Disk, folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(Self::FILE);
        let names = disk.list(folder).map_err(failed(folder, "list"))?;
        let retentions = if names.iter().any(|name| name == Self::FILE) {
            let bytes = disk.read(&path).map_err(failed(&path, "read"))?;
            parse(&bytes).map_err(|reason| StoreError::Damaged {
                path: path.clone(),
                reason,
            })?
        } else {
            Vec::new()
        };
        Ok(Self { path, retentions })
    }

    /// The retentions in the order of their numbers.
    pub(super) fn all(&self) -> &[Arc<Retention>] {
        &self.retentions
    }

    /// The number of a retention, given and made durable if it has none.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub(super) fn number(
        &mut self,
        disk: &dyn Disk,
        retention: &Arc<Retention>,
    ) -> Result<usize, StoreError> {
        let known = self.retentions.iter().position(|known| known == retention);
        if let Some(number) = known {
            return Ok(number);
        }
        self.retentions.push(Arc::clone(retention));
        if let Err(error) = disk.replace(&self.path, &print(&self.retentions)) {
            self.retentions.pop();
            return Err(error);
        }
        Ok(self.retentions.len() - 1)
    }
}

fn print(retentions: &[Arc<Retention>]) -> Vec<u8> {
    let mut text = format!("{TITLE}\n");
    for (number, retention) in retentions.iter().enumerate() {
        text.push_str(&format!("{number} {retention}\n"));
    }
    let checksum = crc32fast::hash(text.as_bytes());
    text.push_str(&format!("checksum {checksum:08x}\n"));
    text.into_bytes()
}

fn parse(bytes: &[u8]) -> Result<Vec<Arc<Retention>>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let end = text.rfind("checksum ").ok_or("it has no checksum")?;
    let (body, rest) = text.split_at(end);
    let expected = format!("checksum {:08x}\n", crc32fast::hash(body.as_bytes()));
    if rest != expected {
        return Err(format!("its checksum is not {}", expected.trim()));
    }
    let mut lines = body.lines();
    if lines.next() != Some(TITLE) {
        return Err(format!("it does not begin with \"{TITLE}\""));
    }
    let mut retentions = Vec::new();
    for line in lines {
        let (number, retention) = line.split_once(' ').ok_or_else(|| line.to_owned())?;
        if number != retentions.len().to_string() {
            return Err(format!("line \"{line}\" is out of order"));
        }
        let retention = Retention::parse(retention).map_err(|error| error.to_string())?;
        retentions.push(Arc::new(retention));
    }
    Ok(retentions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::strata::disk::RealDisk;

    #[test]
    fn numbers_survive_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let mut families = Families::open(&RealDisk, folder.path()).unwrap();
        let texts = ["10s:1h", "10s:6h,1m:7d", "10s:1h"];
        let mut number = |text: &str| {
            let retention = Arc::new(Retention::parse(text).unwrap());
            families.number(&RealDisk, &retention).unwrap()
        };
        assert_eq!(texts.map(&mut number), [0, 1, 0]);
        let again = Families::open(&RealDisk, folder.path()).unwrap();
        assert_eq!(again.all(), families.all());
    }

    #[test]
    fn damaged_table_is_refused() {
        let retention = Arc::new(Retention::parse("10s:1h").unwrap());
        let good = print(&[retention]);
        assert_eq!(parse(&good).unwrap().len(), 1);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(parse(&bad).is_err(), "byte {at}");
            assert!(parse(&good[..at]).is_err(), "{at} bytes");
        }
    }
}
