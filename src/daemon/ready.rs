//! Says where everything listens: one log line each, and a file for programs.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The addresses as they are bound: port 0 has become a real one.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    pub(super) api: Option<SocketAddr>,
    pub(super) receivers: BTreeMap<String, SocketAddr>,
}

/// The file of `--ready-file`; removed when dropped.
#[derive(Debug)]
pub(super) struct ReadyFile {
    path: PathBuf,
}

impl Addresses {
    fn json(&self) -> String {
        let text = |address: &SocketAddr| serde_json::Value::String(address.to_string());
        let receivers = self.receivers.iter();
        let object = serde_json::json!({
            "pid": std::process::id(),
            "api": self.api.as_ref().map(text),
            "receivers": receivers
                .map(|(name, address)| (name.clone(), text(address)))
                .collect::<serde_json::Map<_, _>>(),
        });
        format!("{object}\n")
    }
}

impl ReadyFile {
    /// Writes the addresses beside the file and moves it into place.
    ///
    /// # Errors
    /// When the folder is not there or cannot be written.
    pub(super) fn write(path: &Path, addresses: &Addresses) -> io::Result<Self> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".new");
        fs::write(&temporary, addresses.json())?;
        fs::rename(&temporary, path)?;
        Ok(Self {
            path: path.to_owned(),
        })
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        // Nobody is left to tell, and a stale file names a process that is gone.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_holds_all_addresses_while_it_lives() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ready.json");
        let addresses = Addresses {
            api: Some("127.0.0.1:8080".parse().unwrap()),
            receivers: BTreeMap::from([("tcp".to_owned(), "[::1]:2003".parse().unwrap())]),
        };
        let file = ReadyFile::write(&path, &addresses).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(value["api"], "127.0.0.1:8080");
        assert_eq!(value["receivers"]["tcp"], "[::1]:2003");
        assert_eq!(value["pid"], std::process::id());
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
