//! Types that arrive from outside as a whole: messages of the agent protocol, documents of a run,
//! bodies and queries of the admin API.
//!
//! Each is named in the sources of the targets, or is a field of one that is, however deep.

use super::{TARGETS, rust_files};
use crate::check::sources::shipped_lines;
use anyhow::Result;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Where every public type that can be read must be covered.
const WHOLE: [&str; 3] = [
    "crates/port/wire/src",
    "crates/app/engine/src/rundir",
    "crates/app/engine/src/journal",
];
/// Where the handlers are, whose arguments must be covered.
const HANDLERS: &str = "crates/app/http/src/routes";

pub(super) fn check(workspace: &Path) -> Result<Vec<String>> {
    let mut named = BTreeSet::new();
    for file in rust_files(&workspace.join(TARGETS)) {
        named.extend(words(&fs::read_to_string(file)?).map(str::to_owned));
    }
    let mut types = BTreeMap::new();
    for folder in WHOLE {
        for file in rust_files(&workspace.join(folder)) {
            types.extend(readable(&fs::read_to_string(file)?));
        }
    }
    let mut arguments = BTreeSet::new();
    for file in rust_files(&workspace.join(HANDLERS)) {
        arguments.extend(handled(&fs::read_to_string(file)?));
    }
    Ok(judge(&named, &types, &arguments))
}

pub(super) fn judge(
    named: &BTreeSet<String>,
    types: &BTreeMap<String, String>,
    arguments: &BTreeSet<String>,
) -> Vec<String> {
    let reached = reached(named, types);
    let uncovered = types.keys().filter(|name| !reached.contains(*name));
    let unhandled = arguments.iter().filter(|name| !named.contains(*name));
    let told = |name: &String, what: &str| {
        format!("`{name}` is {what} and no fuzz target reads one; add it to a target in {TARGETS}")
    };
    uncovered
        .map(|name| told(name, "a message or document"))
        .chain(unhandled.map(|name| told(name, "an argument of the admin API")))
        .collect()
}

/// What is named, and the types inside it.
fn reached(named: &BTreeSet<String>, types: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = named.iter().map(String::as_str).collect();
    while let Some(name) = next.pop() {
        if let Some((name, body)) = types.get_key_value(name)
            && reached.insert(name.clone())
        {
            next.extend(words(body));
        }
    }
    reached
}

/// Public types that derive `Deserialize`, with their definitions.
pub(super) fn readable(text: &str) -> BTreeMap<String, String> {
    let lines: Vec<&str> = shipped_lines(text).map(|(_, line)| line).collect();
    let mut found = BTreeMap::new();
    let mut derived = false;
    for (at, line) in lines.iter().enumerate() {
        if line.starts_with("#[") {
            derived |= line.starts_with("#[derive(") && line.contains("Deserialize");
            continue;
        }
        let name = ["pub struct ", "pub enum "]
            .iter()
            .find_map(|kind| words(line.strip_prefix(kind)?).next());
        if let (Some(name), true) = (name, derived) {
            let body = lines[at..].iter().take_while(|line| **line != "}");
            let body: Vec<&str> = match line.ends_with(';') {
                true => vec![*line],
                false => body.copied().collect(),
            };
            found.insert(name.to_owned(), body.join("\n"));
        }
        derived = false;
    }
    found
}

/// `Json(input): Json<BatchInput>` names `BatchInput`.
pub(super) fn handled(text: &str) -> Vec<String> {
    shipped_lines(text)
        .filter_map(|(_, line)| {
            let (_, argument) = line
                .split_once("): Json<")
                .or_else(|| line.split_once("): Query<"))?;
            words(argument).next().map(str::to_owned)
        })
        .collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
}
