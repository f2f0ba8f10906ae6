//! All targets for `cargo fuzz`; the environment variable `GODWIT_TARGET` names the one that runs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let name = std::env::var("GODWIT_TARGET").expect("GODWIT_TARGET names a target");
    godwit_fuzz::run(&name, data);
});
