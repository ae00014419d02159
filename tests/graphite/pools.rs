//! What random requests are made of: paths of the corpus' data set, windows, and literals of each kind,
//! likely and odd.

pub(crate) const PATHS: &[&str] = &[
    "servers.*.cpu.user",
    "servers.web0[1-3].cpu.*",
    "servers.web{01,02,12}.requests.count",
    "servers.web11.*.used",
    "servers.web0?.mem.free",
    "servers.web01.disk.sda.*",
    "servers.web07.requests.{count,errors}",
    "shape.const",
    "shape.zero",
    "shape.ramp_up",
    "shape.walk",
    "shape.walk*",
    "shape.sparse",
    "shape.gap*",
    "shape.single",
    "shape.negative",
    "shape.signed",
    "shape.huge",
    "shape.tiny",
    "shape.counter*",
    "shape.steps",
    "shape.bool",
    "shape.spikes",
    "shape.*_null",
    "shape.{walk,steps,one}",
    "shape.allnull",
    "mixed.*.a",
    "mixed.s10.*",
    "mixed.s{20,30,45}.b",
    "mixed.s60.a",
    "mixed.s3600.a",
    "rollup.*.x0",
    "rollup.sum.*",
    "rollup.{last,min}.x5",
    "seasonal.a",
    "seasonal.*",
    "long.cpu",
    "long.*",
    "filt.*.value",
    "filt.[a-e].value",
    "sort.*",
    "align.*",
    "stats.timers.*.count",
    "my-app.some_metric.*.count",
    "deep.a.b.*",
    "dup.node",
    "dup.*.child",
    "weird.*",
    "*.rate",
    "UPPER.Case.Name",
    "nothing.there",
    "requests;dc=east;host=web01;status=200",
    "uptime",
];

/// Filters by name, value and number.
pub(crate) const FILTERS: &[&str] = &[
    "highestMax(SERIES,2)",
    "lowestCurrent(SERIES,1)",
    "averageAbove(SERIES,20)",
    "maximumBelow(SERIES,40)",
    "grep(SERIES,'s[1-4]0')",
    "exclude(SERIES,'s3')",
    "limit(SERIES,3)",
    "mostDeviant(SERIES,2)",
    "nPercentile(SERIES,90)",
    "removeEmptySeries(SERIES)",
    "filterSeries(SERIES,'median','>',18)",
    "averageOutsidePercentile(SERIES,60)",
];

/// Legends that formats must escape, and that functions of names must take apart.
pub(crate) const LEGENDS: &[&str] = &[
    "'a b'",
    "'a,b'",
    "'a \"b\"'",
    "\"it's\"",
    "'100%'",
    "'%s %d'",
    "'{a,b}'",
    "'f(a.b,c.d)'",
    "'a;b=c'",
    "'été 日本'",
    "'<b>&amp;'",
    "'a|b\\c'",
    "''",
    "'.'",
];

/// Two series each.
pub(crate) const PAIRS: &[&str] = &[
    "shape.walk*",
    "servers.web07.requests.{count,errors}",
    "long.{cpu,req}",
    "mixed.s10.*",
];

pub(crate) const TAG_QUERIES: &[&str] = &[
    "'name=requests'",
    "'name=latency','dc=east'",
    "\"name=requests\", \"status=~4|5\"",
    "'name=requests','host!=web01','status=200'",
    "'dc=west','name=~^l'",
    "'name=disk.used','mount!=~roo'",
    "'queue=orders.high'",
    "'name=requests','dc='",
];

pub(crate) const WINDOWS: &[(&str, &str)] = &[
    ("-1h", "now"),
    ("-10min", "now"),
    ("-90min", "-30min"),
    ("-3h", "now"),
    ("-6h", "-5min"),
    ("-1d", "now"),
    ("-1d", "-12h"),
    ("-7d", "now"),
    ("-2d", "-1d"),
    ("1749996400", "1750000000"),
    ("1749998000", "1749998001"),
    ("1749998123", "1749999321"),
    ("1749990000", "1749996000"),
    ("-30min", "-29min"),
    ("14:00_20250615", "now"),
    ("midnight", "noon"),
    ("yesterday", "today"),
    ("-5min", "+5min"),
    ("-30d", "-20d"),
    ("-65d", "now"),
];

/// Times in all spellings, refused ones among them.
pub(crate) const TIMES: &[&str] = &[
    "now",
    "",
    "-2h",
    "-1h30min",
    "-90minutes",
    "-1d+3h",
    "-1mon",
    "-5m",
    "today",
    "yesterday",
    "noon yesterday",
    "6pm_20250614",
    "06:30_20250615",
    "teatime-1d",
    "midnight+3h",
    "06/14/25",
    "6/14/2025",
    "jun 13",
    "June14+5min",
    "monday",
    "6am sat",
    "20250612",
    "20250631",
    "1749950000",
    "1749950000+1h",
    "NOW - 3 Hours",
    "12:00pm",
    "bogus",
    "tomorrow",
];

pub(crate) const ZONES: &[&str] = &[
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "UTC",
    "nowhere",
    "",
];

pub(crate) const MAX_DATA_POINTS: &[&str] = &[
    "1", "2", "7", "10", "59", "60", "61", "100", "337", "1000", "99999999", "0", "007", "abc", "",
    "-5", "1.5",
];

pub(crate) const X_FILES_FACTORS: &[&str] =
    &["0", "0.3", "0.5", "1", "0.75", "0.1", "0.9", "2", "-1", "x"];

pub(crate) const AGGREGATIONS: &[&str] = &[
    "average", "avg", "sum", "total", "min", "max", "last", "current", "median", "multiply",
    "range", "rangeOf", "diff", "stddev", "count", "avg_zero", "first", "p50", "p95", "p99.9",
];

pub(crate) const NUMBERS: &[f64] = &[
    0.0, 1.0, 2.0, 3.0, 5.0, 10.0, 50.0, 95.0, 100.0, -1.0, -3.0, 0.5, 0.1, 0.25, 1.5, 99.9,
    1000.0, 1e6, 1e-3, -0.5, 60.0, 123.456789, 1e10,
];

pub(crate) const INTERVALS: &[&str] = &[
    "10s", "30s", "1min", "5min", "7min", "10min", "1h", "90min", "2hours", "1d", "1min30s", "45s",
    "1w", "-1h", "-10min", "+30min", "3600s", "2min",
];

pub(crate) const PATTERNS: &[&str] = &[
    "web0[12]",
    "cpu",
    "^shape",
    "walk$",
    "a",
    "e",
    "\\.",
    "count|errors",
    "(\\d+)",
    "o",
    "used",
    "x5",
];

pub(crate) const ALIGNMENTS: &[&str] = &[
    "hours", "days", "weeks", "minutes", "seconds", "1h", "5min", "mon",
];

/// Nodes of patterns; the first one decides whether anything is found.
pub(crate) const NODE_PATTERNS: &[&str] = &[
    "servers",
    "servers",
    "shape",
    "sort",
    "dup",
    "deep",
    "web01",
    "web0[1-3]",
    "web{01,12}",
    "{cpu,mem}",
    "cpu",
    "s*",
    "?ort",
    "host*",
    "host?",
    "[!h]*",
    "[a-c]",
    "node",
    "{servers,shape}",
    "[Uu]*",
    "a",
    "b",
    "us*",
    "user",
    "{w{alk,alk2},one}",
    "weird",
    "pct%",
    "name+plus",
    "nothing",
    "rate",
    "{,s}hape",
    "*e*",
    "",
];

/// Whole numbers, and what is none.
pub(crate) const NUMBER_WORDS: &[&str] = &["0", "1", "-1", "2", "", "x", "1.5", " 1", "true", "-3"];

pub(crate) const LIMITS: &[&str] = &["0", "1", "2", "100", "10000"];

pub(crate) const TAG_NAMES: &[&str] = &["host", "name", "dc", "status", "absent", "queue", "mount"];

/// Conditions of tag queries, senseless ones among them.
pub(crate) const TAG_CONDITIONS: &[&str] = &[
    "name=requests",
    "name=~^l",
    "name!=requests",
    "dc=east",
    "dc!=east",
    "dc=",
    "dc!=",
    "host=~web0[12]$",
    "host!=~web01",
    "status=~4|5",
    "status=~^(4|5)",
    "queue=orders.high",
    "absent=",
    "absent!=x",
    "absent=~.*",
    "name=~.*",
    "bogus",
    "=x",
    "mount=root",
    "name=nothing",
];
