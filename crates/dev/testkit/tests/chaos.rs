//! A small part of the engine's proof, for every change of the code; the whole
//! of it is `cargo xtask test engine-matrix` and `cargo xtask test chaos`.

use gw_testkit::chaos::{Flow, Name, matrix, storms};

#[test]
fn random_weather_strands_and_loses_nothing() {
    let tally = storms(1, 120);
    assert_eq!(tally.stranded, Vec::<String>::new());
    assert_eq!(tally.wrong, Vec::<String>::new());
    assert_eq!(tally.ends.len(), 4, "{:?}", tally.ends);
    assert_eq!(tally.fired.len(), 12, "{:?}", tally.fired);
}

#[test]
fn every_flow_resumes_and_undoes() {
    for flow in Flow::ALL {
        some_boundaries(flow, Name::Kept, 41);
    }
}

#[test]
fn every_flow_with_a_new_name_resumes_and_undoes() {
    for flow in Flow::ALL {
        some_boundaries(flow, Name::New, 37);
    }
}

fn some_boundaries(flow: Flow, name: Name, stride: usize) {
    let row = matrix(flow, name, stride).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(row.differences, Vec::<String>::new(), "{flow:?} {name:?}");
    assert!(row.boundaries >= 6, "{flow:?} {name:?}: {}", row.boundaries);
}
