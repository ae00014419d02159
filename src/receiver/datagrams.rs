//! Many datagrams in one system call.
//!
//! On Linux this is `recvmmsg`, which no safe crate offers; it is the only `unsafe` of this room.
//! Elsewhere datagrams are received one by one.

use std::io;
use std::net::SocketAddr;

use socket2::SockRef;
use tokio::net::UdpSocket;

/// Datagrams received by one call.
const DATAGRAMS_MAX: usize = 64;
/// More than the payload of any UDP datagram (65,507 bytes), so that none is ever cut. Memory is
/// touched only as far as datagrams reach.
const DATAGRAM_BYTES_MAX: usize = 64 * 1024;

/// Datagrams of one call, with their senders.
pub(super) struct Datagrams {
    bytes: Box<[u8]>,
    /// Length and sender of each datagram that is there.
    received: Vec<(usize, Option<SocketAddr>)>,
    /// What the kernel says it has dropped since the socket was opened.
    dropped: u32,
}

impl Datagrams {
    pub(super) fn new() -> Self {
        Self {
            // Zeroed memory comes from the system untouched: 4 MiB of address space.
            bytes: vec![0; DATAGRAMS_MAX * DATAGRAM_BYTES_MAX].into_boxed_slice(),
            received: Vec::with_capacity(DATAGRAMS_MAX),
            dropped: 0,
        }
    }

    /// The datagrams that the last call received.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], Option<SocketAddr>)> {
        let slots = self.bytes.chunks_exact(DATAGRAM_BYTES_MAX);
        slots
            .zip(&self.received)
            .map(|(slot, &(length, sender))| (&slot[..length], sender))
    }

    /// How many datagrams the kernel has dropped since the socket was opened, as far as the system
    /// tells; it wraps.
    pub(super) fn dropped(&self) -> u32 {
        self.dropped
    }
}

#[cfg(not(target_os = "linux"))]
impl Datagrams {
    /// Receives what is there; an error of kind `WouldBlock` when there is nothing.
    pub(super) fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        self.received.clear();
        for slot in self.bytes.chunks_exact_mut(DATAGRAM_BYTES_MAX) {
            match socket.try_recv_from(slot) {
                Ok((length, sender)) => self.received.push((length, Some(sender))),
                Err(_) if !self.received.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(self.received.len())
    }
}

/// Asks the kernel to tell with each datagram how many it had to drop; false when it does not.
pub(super) fn count_drops(socket: SockRef<'_>) -> bool {
    #[cfg(target_os = "linux")]
    return linux::count_drops(&socket);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = socket;
        false
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::mem::{size_of, size_of_val};
    use std::os::fd::AsRawFd;
    use std::ptr::{addr_of, null_mut};

    use super::*;

    /// Room for the one control message that is asked for, aligned as the kernel wants it.
    type Control = [u64; 4];

    pub(super) fn count_drops(socket: &socket2::Socket) -> bool {
        let on: libc::c_int = 1;
        // SAFETY: the descriptor is open while `socket` is borrowed, and the option is an int that
        // outlives the call.
        let result = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_RXQ_OVFL,
                addr_of!(on).cast(),
                size_of_val(&on) as libc::socklen_t,
            )
        };
        result == 0
    }

    impl Datagrams {
        /// Receives what is there; an error of kind `WouldBlock` when there is nothing.
        pub(in super::super) fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
            self.received.clear();
            let socket = SockRef::from(socket);
            let mut senders = [zeroed_sender(); DATAGRAMS_MAX];
            let mut controls = [Control::default(); DATAGRAMS_MAX];
            let mut slots: [libc::iovec; DATAGRAMS_MAX] = {
                let mut chunks = self.bytes.chunks_exact_mut(DATAGRAM_BYTES_MAX);
                std::array::from_fn(|_| {
                    let slot = chunks.next().expect("there is a chunk for each datagram");
                    libc::iovec {
                        iov_base: slot.as_mut_ptr().cast(),
                        iov_len: slot.len(),
                    }
                })
            };
            let mut headers: [libc::mmsghdr; DATAGRAMS_MAX] = std::array::from_fn(|place| {
                header(&mut slots[place], &mut senders[place], &mut controls[place])
            });
            // SAFETY: the descriptor is open while `socket` is borrowed. Each header points to one
            // iovec, one sender and one control buffer of this stack frame, and each iovec to its own
            // chunk of `self.bytes`; all live to the end of this function, nothing else touches them
            // meanwhile, and the lengths are those of the memory.
            let count = unsafe {
                libc::recvmmsg(
                    socket.as_raw_fd(),
                    headers.as_mut_ptr(),
                    DATAGRAMS_MAX as libc::c_uint,
                    libc::MSG_DONTWAIT as _,
                    null_mut(),
                )
            };
            let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
            for (header, sender) in headers[..count].iter().zip(&senders) {
                let length = (header.msg_len as usize).min(DATAGRAM_BYTES_MAX);
                self.received.push((length, to_address(sender)));
            }
            // The count only grows, so the last datagram has it.
            if let Some(dropped) = headers[..count].last().and_then(drops_of) {
                self.dropped = dropped;
            }
            Ok(count)
        }
    }

    fn header(
        slot: &mut libc::iovec,
        sender: &mut libc::sockaddr_storage,
        control: &mut Control,
    ) -> libc::mmsghdr {
        // SAFETY: a message header is plain data, for which zero is a valid value of every field.
        let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
        header.msg_hdr.msg_iov = slot;
        header.msg_hdr.msg_iovlen = 1;
        header.msg_hdr.msg_name = std::ptr::from_mut(sender).cast();
        header.msg_hdr.msg_namelen = size_of_val(sender) as libc::socklen_t;
        header.msg_hdr.msg_control = control.as_mut_ptr().cast();
        header.msg_hdr.msg_controllen = size_of_val(control) as _;
        header
    }

    fn zeroed_sender() -> libc::sockaddr_storage {
        // SAFETY: a socket address is plain data, for which zero is a valid value of every field.
        unsafe { std::mem::zeroed() }
    }

    fn to_address(sender: &libc::sockaddr_storage) -> Option<SocketAddr> {
        let family = libc::c_int::from(sender.ss_family);
        let length = match family {
            libc::AF_INET => size_of::<libc::sockaddr_in>(),
            libc::AF_INET6 => size_of::<libc::sockaddr_in6>(),
            _ => return None,
        };
        // SAFETY: `socket2` reads an address of at most `length` bytes out of storage of the size of
        // any address; the two types are the same C struct.
        let address = unsafe {
            let (_, address) = socket2::SockAddr::try_init(|storage, size| {
                std::ptr::copy_nonoverlapping(
                    addr_of!(*sender).cast::<u8>(),
                    storage.cast::<u8>(),
                    length,
                );
                *size = length as libc::socklen_t;
                Ok(())
            })
            .ok()?;
            address
        };
        address.as_socket()
    }

    /// The count of dropped datagrams in a header's control messages.
    fn drops_of(header: &libc::mmsghdr) -> Option<u32> {
        let header = &header.msg_hdr;
        // SAFETY: the kernel filled the control buffer that the header points to, which is still
        // alive, and set its length; the macros stay within that length. The payload of this
        // message is one u32, read without assuming its alignment.
        unsafe {
            let message = libc::CMSG_FIRSTHDR(header);
            if message.is_null()
                || (*message).cmsg_level != libc::SOL_SOCKET
                || (*message).cmsg_type != libc::SO_RXQ_OVFL
            {
                return None;
            }
            Some(libc::CMSG_DATA(message).cast::<u32>().read_unaligned())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket as Client;

    use super::*;

    fn pair() -> (UdpSocket, Client) {
        let receiver = Client::bind("127.0.0.1:0").unwrap();
        receiver.set_nonblocking(true).unwrap();
        let receiver = UdpSocket::from_std(receiver).unwrap();
        let sender = Client::bind("127.0.0.1:0").unwrap();
        sender.connect(receiver.local_addr().unwrap()).unwrap();
        (receiver, sender)
    }

    #[tokio::test]
    async fn many_datagrams_come_in_one_call_with_their_sender() {
        let (receiver, sender) = pair();
        let sizes = [0, 1, 100, 8000, 60_000];
        for size in sizes {
            sender.send(&vec![b'x'; size]).unwrap();
        }
        let mut datagrams = Datagrams::new();
        assert_eq!(datagrams.receive(&receiver).unwrap(), sizes.len());
        let address = sender.local_addr().unwrap();
        for ((bytes, from), size) in datagrams.iter().zip(sizes) {
            assert_eq!((bytes.len(), from), (size, Some(address)));
            assert!(bytes.iter().all(|&byte| byte == b'x'));
        }
    }

    #[tokio::test]
    async fn empty_socket_would_block_and_shows_nothing_old() {
        let (receiver, sender) = pair();
        let mut datagrams = Datagrams::new();
        sender.send(b"one").unwrap();
        datagrams.receive(&receiver).unwrap();
        let error = datagrams.receive(&receiver).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(datagrams.iter().count(), 0);
    }

    #[tokio::test]
    #[cfg(target_os = "linux")]
    async fn kernel_says_how_many_datagrams_it_dropped() {
        let (receiver, sender) = pair();
        SockRef::from(&receiver).set_recv_buffer_size(4096).unwrap();
        assert!(count_drops(SockRef::from(&receiver)));
        for _ in 0..200 {
            sender.send(&[b'x'; 1000]).unwrap();
        }
        let mut datagrams = Datagrams::new();
        let mut received = 0;
        while let Ok(count) = datagrams.receive(&receiver) {
            received += count;
        }
        assert!(received < 200);
        // The count travels with the next datagram that fits.
        sender.send(b"last").unwrap();
        datagrams.receive(&receiver).unwrap();
        assert_eq!(datagrams.dropped() as usize, 200 - received);
    }
}
