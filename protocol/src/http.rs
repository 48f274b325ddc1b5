//! Just enough HTTP/1.1 (RFC 9110, RFC 9112) to be asked for a page or an upgrade, or be handed a text: one request in,
//! one response out, then the connection closes or stops being HTTP. Must not know WebSockets, rooms or sockets.
//!
//! A request that two readers could understand in two ways (two `Host` lines, a bare line feed, a body where none
//! belongs) is refused, since that is what request smuggling is made of. Every [`Refusal`] knows its status.

mod body;
mod buffer;
mod forwarded;
mod head;
mod refusal;
mod respond;

pub use body::BodyBuffer;
pub use buffer::HeadBuffer;
pub use forwarded::{Network, NetworkFault, Proxies, UNIX, address_number};
pub use head::{Head, authority, decode};
pub use refusal::Refusal;
pub use respond::{CONTINUE, respond, respond_to_head};
