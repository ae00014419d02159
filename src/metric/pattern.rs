//! Globs over metric names: `*`, `?`, `[a-z]`, `[!x]`, `{a,b}`, node by node.
