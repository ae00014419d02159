//! Reads every point back through `/render`.

use crate::Outcome;
use crate::generator::{Load, SERIES_PER_HOST};

/// Hosts asked for in one request.
const HOSTS_PER_REQUEST: usize = 20;
/// Points asked for in one request, unless one host has more.
const POINTS_PER_REQUEST: usize = 20_000_000;
/// A reply of this many series of a day's points still fits.
const REPLY_BYTES_MAX: u64 = 1 << 30;

/// What was not as it was sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    pub(crate) missing: u64,
    pub(crate) wrong: u64,
}

/// Asks for all series and compares each point.
pub(crate) fn read_back(load: &Load, api: &str) -> Outcome<Found> {
    let hosts: Vec<_> = (0..load.series.div_ceil(SERIES_PER_HOST)).collect();
    let mut found = Found::default();
    let most = POINTS_PER_REQUEST / (load.steps * SERIES_PER_HOST);
    for hosts in hosts.chunks(most.clamp(1, HOSTS_PER_REQUEST)) {
        let text = render(load, api, hosts)?;
        let first = hosts[0] * SERIES_PER_HOST;
        let end = load.series.min(first + hosts.len() * SERIES_PER_HOST);
        compare(load, &text, first..end, &mut found)?;
    }
    Ok(found)
}

/// The raw format: `name,start,end,step|value,value,…` a line.
fn render(load: &Load, api: &str, hosts: &[usize]) -> Outcome<String> {
    let last = load.first + (load.steps as i64 - 1) * load.step;
    let mut request = ureq::get(format!("http://{api}/render"))
        .query("format", "raw")
        .query("from", (load.first - 1).to_string())
        .query("until", last.to_string());
    for &host in hosts {
        request = request.query("target", Load::host_pattern(host));
    }
    let mut reply = request.call()?;
    let body = reply.body_mut().with_config().limit(REPLY_BYTES_MAX);
    Ok(body.read_to_string()?)
}

fn compare(
    load: &Load,
    text: &str,
    series: std::ops::Range<usize>,
    found: &mut Found,
) -> Outcome<()> {
    let mut lines: std::collections::HashMap<&str, &str> = text
        .lines()
        .filter_map(|line| Some((line.split_once(',')?.0, line)))
        .collect();
    for series in series {
        let Some(line) = lines.remove(Load::name(series).as_str()) else {
            found.missing += load.steps as u64;
            continue;
        };
        let (head, values) = line.split_once('|').ok_or("a raw line has no values")?;
        let start: i64 = head
            .split(',')
            .nth(1)
            .ok_or("a raw line has no start")?
            .parse()?;
        let values: Vec<_> = values.split(',').collect();
        for step in 0..load.steps {
            let slot = (load.first - start) / load.step + step as i64;
            let value = usize::try_from(slot).ok().and_then(|slot| values.get(slot));
            match value.map(|value| value.parse::<f64>()) {
                Some(Ok(value)) if value == Load::value(series, step) => {}
                Some(Ok(_)) => found.wrong += 1,
                // `None` is how the raw format writes a hole.
                Some(Err(_)) | None => found.missing += 1,
            }
        }
    }
    Ok(())
}
