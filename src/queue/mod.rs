//! Bounded lock-free queues of batches between receivers and shards.
