//! WebSocket frames (RFC 6455 sections 5 to 7): bytes to steps and back. Must not know HTTP, chat or sockets.
//!
//! [`Decoder`] takes bytes and gives [`Step`]s or one [`Violation`]; [`encode`] writes frames; [`Closing`] says what
//! the closing handshake still asks of us. Extensions are not spoken, so every reserved bit is a fault.

pub mod encode;

mod close;
mod decoder;
mod header;
mod mask;
mod spread;
mod state;
mod utf8;
mod violation;

pub use close::{CloseCode, CloseFrame};
pub use decoder::{Decoder, Rules, Step};
pub use header::Role;
pub use spread::Spread;
pub use state::{Closing, Reply};
pub use violation::Violation;
