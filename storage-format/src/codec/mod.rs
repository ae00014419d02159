//! The codec format.
