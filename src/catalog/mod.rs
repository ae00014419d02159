//! Names to ids and back, the glob tree, the tag index, and their log and snapshot on disk.
