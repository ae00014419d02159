//! The header of a Whisper file: read, checked, made, written, changed.
//!
//! The format has no magic number, so that a header is believed only when all its numbers agree
//! with one another and with the length of the file.

use super::{
    ARCHIVE_INFO_BYTES, Archive, ArchiveSpec, COMPRESSED_MAGIC, Dialect, METADATA_BYTES, Method,
    SLOT_BYTES, Slot, WhisperError,
};
use crate::cursor::Cursor;
use crate::error::FormatError;

/// The most archives of a file: far more than anyone has, and a limit to what a reader allocates.
pub const ARCHIVES_MAX: usize = 255;

/// The longest header: that of so many archives.
pub const HEADER_BYTES_MAX: usize = METADATA_BYTES + ARCHIVE_INFO_BYTES * ARCHIVES_MAX;

const PART: &str = "whisper header";
const ARCHIVE_PART: &str = "whisper archive entry";
const SLOTS_PART: &str = "whisper archive";

/// Everything that a file says before its slots; checked when it is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    dialect: Dialect,
    method: Method,
    x_files_factor: f32,
    archives: Vec<Archive>,
}

impl Header {
    /// The header of a file to come. Archives are put in order of their steps.
    ///
    /// # Errors
    /// What `whisper.md` forbids for new files, and a method that the dialect has no number for.
    pub fn new(
        archives: &[ArchiveSpec],
        method: Method,
        x_files_factor: f32,
        dialect: Dialect,
    ) -> Result<Self, WhisperError> {
        if !(1..=ARCHIVES_MAX).contains(&archives.len()) {
            return Err(WhisperError::ArchiveCount(archives.len()));
        }
        let mut specs = archives.to_vec();
        specs.sort_by_key(|archive| archive.step_s);
        ArchiveSpec::check_rules(&specs)?;
        check_x_files_factor(x_files_factor)?;
        type_number(method, dialect)?;
        Ok(Self {
            dialect,
            method,
            x_files_factor,
            archives: lay_out(&specs)?,
        })
    }

    /// Reads the header of a file, of which `bytes` are all.
    ///
    /// # Errors
    /// [`FormatError::Magic`] for go-whisper's compressed format, otherwise the first byte that no
    /// writer would have written, or [`FormatError::Truncated`] for a file that is shorter than its
    /// header says.
    pub fn parse(bytes: &[u8], dialect: Dialect) -> Result<Self, FormatError> {
        Self::parse_head(bytes, bytes.len() as u64, dialect)
    }

    /// Reads the header of a file of `file_bytes` bytes by the first of them, of which
    /// [`HEADER_BYTES_MAX`] are always enough.
    ///
    /// # Errors
    /// As [`Header::parse`].
    pub fn parse_head(
        bytes: &[u8],
        file_bytes: u64,
        dialect: Dialect,
    ) -> Result<Self, FormatError> {
        if bytes.starts_with(COMPRESSED_MAGIC) {
            let found = *b"whisper_";
            return Err(FormatError::Magic { part: PART, found });
        }
        let mut cursor = Cursor::new(PART, bytes, 0);
        let method = parse_method(&mut cursor, dialect)?;
        let max_retention_s = u32::from_be_bytes(cursor.array()?);
        let x_files_factor = parse_x_files_factor(&mut cursor)?;
        let header = Self {
            dialect,
            method,
            x_files_factor,
            archives: parse_archives(&mut cursor, bytes)?,
        };
        if header.max_retention_s() != u64::from(max_retention_s) {
            return Err(FormatError::Invalid {
                part: PART,
                offset: 4,
                expected: "the longest retention of its archives",
                found: u64::from(max_retention_s),
            });
        }
        header.check_file_bytes(file_bytes)?;
        Ok(header)
    }

    /// The same archives with another method and xFilesFactor. Of the header only the first
    /// [`METADATA_BYTES`] differ.
    ///
    /// # Errors
    /// [`WhisperError::Method`] if the dialect has no number for the method or nothing can be rolled
    /// up by it, [`WhisperError::XFilesFactor`] outside 0 to 1.
    pub fn with_rollup(&self, method: Method, x_files_factor: f32) -> Result<Self, WhisperError> {
        type_number(method, self.dialect)?;
        check_x_files_factor(x_files_factor)?;
        Ok(Self {
            method,
            x_files_factor,
            ..self.clone()
        })
    }

    /// The same file with the type numbers of a dialect.
    ///
    /// # Errors
    /// As [`Header::with_rollup`].
    pub fn in_dialect(&self, dialect: Dialect, method: Method) -> Result<Self, WhisperError> {
        let header = Self {
            dialect,
            ..self.clone()
        };
        header.with_rollup(method, self.x_files_factor)
    }

    /// The header's bytes, as they stand at the start of the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.header_bytes());
        bytes.extend(self.metadata());
        for archive in &self.archives {
            for field in [archive.offset_bytes, archive.step_s, archive.points] {
                bytes.extend(field.to_be_bytes());
            }
        }
        bytes
    }

    /// A whole new file: the header and empty archives.
    pub fn image(&self) -> Vec<u8> {
        let mut bytes = self.encode();
        bytes.resize(self.file_bytes() as usize, 0);
        bytes
    }

    /// The method by which finer archives are rolled up.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The share of fine slots that must be known for a coarse one, 0 to 1.
    pub fn x_files_factor(&self) -> f32 {
        self.x_files_factor
    }

    /// Whose type numbers the file has.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The archives, finest first; at least one.
    pub fn archives(&self) -> &[Archive] {
        &self.archives
    }

    /// The seconds that the longest archive covers.
    pub fn max_retention_s(&self) -> u64 {
        let retentions = self.archives.iter().map(Archive::retention_s);
        retentions.max().unwrap_or_default()
    }

    /// Bytes of the header.
    pub fn header_bytes(&self) -> usize {
        METADATA_BYTES + ARCHIVE_INFO_BYTES * self.archives.len()
    }

    /// Bytes of the whole file.
    pub fn file_bytes(&self) -> u64 {
        let ends = self.archives.iter().map(Archive::end_bytes);
        ends.max().unwrap_or_default()
    }

    /// Checks the rules that the reference keeps when it creates files. A file of an old version
    /// may break them and is read and written all the same.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check_rules(&self) -> Result<(), WhisperError> {
        let specs: Vec<ArchiveSpec> = self.archives.iter().map(Archive::spec).collect();
        ArchiveSpec::check_rules(&specs)
    }

    /// Changes how the file rolls up from now on, and answers the former method.
    ///
    /// # Errors
    /// [`WhisperError::Method`] if the dialect has no number for it or nothing can be rolled up by
    /// it; a file that is too short.
    pub fn set_aggregation_method(
        &mut self,
        bytes: &mut [u8],
        method: Method,
    ) -> Result<Method, WhisperError> {
        self.check_length(bytes)?;
        type_number(method, self.dialect)?;
        let former = std::mem::replace(&mut self.method, method);
        bytes[..METADATA_BYTES].copy_from_slice(&self.metadata());
        Ok(former)
    }

    /// Changes the file's xFilesFactor, and answers the former one.
    ///
    /// # Errors
    /// [`WhisperError::XFilesFactor`] outside 0 to 1; a file that is too short.
    pub fn set_x_files_factor(
        &mut self,
        bytes: &mut [u8],
        x_files_factor: f32,
    ) -> Result<f32, WhisperError> {
        self.check_length(bytes)?;
        check_x_files_factor(x_files_factor)?;
        let former = std::mem::replace(&mut self.x_files_factor, x_files_factor);
        bytes[..METADATA_BYTES].copy_from_slice(&self.metadata());
        Ok(former)
    }

    /// The slots of one archive as they stand in the file, stale and empty ones too: what a dump
    /// shows.
    ///
    /// # Errors
    /// A file that is too short.
    ///
    /// # Panics
    /// If there is no archive of this number.
    pub fn slots<'a>(
        &self,
        bytes: &'a [u8],
        archive: usize,
    ) -> Result<impl DoubleEndedIterator<Item = Slot> + use<'a>, FormatError> {
        self.check_length(bytes)?;
        Ok(self.archives[archive].slots(bytes))
    }

    /// Refuses bytes that are shorter than the archives need, so that these may be indexed.
    pub(super) fn check_length(&self, bytes: &[u8]) -> Result<(), FormatError> {
        self.check_file_bytes(bytes.len() as u64)
    }

    /// Refuses a file that is shorter than the archives need.
    ///
    /// # Errors
    /// [`FormatError::Truncated`].
    pub fn check_file_bytes(&self, available: u64) -> Result<(), FormatError> {
        let needed = self.file_bytes();
        if available < needed {
            return Err(FormatError::Truncated {
                part: SLOTS_PART,
                offset: 0,
                needed,
                available,
            });
        }
        Ok(())
    }

    fn metadata(&self) -> [u8; METADATA_BYTES] {
        // The method was read by this dialect or checked against it.
        let number = self.dialect.number(self.method).unwrap_or_default();
        let mut bytes = [0; METADATA_BYTES];
        let fields = [
            number,
            self.max_retention_s() as u32,
            self.x_files_factor.to_bits(),
            self.archives.len() as u32,
        ];
        for (bytes, field) in bytes.chunks_exact_mut(4).zip(fields) {
            bytes.copy_from_slice(&field.to_be_bytes());
        }
        bytes
    }
}

fn lay_out(specs: &[ArchiveSpec]) -> Result<Vec<Archive>, WhisperError> {
    let mut end = (METADATA_BYTES + ARCHIVE_INFO_BYTES * specs.len()) as u64;
    let mut archives = Vec::with_capacity(specs.len());
    for &ArchiveSpec { step_s, points } in specs {
        let too_large = WhisperError::TooLarge { step_s, points };
        let offset_bytes = u32::try_from(end).map_err(|_| too_large.clone())?;
        let archive = Archive {
            offset_bytes,
            step_s,
            points,
        };
        u32::try_from(archive.retention_s()).map_err(|_| too_large)?;
        end = archive.end_bytes();
        archives.push(archive);
    }
    Ok(archives)
}

fn type_number(method: Method, dialect: Dialect) -> Result<u32, WhisperError> {
    let number = dialect.number(method).filter(|_| method.rolls_up());
    number.ok_or(WhisperError::Method(method))
}

fn check_x_files_factor(factor: f32) -> Result<(), WhisperError> {
    let is_share = (0.0..=1.0).contains(&factor);
    is_share
        .then_some(())
        .ok_or(WhisperError::XFilesFactor(factor))
}

fn parse_method(cursor: &mut Cursor<'_>, dialect: Dialect) -> Result<Method, FormatError> {
    let at = cursor.clone();
    let number = u32::from_be_bytes(cursor.array()?);
    let method = dialect.method(number);
    method.ok_or_else(|| at.invalid("an aggregation type from 1 to 8", u64::from(number)))
}

fn parse_x_files_factor(cursor: &mut Cursor<'_>) -> Result<f32, FormatError> {
    let at = cursor.clone();
    let factor = f32::from_be_bytes(cursor.array()?);
    let found = u64::from(factor.to_bits());
    check_x_files_factor(factor)
        .map_err(|_| at.invalid("the bits of an xFilesFactor from 0 to 1", found))?;
    Ok(factor)
}

fn parse_archives(cursor: &mut Cursor<'_>, bytes: &[u8]) -> Result<Vec<Archive>, FormatError> {
    let at = cursor.clone();
    let count = u32::from_be_bytes(cursor.array()?);
    if !(1..=ARCHIVES_MAX as u32).contains(&count) {
        return Err(at.invalid("from 1 to 255 archives", u64::from(count)));
    }
    let mut entries = Cursor::new(ARCHIVE_PART, &bytes[METADATA_BYTES..], 16);
    let mut archives: Vec<Archive> = Vec::with_capacity(count as usize);
    let mut end = (METADATA_BYTES + ARCHIVE_INFO_BYTES * count as usize) as u64;
    for _ in 0..count {
        let finer_s = archives.last().map_or(0, |finer| finer.step_s);
        let archive = parse_archive(&mut entries, end, finer_s)?;
        end = archive.end_bytes();
        archives.push(archive);
    }
    Ok(archives)
}

/// One entry, which may not begin before `start` nor be as fine as its predecessor.
fn parse_archive(
    cursor: &mut Cursor<'_>,
    start: u64,
    finer_s: u32,
) -> Result<Archive, FormatError> {
    let at_offset = cursor.clone();
    let offset_bytes = u32::from_be_bytes(cursor.array()?);
    let at_step = cursor.clone();
    let step_s = u32::from_be_bytes(cursor.array()?);
    let at_points = cursor.clone();
    let points = u32::from_be_bytes(cursor.array()?);
    if u64::from(offset_bytes) < start {
        let expected = "an offset after the header and the archive before";
        return Err(at_offset.invalid(expected, u64::from(offset_bytes)));
    }
    if step_s <= finer_s {
        let expected = "a step above that of the archive before";
        return Err(at_step.invalid(expected, u64::from(step_s)));
    }
    // A whole retention must fit the header, and on a machine of 32 bits the map must fit as well.
    if points == 0 || usize::try_from(u64::from(points) * SLOT_BYTES as u64).is_err() {
        return Err(at_points.invalid("a number of points above zero", u64::from(points)));
    }
    Ok(Archive {
        offset_bytes,
        step_s,
        points,
    })
}
