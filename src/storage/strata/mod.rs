//! The native engine: rings, blocks, late points, rollups.
