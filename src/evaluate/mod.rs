//! Functions run over fetched series.
