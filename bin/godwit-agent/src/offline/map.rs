//! Reads a `MAP`: CSV with the columns `source_sid` and `target_sid`.
//!
//! Other columns are ignored, so that an exported table can be used as it is.
//! Every complaint names the line.

use anyhow::{Context, bail};
use gw_secdesc::{MapError, Sid, SidMap};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// Reads the file at `path`.
///
/// # Errors
/// When the file cannot be read, is not such a CSV, or the pairs contradict each other.
pub(crate) fn read(path: &Path) -> anyhow::Result<SidMap> {
    std::fs::File::open(path)
        .map_err(anyhow::Error::from)
        .and_then(parse)
        .with_context(|| format!("the map {} cannot be used", path.display()))
}

pub(crate) fn parse(input: impl Read) -> anyhow::Result<SidMap> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(input);
    let headers = reader.headers().context("line 1")?.clone();
    let column = |name: &str| {
        headers
            .iter()
            .position(|header| header.trim_start_matches('\u{feff}') == name)
            .with_context(|| {
                let found = headers.iter().collect::<Vec<_>>().join(",");
                format!(
                    "line 1 must name the columns source_sid and target_sid, separated by \
                     commas; there is no {name} in {found:?}"
                )
            })
    };
    let (source, target) = (column("source_sid")?, column("target_sid")?);
    let mut pairs = Vec::new();
    let mut lines: BTreeMap<Sid, Vec<u64>> = BTreeMap::new();
    for record in reader.records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        let sid = |index: usize, name: &str| -> anyhow::Result<Sid> {
            match record.get(index) {
                None | Some("") => bail!("line {line}: {name} is missing"),
                Some(text) => text
                    .parse()
                    .with_context(|| format!("line {line}: {name} {text:?} is not a SID")),
            }
        };
        let pair = (sid(source, "source_sid")?, sid(target, "target_sid")?);
        lines.entry(pair.0.clone()).or_default().push(line);
        pairs.push(pair);
    }
    SidMap::new(pairs).map_err(|error| at_lines(error, &lines))
}

/// Puts the lines of the pairs concerned in front of the message.
fn at_lines(error: MapError, lines: &BTreeMap<Sid, Vec<u64>>) -> anyhow::Error {
    let of = |sid: &Sid| lines.get(sid).cloned().unwrap_or_default();
    let mut concerned = match &error {
        MapError::NeverMapped { source_sid, .. } | MapError::TwoTargets { source_sid, .. } => {
            of(source_sid)
        }
        MapError::Chain {
            source_sid,
            target_sid,
            ..
        } => [of(source_sid), of(target_sid)].concat(),
        MapError::TooMany(_) => Vec::new(),
    };
    concerned.sort_unstable();
    let concerned: Vec<_> = concerned.iter().map(u64::to_string).collect();
    match concerned.as_slice() {
        [] => error.into(),
        [one] => anyhow::Error::new(error).context(format!("line {one}")),
        more => anyhow::Error::new(error).context(format!("lines {}", more.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    const A: &str = "S-1-5-21-1-2-3-1001";
    const B: &str = "S-1-12-1-1-2-3-4";
    const C: &str = "S-1-12-1-5-6-7-8";

    #[test]
    fn columns_are_found_by_name_and_others_ignored() {
        for text in [
            format!("source_sid,target_sid\n{A},{B}\n"),
            format!("\u{feff}source_sid,target_sid\r\n{A},{B}\r\n"),
            format!("name,target_sid,source_sid,more\n\"a, b\",{B},{A},x\n"),
            format!("source_sid, target_sid\n {A} , {B} \n\n{A},{B},more\n{B},{B}\n"),
        ] {
            let map = parse(text.as_bytes()).expect(&text);
            assert_eq!(map.len(), 1, "{text}");
            assert_eq!(
                map.target(&A.parse().expect("a SID")),
                Some(&B.parse().expect("a SID"))
            );
        }
        assert!(
            parse("source_sid,target_sid".as_bytes())
                .expect("an empty map")
                .is_empty()
        );
    }

    #[test]
    fn complaints_name_the_line() {
        for (text, message) in [
            (String::new(), "line 1 must name the columns"),
            (format!("{A},{B}\n"), "there is no source_sid"),
            (
                format!("source_sid;target_sid\n{A};{B}\n"),
                "separated by commas",
            ),
            (
                format!("source_sid,target_sid\n{A},{B}\n{A}\n"),
                "line 3: target_sid is missing",
            ),
            (
                format!("source_sid,target_sid\n{A},S-1\n"),
                "line 2: target_sid \"S-1\" is not a SID: the SID has no authority",
            ),
            (
                format!("source_sid,target_sid\n{A},{B}\n{A},{C}\n"),
                "lines 2, 3: S-1-5-21-1-2-3-1001 is mapped to both",
            ),
            (
                format!("source_sid,target_sid\n{B},{C}\n{A},{B}\n"),
                "lines 2, 3: S-1-5-21-1-2-3-1001 is mapped to S-1-12-1-1-2-3-4, which",
            ),
            (
                format!("source_sid,target_sid\nS-1-5-18,{B}\n"),
                "line 2: S-1-5-18",
            ),
        ] {
            let error = parse(text.as_bytes()).expect_err(&text);
            let error = format!("{error:#}");
            assert!(error.contains(message), "{text:?}: {error}");
        }
        let error = parse(&b"source_sid,target_sid\nS-1-5-21-1,\xff\n"[..]).expect_err("bytes");
        assert!(format!("{error:#}").contains("line 2"), "{error:#}");
    }
}
