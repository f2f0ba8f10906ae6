//! Finds what looks like a parser in one source file. Text is enough: the sources are formatted,
//! and what hides from this would not pass a review either.

use crate::check::sources::shipped_lines;

/// Something that looks like a parser.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parser {
    /// `hive/areas/tasks::translate`, `secdesc/sid::Sid::from_str`.
    pub(super) item: String,
    /// File and line.
    pub(super) place: String,
    /// What gave it away.
    pub(super) look: &'static str,
}

/// Parameters that are bytes.
const BYTES: [&str; 7] = [
    "[u8]",
    "Vec<u8>",
    ": Bytes",
    "&Bytes",
    "impl Read",
    "impl BufRead",
    "dyn Read",
];

/// Parameters that hold bytes which are not all read yet.
const HIVES: [&str; 2] = ["&Hive", "&mut Hive"];

/// Parameters that are text.
const TEXT: [&str; 6] = ["&str", "str>", "String", "str]", "Value", "'a str"];

/// Names of functions that read whatever they are given.
const READS: [&str; 6] = ["open", "parse", "read", "decode", "recover", "unpack"];

/// How functions begin that take text apart.
const VERBS: [&str; 18] = [
    "parse",
    "read",
    "from",
    "decode",
    "open",
    "recover",
    "unpack",
    "unescape",
    "split",
    "translate",
    "compile",
    "sids",
    "load",
    "import",
    "admit",
    "tail",
    "new",
    "try",
];

/// Traits that are parsers wherever they are implemented.
const TRAITS: [(&str, &str, &str); 3] = [
    ("FromStr for ", "from_str", "FromStr"),
    ("TryFrom<", "try_from", "TryFrom"),
    ("Deserialize<", "deserialize", "a Deserialize of its own"),
];

/// The parsers of a file; `module` is what its items are called by.
pub(super) fn parsers(module: &str, file: &str, text: &str) -> Vec<Parser> {
    let lines: Vec<(usize, &str)> = shipped_lines(text).collect();
    let mut found = Vec::new();
    let mut within = Vec::new();
    for (at, (number, line)) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let code = line.trim_start();
        let mut add = |name: &str, owner: Option<&str>, look| {
            let owner = owner.map(|owner| format!("{owner}::")).unwrap_or_default();
            found.push(Parser {
                item: format!("{module}::{owner}{name}"),
                place: format!("{file}:{number}"),
                look,
            });
        };
        if !code.is_empty() {
            within.retain(|(depth, _)| *depth < indent);
        }
        if code.starts_with("impl") {
            let owner = owner(code);
            for (sign, method, look) in TRAITS {
                if code.contains(sign) && code.contains(" for ") {
                    add(method, Some(&owner), look);
                }
            }
            within.push((indent, owner));
            continue;
        }
        let Some(name) = function(code) else {
            continue;
        };
        let signature = signature(&lines[at..]);
        if let Some(look) = look(name, &signature) {
            let owner = within.last().map(|(_, owner)| owner.as_str());
            add(name, owner, look);
        }
    }
    found
}

/// The name of a public function that is declared in this line.
fn function(code: &str) -> Option<&str> {
    let rest = code.strip_prefix("pub ")?;
    let rest = rest.strip_prefix("const ").unwrap_or(rest);
    let rest = rest.strip_prefix("async ").unwrap_or(rest);
    let rest = rest.strip_prefix("fn ")?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    Some(&rest[..end])
}

/// From the name to the body.
fn signature(lines: &[(usize, &str)]) -> String {
    let mut out = String::new();
    for (_, line) in lines.iter().take(40) {
        out.push_str(line.trim());
        out.push(' ');
        if line.trim_end().ends_with(['{', ';', '}']) {
            break;
        }
    }
    out
}

/// Why a function looks like a parser. What gives nothing back that could be refused or looked at
/// — a hash, a write — is none, but what answers with bytes or text may be.
fn look(name: &str, signature: &str) -> Option<&'static str> {
    let (takes, gives) = signature.split_once("->").unwrap_or((signature, ""));
    let has = |words: &[&str]| words.iter().any(|word| takes.contains(word));
    if has(&BYTES) {
        return Some("it takes bytes");
    }
    if has(&HIVES) {
        return Some("it reads a hive");
    }
    if gives.is_empty() {
        return None;
    }
    let verb = name.split('_').next().unwrap_or(name);
    // In `open_orders` it is no verb.
    if READS.contains(&verb) && (verb != "open" || name == verb) && arguments(takes) {
        return Some("its name says so");
    }
    // `new` is a parser only if it may refuse.
    let says = VERBS.contains(&verb) && (verb != "new" || gives.contains("Result"));
    (says && has(&TEXT)).then_some("it takes text, and its name says so")
}

/// Whether it takes anything besides itself.
fn arguments(takes: &str) -> bool {
    let (_, inside) = takes.split_once('(').unwrap_or_default();
    let mut each = inside.trim_end().trim_end_matches(')').split(',');
    each.any(|one| one.contains(':'))
}

/// What an implementation is for.
fn owner(code: &str) -> String {
    let rest = match code.split_once(" for ") {
        Some((_, rest)) => rest,
        None => code.trim_start_matches("impl").trim_start(),
    };
    let rest = match rest.strip_prefix('<') {
        Some(generics) => generics.split_once("> ").map_or(generics, |(_, rest)| rest),
        None => rest,
    };
    let end = rest.find(|c: char| !c.is_alphanumeric() && !"_$:".contains(c));
    let path = &rest[..end.unwrap_or(rest.len())];
    path.rsplit("::").next().unwrap_or(path).to_owned()
}
