//! The check, with planted parsers, messages and lock files.

use super::{Table, called, judge, lock, messages, scan};
use std::{collections::BTreeSet, path::Path};

const FILE: &str = "crates/base/hive/src/header.rs";
const SOURCE: &str = r#"
//! A module. pub fn parse(bytes: &[u8]) is only told of here.

/// Takes bytes.
pub fn read_header(bytes: &[u8]) -> Option<Header> {
    None
}

impl Header {
    /// Over several lines.
    pub async fn of<'a>(
        &self,
        data: &'a mut &'a [u8],
    ) -> Result<Self, Error> {
        inner(data)
    }

    /// Text, but no parser.
    pub fn named(&self, text: &str) -> bool {
        true
    }

    /// May refuse.
    pub fn new(text: &str) -> Result<Self, Error> {
        Err(Error)
    }
}

pub(crate) fn parse(bytes: &[u8]) -> Option<u8> {
    None
}

impl std::str::FromStr for Header {
    type Err = Error;
}

impl<'de> serde::Deserialize<'de> for Header {
}

#[cfg(test)]
mod tests {
    pub fn parse(bytes: &[u8]) {}
}
"#;

fn table(covered: &str, exempt: &str) -> Table {
    toml::from_str(&format!("[covered]\n{covered}\n[exempt]\n{exempt}")).expect("a table")
}

#[test]
fn a_planted_parser_is_found_by_its_look() {
    let found = scan::parsers("hive/header", FILE, SOURCE);
    let items: Vec<&str> = found.iter().map(|parser| parser.item.as_str()).collect();
    assert_eq!(
        items,
        [
            "hive/header::read_header",
            "hive/header::Header::of",
            "hive/header::Header::new",
            "hive/header::Header::from_str",
            "hive/header::Header::deserialize",
        ]
    );
    assert_eq!(found[0].place, "crates/base/hive/src/header.rs:5");
}

#[test]
fn a_parser_without_a_target_is_said_with_what_to_do() {
    let found = scan::parsers("hive/header", FILE, SOURCE);
    let targets = BTreeSet::from(["hive".to_owned()]);
    let table = table(
        "hive = [\"hive/header::read_header\", \"hive/header::Header::of\", \
         \"hive/header::Header::new\", \"hive/header::Header::from_str\"]",
        "",
    );
    let findings = judge(&table, &targets, &found);
    let [finding] = findings.as_slice() else {
        panic!("{findings:?}");
    };
    for part in [
        "crates/base/hive/src/header.rs:37",
        "Header::deserialize",
        "parsers.toml",
    ] {
        assert!(finding.contains(part), "{finding}");
    }
}

#[test]
fn a_table_that_is_not_true_any_more_is_said() {
    let targets = BTreeSet::from(["hive".to_owned()]);
    let table = table(
        "hive = [\"a::gone\"]\nnone = [\"a::b\", \"a::b\"]",
        "\"a::c\" = \"because\"",
    );
    let findings = judge(&table, &targets, &[]).join("\n");
    for part in [
        "no target `none`",
        "`a::b` twice",
        "say why `a::c`",
        "`a::gone`, which is no public parser",
    ] {
        assert!(findings.contains(part), "{findings}");
    }
}

#[test]
fn files_are_called_by_crate_and_module_and_tests_are_not() {
    let called = |path: &str| called(Path::new(path));
    let tasks = called("hive/src/areas/tasks.rs");
    assert_eq!(tasks.as_deref(), Some("hive/areas/tasks"));
    assert_eq!(called("hive/src/log/tests.rs"), None);
    assert_eq!(called("hive/tests/suite.rs"), None);
}

#[test]
fn a_message_is_covered_by_name_or_by_what_it_is_in() {
    let text = "#[derive(Debug, Deserialize)]\npub struct Outer {\n    inner: Vec<Inner>,\n}\n\
                #[derive(Deserialize)]\n#[serde(x)]\npub enum Inner {\n    A,\n}\n\
                #[derive(Deserialize)]\npub struct Alone(u8);\npub struct Plain {\n}\n";
    let types = messages::readable(text);
    assert_eq!(types.len(), 3);
    let named = BTreeSet::from(["Outer".to_owned()]);
    let arguments = messages::handled("    Json(input): Json<BatchInput>,\n");
    let arguments = arguments.into_iter().collect();
    let findings = messages::judge(&named, &types, &arguments);
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(findings[0].contains("`Alone` is a message"));
    assert!(findings[1].contains("`BatchInput` is an argument"));
}

#[test]
fn a_lock_file_that_lags_behind_is_said() {
    let lock = |text: &str| toml::from_str::<lock::Lock>(text).expect("a lock file");
    let product = lock("[[package]]\nname = \"csv\"\nversion = \"1.2.0\"\nsource = \"r\"\n");
    let fuzz = lock(
        "[[package]]\nname = \"csv\"\nversion = \"1.1.0\"\nsource = \"r\"\n\
         [[package]]\nname = \"gw-x\"\nversion = \"0.1.0\"\ndependencies = [\"csv 1.1.0\"]\n",
    );
    let manifest = |_: &str| {
        let text = "[dependencies]\ncsv = \"1\"\nhex = \"1\"\nsha = { optional = true }\n";
        text.parse().ok()
    };
    let findings = lock::compare(&product, &fuzz, &manifest);
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(findings[0].contains("csv 1.1.0"));
    assert!(findings[1].contains("gw-x: hex is missing"));
}
