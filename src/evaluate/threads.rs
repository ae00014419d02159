//! Threads that evaluate give way to threads that store; and their memory goes back.
//!
//! Queries come in any number and size; points come once. So everything that evaluates runs at a lower
//! priority: while shard workers and receivers have work, they get nine parts of a core in ten, and
//! queries get all that is left.

use std::io;

use rayon::{ThreadPool, ThreadPoolBuilder};
use rustix::process::setpriority_process;

/// How much lower. The kernel gives a thread of nice 10 a ninth of what it gives one of nice 0.
const NICENESS: i32 = 10;

/// Lowers the priority of the thread that calls.
pub fn give_way() {
    // Where the system does not let us, queries compete with writers as equals; nothing else is lost.
    let _ = setpriority_process(None, NICENESS);
}

/// Bytes of series from which on a query's memory is given back to the system when it is done.
pub const GIVEN_BACK_FROM_BYTES: usize = 64 << 20;

/// Gives the system back what the allocator keeps for later. Threads have arenas of their own, and
/// without this a daemon that answered a few heavy queries holds a gigabyte for good.
pub fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: it works on the allocator's own state under its own locks, and gives back only pages
        // in which nothing is allocated; any thread may call it at any time.
        unsafe {
            libc::malloc_trim(0);
        }
    }
}

/// Starts the threads on which series are worked on in parallel; to be called before the first query.
/// Where they run already, as in tests, they are left as they are.
pub fn start_pool() {
    let _ = pool("series").build_global();
}

/// Threads beside those, as many as there are cores, which give way as they do.
#[derive(Debug)]
pub struct Threads(ThreadPool);

impl Threads {
    /// Starts threads that are called `name-0` and so on.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start(name: &'static str) -> io::Result<Self> {
        pool(name).build().map(Self).map_err(io::Error::other)
    }

    /// Runs work on one of them, after what was given to them before.
    pub fn spawn(&self, work: impl FnOnce() + Send + 'static) {
        self.0.spawn_fifo(work);
    }
}

fn pool(name: &'static str) -> ThreadPoolBuilder {
    ThreadPoolBuilder::new()
        .thread_name(move |number| format!("{name}-{number}"))
        .start_handler(|_| give_way())
        // It was printed where it happened, and who waits for the result sees that it does not come.
        .panic_handler(|_| ())
}
