//! Shard workers: name lookup, and the append to the store.
