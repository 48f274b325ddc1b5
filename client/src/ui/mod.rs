//! What a face is made of. Each file is one thing and must not know the others' insides; none may know the link, the
//! terminal, or a clock.

pub mod complete;
pub mod editor;
pub mod harmless;
pub mod history;
pub mod row;
pub mod words;
pub mod wrap;
