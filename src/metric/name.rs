//! Metric names: their canonical form, limits and policy.
