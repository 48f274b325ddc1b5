//! See `fuzz::hub`.
#![cfg_attr(fuzzing, no_main)]

fuzz::target!(fuzz::hub::check);
