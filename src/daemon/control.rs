//! The control socket: how the command line reaches a running daemon.
//!
//! It lies in the data folder, which the daemon has locked, so one that is there at the start was left
//! by a process that is gone. Its mode is 0600 from the first moment: the daemon's user and root may
//! connect, nobody else.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, fchmod};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use tokio::net::UnixListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::api;
use crate::storage::folder::ControlSocket;

/// Connections that may wait to be accepted; operators are few.
const BACKLOG: i32 = 16;

/// The socket with the task that serves it. The file goes when it is dropped.
pub(super) struct Control {
    socket: ControlSocket,
    pub(super) task: JoinHandle<io::Result<()>>,
}

impl Control {
    /// Listens in a data folder.
    ///
    /// # Errors
    /// When the file system takes no sockets, or the folder may not be written.
    pub(super) fn start(
        folder: &Path,
        services: api::State,
        stopping: CancellationToken,
    ) -> io::Result<Self> {
        let socket = ControlSocket::in_folder(folder)?;
        let listener = listen(&socket)?;
        let task = tokio::spawn(api::serve_control(listener, services, stopping));
        Ok(Self { socket, task })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // One that stays does no harm: the next start removes it.
        let _ = std::fs::remove_file(self.socket.address());
    }
}

fn listen(socket: &ControlSocket) -> io::Result<UnixListener> {
    match std::fs::remove_file(socket.address()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let listener: OwnedFd =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    // Before the file is made: it gets the mode of the socket.
    fchmod(&listener, Mode::RUSR | Mode::WUSR)?;
    rustix::net::bind(&listener, &SocketAddrUnix::new(socket.address())?)?;
    rustix::net::listen(&listener, BACKLOG)?;
    UnixListener::from_std(listener.into())
}
