//! Series to bytes: json, csv, raw and the rest.
