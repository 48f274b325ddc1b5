//! See `fuzz::chat`.
#![cfg_attr(fuzzing, no_main)]

fuzz::target!(fuzz::chat::check_plain);
