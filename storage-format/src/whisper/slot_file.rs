//! What an operation needs of a file when not all of its bytes are in memory.
//!
//! The engine writes a handful of slots of a file of many pages, so that rolling up asks for bytes by
//! their place: a slice answers from memory, the engine from the pages it has read.

use std::convert::Infallible;

/// The bytes of a Whisper file by their offset. The caller has checked that the file is as long as
/// its header says; offsets beyond that are never asked for.
pub trait SlotFile {
    /// Why bytes cannot be read or written.
    type Error;

    /// Fills `into` with the bytes from `offset` on.
    ///
    /// # Errors
    /// When they cannot be read.
    fn read(&mut self, offset: usize, into: &mut [u8]) -> Result<(), Self::Error>;

    /// Replaces the bytes from `offset` on.
    ///
    /// # Errors
    /// When they cannot be written.
    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Self::Error>;
}

impl SlotFile for [u8] {
    type Error = Infallible;

    fn read(&mut self, offset: usize, into: &mut [u8]) -> Result<(), Infallible> {
        into.copy_from_slice(&self[offset..offset + into.len()]);
        Ok(())
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Infallible> {
        self[offset..offset + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}
