//! Transports: sockets to pooled buffers.
