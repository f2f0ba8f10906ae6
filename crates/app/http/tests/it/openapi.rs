//! The committed description of the API is the one the routes make.

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn the_committed_document_is_up_to_date() {
    let made = gw_http::document().to_pretty_json().unwrap() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/openapi.json");
    if std::env::var_os("GODWIT_UPDATE").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == made,
        "docs/openapi.json is not what the routes make; run this test with GODWIT_UPDATE=1 and commit the file"
    );
}

#[test]
fn the_table_in_the_documentation_lists_exactly_the_routes() {
    let table = include_str!("../../../../../docs/api.md");
    let listed: BTreeSet<(String, String)> = table
        .lines()
        .filter_map(|line| {
            let cell = line.strip_prefix("| ")?.split(" |").next()?;
            let (method, rest) = cell.split_once(" `")?;
            let path = rest.split('`').next()?;
            let full = match path.strip_prefix('C') {
                Some(below) => format!("/customers/{{customer}}{below}"),
                None => path.to_owned(),
            };
            method
                .chars()
                .all(|c| c.is_ascii_uppercase())
                .then(|| (method.to_lowercase(), format!("/api/v1{full}")))
        })
        .collect();
    let served: BTreeSet<(String, String)> = crate::coverage::operations()
        .into_iter()
        .map(|one| (one.method, one.path))
        .collect();
    let missing: Vec<_> = served.difference(&listed).collect();
    let invented: Vec<_> = listed.difference(&served).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "not in docs/api.md: {missing:?}\nnot served: {invented:?}"
    );
}

#[test]
fn operations_have_unique_names_and_a_summary() {
    let mut names = BTreeSet::new();
    for operation in crate::coverage::operations() {
        assert!(names.insert(operation.id.clone()), "{} twice", operation.id);
        assert!(
            !operation.summary.is_empty(),
            "{} has no summary",
            operation.id
        );
    }
}
