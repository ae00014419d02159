//! Functions of the render API.

/// One function of the render API.
pub trait Function: Send + Sync {}

pub mod alias;
pub mod calculate;
pub mod combine;
pub mod filter_data;
pub mod filter_series;
pub mod graph;
pub mod sorting;
pub mod special;
pub mod transform;
