//! A daemon that runs on a data folder, asked over its control socket.
//!
//! One request a connection, as HTTP/1.0: the daemon closes behind its answer, so nothing of the
//! protocol but the head has to be read.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::ToolError;
use crate::storage::folder::ControlSocket;

/// The way to a daemon.
pub(super) struct Remote {
    folder: PathBuf,
    socket: ControlSocket,
}

impl Remote {
    /// The daemon of a folder; `None` when none answers.
    ///
    /// # Errors
    /// When there is one that this user may not ask.
    pub(super) fn find(folder: &Path) -> Result<Option<Self>, ToolError> {
        let socket =
            ControlSocket::in_folder(folder).map_err(ToolError::io(folder, "cannot be opened"))?;
        let remote = Self {
            folder: folder.to_owned(),
            socket,
        };
        match UnixStream::connect(remote.socket.address()) {
            Ok(_) => Ok(Some(remote)),
            Err(error) if is_nobody(&error) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let message = format!(
                    "{}: the daemon of this folder belongs to another user, who alone may ask it \
                     (or root)",
                    folder.display()
                );
                Err(ToolError::BadInput(message))
            }
            Err(error) => Err(remote.failed("control socket")(error)),
        }
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(io::Error) -> ToolError {
        ToolError::io(&self.folder, action)
    }

    /// Posts a form and answers the JSON.
    ///
    /// # Errors
    /// What the daemon says, or that it has gone.
    pub(super) fn post(
        &self,
        route: &str,
        pairs: &[(&'static str, String)],
    ) -> Result<Value, ToolError> {
        let pairs = pairs
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)));
        let form = pairs.collect::<Vec<_>>().join("&");
        let head = format!(
            "POST {route} HTTP/1.0\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {}\r\n\r\n",
            form.len()
        );
        self.ask(&[head.as_bytes(), form.as_bytes()].concat())
    }

    /// Gets JSON.
    ///
    /// # Errors
    /// As [`Remote::post`].
    pub(super) fn get(&self, route: &str) -> Result<Value, ToolError> {
        self.ask(format!("GET {route} HTTP/1.0\r\n\r\n").as_bytes())
    }

    fn ask(&self, request: &[u8]) -> Result<Value, ToolError> {
        let mut answer = Vec::new();
        let exchanged = UnixStream::connect(self.socket.address()).and_then(|mut stream| {
            stream.write_all(request)?;
            stream.read_to_end(&mut answer)
        });
        exchanged.map_err(self.failed("the daemon does not answer"))?;
        let (status, body) = split(&answer).ok_or_else(|| {
            let ended = io::ErrorKind::UnexpectedEof.into();
            self.failed("the daemon ended before it answered")(ended)
        })?;
        let value: Value = serde_json::from_slice(body).unwrap_or_default();
        if status == 200 {
            return Ok(value);
        }
        let message = value["error"].as_str().map(str::to_owned);
        let message = message.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
        Err(ToolError::BadInput(message))
    }
}

/// Nobody listens: no socket, or one that a process left which is gone.
fn is_nobody(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

/// The status and the body of an answer.
fn split(answer: &[u8]) -> Option<(u16, &[u8])> {
    let end = memchr::memmem::find(answer, b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, &answer[end + 4..]))
}

/// Percent-encoded for a form.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_is_split_and_half_of_one_is_none() {
        let answer = b"HTTP/1.0 409 Conflict\r\na: b\r\n\r\n{}";
        assert_eq!(split(answer), Some((409, &b"{}"[..])));
        assert_eq!(split(&answer[..20]), None);
        assert_eq!(split(b""), None);
    }

    #[test]
    fn everything_but_letters_and_digits_is_encoded() {
        assert_eq!(encoded("a.*&=é+"), "a%2E%2A%26%3D%C3%A9%2B");
    }
}
