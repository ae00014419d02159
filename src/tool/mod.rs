//! The command line's retention tooling, one file a subcommand.
