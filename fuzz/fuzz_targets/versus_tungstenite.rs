//! See `fuzz::versus_tungstenite`.
#![cfg_attr(fuzzing, no_main)]

fuzz::target!(fuzz::versus_tungstenite::check);
