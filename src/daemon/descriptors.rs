//! Room for file descriptors: every connection and every mapped file needs one.
//!
//! Distributions start services with a soft limit of 1,024 for the sake of old programs that use
//! `select`, and a hard limit far above. Nothing here uses `select`, so the soft one is raised.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Below this the shipped limit of connections cannot be reached with files mapped beside them.
const ENOUGH: u64 = 18 * 1024;

/// Raises the soft limit to the hard one and says what there is.
pub(super) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
    // No number means no limit.
    let current = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if current < ENOUGH {
        tracing::warn!(
            current,
            "few open files are allowed; LimitNOFILE= or ulimit -n raises it"
        );
    } else {
        tracing::debug!(current, "limit of open files");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_limit_becomes_the_hard_one() {
        raise_limit();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
