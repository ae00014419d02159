//! Why a point was not accepted: one closed list, counted by reason, shown at `/debug/refused`.

/// The reason a line or point was refused. Small and `Copy`: the ingest path returns it by value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Refusal {
    /// The line has no value, or more than three fields, or is not text.
    BadLine,
    /// The line is longer than the configured limit.
    LineTooLong,
    /// The name is empty or holds bytes that no name may hold.
    BadName,
    /// The name, or one node of it, is longer than the configured limit.
    NameTooLong,
    /// The value is not a decimal number.
    BadValue,
    /// The value is NaN, which no store keeps.
    Nan,
    /// The timestamp is not a number of seconds that any archive could hold.
    BadTimestamp,
    /// The timestamp lies beyond the window that is open ahead of the clock.
    TooFarInFuture,
    /// The timestamp is older than the longest retention of the series.
    TooOld,
    /// An allow or deny list says no.
    Filtered,
    /// A quota or a limit on new series is used up.
    Quota,
    /// The shard's queue was full and the transport cannot wait (UDP).
    QueueFull,
    /// The store could not take it: a full disk, or a store that stopped writing.
    StoreRefused,
    /// The series' own file is damaged, of another kind, or may not be written.
    FileUnusable,
}

impl Refusal {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Refusal; 14] = [
        Refusal::BadLine,
        Refusal::LineTooLong,
        Refusal::BadName,
        Refusal::NameTooLong,
        Refusal::BadValue,
        Refusal::Nan,
        Refusal::BadTimestamp,
        Refusal::TooFarInFuture,
        Refusal::TooOld,
        Refusal::Filtered,
        Refusal::Quota,
        Refusal::QueueFull,
        Refusal::StoreRefused,
        Refusal::FileUnusable,
    ];

    /// The name in counters and in `/debug/refused`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Refusal::BadLine => "bad_line",
            Refusal::LineTooLong => "line_too_long",
            Refusal::BadName => "bad_name",
            Refusal::NameTooLong => "name_too_long",
            Refusal::BadValue => "bad_value",
            Refusal::Nan => "nan",
            Refusal::BadTimestamp => "bad_timestamp",
            Refusal::TooFarInFuture => "too_far_in_future",
            Refusal::TooOld => "too_old",
            Refusal::Filtered => "filtered",
            Refusal::Quota => "quota",
            Refusal::QueueFull => "queue_full",
            Refusal::StoreRefused => "store_refused",
            Refusal::FileUnusable => "file_unusable",
        }
    }

    /// The position in [`Refusal::ALL`], for tables of counters.
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}
