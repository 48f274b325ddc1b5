//! See `fuzz::head`.
#![cfg_attr(fuzzing, no_main)]

fuzz::target!(fuzz::head::check);
