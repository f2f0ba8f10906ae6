//! `sd translate`: security descriptors as lines of JSON, in and out.
//!
//! Each line `{"sd": "<hex>"}` on standard input gets one line on standard
//! output, in order: `{"sd": "<hex>", "changed": bool}`, with `"fallback":
//! true` where add did not fit and replace was done, or `{"error": "…"}`. A
//! line that is refused is data like any other and does not change the exit code.

use super::{Failure, Mode, Outcome, map};
use gw_secdesc::{SidMap, Translated, translate};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::error::Error;
use std::io::{self, BufRead, BufWriter, Write};
use std::path::PathBuf;

/// What can be done with security descriptors.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Translate self-relative descriptors, one `{"sd":"<hex>"}` a line, from standard input
    Translate {
        /// CSV with the columns source_sid and target_sid
        #[arg(long, value_name = "MAP")]
        map: PathBuf,
        /// What happens to the entries of source accounts
        #[arg(long, value_enum)]
        mode: Mode,
        /// Accepted as by every offline tool; the output is JSON in any case
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command on standard input and output.
pub(crate) fn run(command: &Command) -> Outcome {
    let Command::Translate { map, mode, .. } = command;
    let map = map::read(map).map_err(Failure::Refused)?;
    let output = BufWriter::new(io::stdout().lock());
    Ok(stream(io::stdin().lock(), output, &map, (*mode).into())?)
}

#[derive(Deserialize)]
struct Question<'a> {
    #[serde(borrow)]
    sd: Cow<'a, str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Done {
        sd: String,
        changed: bool,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        fallback: bool,
    },
    Refused {
        error: String,
    },
}

fn stream(
    mut input: impl BufRead,
    mut output: impl Write,
    map: &SidMap,
    mode: gw_secdesc::Mode,
) -> io::Result<()> {
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        let answer = answer(&line, map, mode).unwrap_or_else(|error| Answer::Refused {
            error: with_causes(&*error),
        });
        serde_json::to_writer(&mut output, &answer)?;
        output.write_all(b"\n")?;
        line.clear();
    }
    output.flush()
}

fn answer(
    line: &[u8],
    map: &SidMap,
    mode: gw_secdesc::Mode,
) -> Result<Answer, Box<dyn Error + Send + Sync>> {
    let question: Question<'_> = serde_json::from_slice(line)
        .map_err(|error| format!("the line is not {{\"sd\":\"<hex>\"}}: {error}"))?;
    let sd = hex::decode(question.sd.as_bytes())
        .map_err(|error| format!("the descriptor is not hexadecimal: {error}"))?;
    Ok(match translate(&sd, map, mode)? {
        Translated::Unchanged => Answer::Done {
            sd: hex::encode(sd),
            changed: false,
            fallback: false,
        },
        Translated::Changed { bytes, fallback } => Answer::Done {
            sd: hex::encode(bytes),
            changed: true,
            fallback,
        },
    })
}

fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "010500000000000515000000010000000200000003000000e9030000";
    const B: &str = "010500000000000c0100000001000000020000000300000004000000";

    fn through(input: &str, mode: gw_secdesc::Mode) -> Vec<serde_json::Value> {
        let pair = (
            "S-1-5-21-1-2-3-1001".parse().expect("a SID"),
            "S-1-12-1-1-2-3-4".parse().expect("a SID"),
        );
        let map = SidMap::new([pair]).expect("a map");
        let mut output = Vec::new();
        stream(input.as_bytes(), &mut output, &map, mode).expect("no I/O here");
        let text = String::from_utf8(output).expect("text");
        text.lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    #[test]
    fn every_line_gets_one_line_in_order() {
        let header = "0100008014000000000000000000000000000000";
        let input = format!(
            "{{\"sd\":\"{header}{A}\"}}\n\nnonsense\n{{\"sd\":\"0g\"}}\n{{\"sd\":\"00\"}}\n\
             {{\"note\":1,\"sd\":\"{header}{B}\"}}"
        );
        let replaced = through(&input, gw_secdesc::Mode::Replace);
        assert_eq!(replaced.len(), 6);
        assert_eq!(
            replaced[0],
            serde_json::json!({"sd": format!("{header}{B}"), "changed": true})
        );
        for (index, message) in [
            (1, "the line is not"),
            (2, "the line is not"),
            (3, "not hexadecimal"),
            (4, "1 bytes are too few"),
        ] {
            let error = replaced[index]["error"].as_str().expect("an error");
            assert!(error.contains(message), "{error}");
        }
        assert_eq!(
            replaced[5],
            serde_json::json!({"sd": format!("{header}{B}"), "changed": false})
        );
        let added = through(&input, gw_secdesc::Mode::Add);
        assert_eq!(
            added[0],
            serde_json::json!({"sd": format!("{header}{A}"), "changed": false})
        );
    }

    #[test]
    fn a_refusal_names_every_cause() {
        let bad_owner = "01000080140000000000000000000000000000000201";
        let answers = through(
            &format!("{{\"sd\":\"{bad_owner}\"}}"),
            gw_secdesc::Mode::Add,
        );
        assert_eq!(
            answers[0]["error"],
            "the owner cannot be read: SID revision 2 is not known, only revision 1 is"
        );
    }
}
