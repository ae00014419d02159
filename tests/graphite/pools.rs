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
