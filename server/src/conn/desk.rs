//! What a connection asks of whoever gives its messages a meaning. Must not know what that meaning is.

use hub::input::ConnId;
use protocol::http::Head;
use protocol::time::Millis;

use super::outbox::Outbox;

/// What connections' messages mean. The chat is one desk, the conformance echo another.
///
/// The loop calls in the order of a turn: what came in ([`Desk::request`], [`Desk::message`], [`Desk::closed`]), then
/// [`Desk::mail`], [`Desk::expire`], [`Desk::fan_out`].
pub trait Desk {
    /// A whole request head has come. The desk sends its answer through `outbox`.
    fn request(&mut self, now: Millis, conn: ConnId, head: &Head<'_>, outbox: &mut Outbox) -> Verdict;

    /// The whole body has come that [`Verdict::Content`] asked for; `head` is what it came with. As with
    /// [`Desk::request`], but it cannot ask again.
    fn content(
        &mut self,
        _now: Millis,
        _conn: ConnId,
        _head: &Head<'_>,
        _body: &[u8],
        _outbox: &mut Outbox,
    ) -> Verdict {
        Verdict::Answered
    }

    /// A message has come.
    fn message(&mut self, now: Millis, conn: ConnId, message: Message<'_>, outbox: &mut Outbox);

    /// How many bytes may be read from a connection now, as far as the desk can take them. None means: not before
    /// [`Desk::mail`] has made room; it is asked again then.
    fn allowance(&self, _conn: ConnId) -> usize {
        usize::MAX
    }

    /// A connection that was upgraded, or waits for its answer, has ended. Nothing may be sent to it any more.
    fn closed(&mut self, now: Millis, conn: ConnId, outbox: &mut Outbox);

    /// More waits for a connection than should. The desk may say less to it until [`Desk::drained`]; if it does not, and
    /// the connection goes on not reading, it is hung up on.
    fn lagging(&mut self, now: Millis, conn: ConnId, outbox: &mut Outbox);

    /// All that was due to a connection has left, as was asked for with [`Outbox::await_drain`].
    fn drained(&mut self, now: Millis, conn: ConnId, outbox: &mut Outbox);

    /// Takes in what workers have answered. True if some is left for the next turn.
    fn mail(&mut self, now: Millis, outbox: &mut Outbox) -> bool;

    /// Whether everything that was asked of it is done, and has been told.
    fn is_settled(&self) -> bool {
        true
    }

    /// Does what is due.
    fn expire(&mut self, now: Millis, outbox: &mut Outbox);

    /// How many bytes of memory it holds that grow with what people say.
    fn held(&self) -> usize;

    /// When [`Desk::expire`] has something to do.
    fn deadline(&self) -> Option<Millis>;

    /// Makes what was said in rooms due to those who are in them. The last call before the flush.
    fn fan_out(&mut self, outbox: &mut Outbox);
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is a WebSocket now.
    Upgraded,
    /// It was answered; nothing more is read from it.
    Answered,
    /// Its body is wanted first: [`Desk::content`] comes when it is whole. That it has a length, and not too great a one,
    /// is judged by the connection.
    Content,
    /// It is answered later: the desk sends the answer and says so with [`Outbox::answered`]. Nothing is read meanwhile.
    /// If it takes too long, or the peer is gone, the desk is told with [`Desk::closed`].
    Waiting,
}

/// A message, whole.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// Text.
    Text(&'a str),
    /// Anything else.
    Binary(&'a [u8]),
}
