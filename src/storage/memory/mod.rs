//! A store in memory with Whisper's exact semantics: the reference that tests compare with.
