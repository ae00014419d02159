//! The open files of one shard: the ones used last, each checked before it is used.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::Mutex;
use plumbago_storage_format::whisper::{Dialect, Header};

use super::open_file::{Creation, FileError, OpenFile};
use crate::metric::SeriesId;

/// Open files by series, at most so many. Its lock is held for look-ups alone.
#[derive(Debug)]
pub(super) struct Files {
    most: usize,
    dialect: Dialect,
    state: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    files: HashMap<SeriesId, (Arc<OpenFile>, u64), foldhash::fast::RandomState>,
    /// Uses, oldest first; one that is not a file's last is passed over.
    uses: VecDeque<(SeriesId, u64)>,
    clock: u64,
}

impl Files {
    /// At most `most` open files, one at the least.
    pub(super) fn new(most: usize, dialect: Dialect) -> Self {
        Self {
            most: most.max(1),
            dialect,
            state: Mutex::default(),
        }
    }

    /// The file of a series, open and as it is on disk now.
    ///
    /// # Errors
    /// When there is none or it cannot be used.
    pub(super) fn get(&self, id: SeriesId, path: &Path) -> Result<Arc<OpenFile>, FileError> {
        let held = self.state.lock().touch(id);
        if let Some(file) = held
            && file.is_current()
        {
            return Ok(file);
        }
        self.forget(id);
        let file = Arc::new(OpenFile::open(path, self.dialect)?);
        self.keep(id, &file);
        Ok(file)
    }

    /// Makes the file of a series; answers the one that another process made meanwhile if it did.
    ///
    /// # Errors
    /// When the disk is full or refuses.
    pub(super) fn create(
        &self,
        id: SeriesId,
        path: &Path,
        header: Header,
        creation: Creation,
    ) -> Result<(Arc<OpenFile>, bool), FileError> {
        let (file, is_new) = match OpenFile::create(path, header, creation)? {
            Some(file) => (file, true),
            None => (OpenFile::open(path, self.dialect)?, false),
        };
        let file = Arc::new(file);
        self.keep(id, &file);
        Ok((file, is_new))
    }

    /// Closes the file of a series once nobody uses it.
    pub(super) fn forget(&self, id: SeriesId) {
        self.state.lock().files.remove(&id);
    }

    fn keep(&self, id: SeriesId, file: &Arc<OpenFile>) {
        let mut dropped = Vec::new();
        let mut state = self.state.lock();
        let stamp = state.stamp(id);
        state.files.insert(id, (Arc::clone(file), stamp));
        while state.files.len() > self.most {
            dropped.extend(state.drop_oldest());
        }
        drop(state);
        // Closing is a system call that nobody has to wait for.
        drop(dropped);
    }
}

impl Open {
    fn touch(&mut self, id: SeriesId) -> Option<Arc<OpenFile>> {
        if !self.files.contains_key(&id) {
            return None;
        }
        let stamp = self.stamp(id);
        let (file, last) = self.files.get_mut(&id)?;
        *last = stamp;
        Some(Arc::clone(file))
    }

    fn stamp(&mut self, id: SeriesId) -> u64 {
        self.clock += 1;
        self.uses.push_back((id, self.clock));
        if self.uses.len() > 4 * self.files.len().max(64) {
            let files = &self.files;
            let last = |id: &SeriesId| files.get(id).map(|(_, last)| *last);
            let clock = self.clock;
            self.uses
                .retain(|(id, stamp)| *stamp == clock || last(id) == Some(*stamp));
        }
        self.clock
    }

    fn drop_oldest(&mut self) -> Option<Arc<OpenFile>> {
        while let Some((id, stamp)) = self.uses.pop_front() {
            if self.files.get(&id).is_some_and(|(_, last)| *last == stamp) {
                return self.files.remove(&id).map(|(file, _)| file);
            }
        }
        None
    }

    #[cfg(test)]
    fn ids(&self) -> Vec<u32> {
        let mut ids: Vec<u32> = self.files.keys().map(|id| id.0).collect();
        ids.sort_unstable();
        ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{Retention, Rollup};
    use crate::storage::whisper::definition::header_of;

    const CREATION: Creation = Creation {
        is_sparse: false,
        shard: 0,
    };

    fn header(text: &str) -> Header {
        let retention = Retention::parse(text).unwrap();
        header_of(&retention, Rollup::default(), Dialect::Reference).unwrap()
    }

    #[test]
    fn files_used_last_stay_open() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(2, Dialect::Reference);
        let path = |id: u32| folder.path().join(format!("{id}.wsp"));
        for id in 0..3 {
            let created = files.create(SeriesId(id), &path(id), header("10s:1h"), CREATION);
            assert!(created.unwrap().1);
        }
        assert_eq!(files.state.lock().ids(), [1, 2]);
        for _ in 0..1000 {
            files.get(SeriesId(1), &path(1)).unwrap();
        }
        files.get(SeriesId(0), &path(0)).unwrap();
        assert_eq!(files.state.lock().ids(), [0, 1]);
        assert!(files.state.lock().uses.len() < 300);
    }

    #[test]
    fn file_that_was_replaced_changed_or_removed_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(2, Dialect::Reference);
        let (path, other) = (folder.path().join("a.wsp"), folder.path().join("b.wsp"));
        let id = SeriesId(7);
        files.create(id, &path, header("10s:1h"), CREATION).unwrap();
        let steps = |file: &OpenFile| file.header().archives()[0].step_s();
        assert_eq!(steps(&files.get(id, &path).unwrap()), 10);
        // As whisper-resize does it.
        std::fs::write(&other, header("1m:1d").image()).unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_eq!(steps(&files.get(id, &path).unwrap()), 60);
        // As whisper-set-xfilesfactor does it.
        let mut image = header("1m:1d").image();
        image[8..12].copy_from_slice(&0.75f32.to_be_bytes());
        std::fs::write(&path, &image).unwrap();
        assert_eq!(
            files.get(id, &path).unwrap().header().x_files_factor(),
            0.75
        );
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(files.get(id, &path), Err(FileError::Missing)));
    }

    #[test]
    fn creation_leaves_what_another_process_made() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(2, Dialect::Reference);
        let path = folder.path().join("a/b.wsp");
        std::fs::create_dir(folder.path().join("a")).unwrap();
        std::fs::write(&path, header("1m:1d").image()).unwrap();
        let created = files.create(SeriesId(0), &path, header("10s:1h"), CREATION);
        let (file, is_new) = created.unwrap();
        assert!(!is_new);
        assert_eq!(file.header().archives()[0].step_s(), 60);
        let names = std::fs::read_dir(folder.path().join("a")).unwrap();
        assert_eq!(names.count(), 1, "nothing else is left");
    }

    #[test]
    fn new_file_has_its_blocks_and_is_what_the_reference_makes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wsp");
        for is_sparse in [false, true] {
            let creation = Creation {
                is_sparse,
                shard: 3,
            };
            OpenFile::create(&path, header("10s:6h,1m:7d"), creation)
                .unwrap()
                .unwrap();
            assert_eq!(
                std::fs::read(&path).unwrap(),
                header("10s:6h,1m:7d").image()
            );
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn foreign_and_short_files_are_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wsp");
        let whole = header("10s:1h").image();
        let compressed = b"whisper_compressed and so on".to_vec();
        for bytes in [
            vec![],
            vec![0; 7],
            whole[..whole.len() - 1].to_vec(),
            compressed,
        ] {
            std::fs::write(&path, &bytes).unwrap();
            let opened = OpenFile::open(&path, Dialect::Reference);
            assert!(matches!(
                opened,
                Err(FileError::Failed(
                    crate::storage::StoreError::Damaged { .. }
                ))
            ));
            assert!(!OpenFile::finish_creation(&path, &header("10s:1h")).unwrap());
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
    }

    #[test]
    fn creation_that_a_power_loss_cut_short_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wsp");
        let whole = header("10s:1h").image();
        std::fs::write(&path, vec![0; whole.len()]).unwrap();
        assert!(OpenFile::open(&path, Dialect::Reference).is_err());
        assert!(OpenFile::finish_creation(&path, &header("10s:1h")).unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }
}
