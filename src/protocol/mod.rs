//! Bytes to points, pure.
