//! What the subcommands that also know data folders do with Whisper files: a file a subcommand.

pub(super) mod du;
pub(super) mod dump;
pub(super) mod fetch;
