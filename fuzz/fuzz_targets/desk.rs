//! See `fuzz::desk`.
#![cfg_attr(fuzzing, no_main)]

fuzz::target!(fuzz::desk::check);
