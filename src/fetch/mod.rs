//! Series read from the store for a plan.
