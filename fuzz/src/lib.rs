//! What the fuzz targets check, as functions that also run on stable (`tests/replay.rs`).
//!
//! A harness is a module with `pub fn check(data: &[u8])`, which panics when something is wrong. To add one: a `pub
//! mod`, a row in [`TARGETS`], two lines in `fuzz_targets/`, an entry in Cargo.toml, and a few seeds in `corpus/`.

pub mod chance;
pub mod chat;
pub mod decoder;
pub mod desk;
pub mod head;
pub mod hub;
pub mod versus_tungstenite;

/// A check: data in, a panic if something is wrong.
pub type Check = fn(&[u8]);

/// Every target by name.
pub const TARGETS: &[(&str, Check)] = &[
    ("chat_json", chat::check_json),
    ("chat_plain", chat::check_plain),
    ("decoder", decoder::check),
    ("desk", desk::check),
    ("head", head::check),
    ("hub", hub::check),
    ("versus_tungstenite", versus_tungstenite::check),
];

/// Makes a fuzz target of a check. Without cargo-fuzz there is nothing that could drive it.
#[macro_export]
macro_rules! target {
    ($check:path) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $check(data));

        #[cfg(not(fuzzing))]
        fn main() {
            eprintln!("run me with: cargo +nightly fuzz run {}", env!("CARGO_BIN_NAME"));
            std::process::exit(2);
        }
    };
}
