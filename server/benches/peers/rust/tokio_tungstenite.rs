//! A chat server as one would write it with tokio and tokio-tungstenite: a task and an unbounded channel for each
//! connection, which `forward` passes on to the socket. Usage: tokio-tungstenite PORT
//!
//! /ws/ROOM, and a text goes to the room's other members. It knows no limits, timeouts or names, and leaves every
//! setting as the libraries have it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{StreamExt, future, stream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::{Error, Message};

type Members = HashMap<u64, UnboundedSender<Message>>;
type Rooms = Arc<Mutex<HashMap<String, Members>>>;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).expect("usage: tokio-tungstenite PORT");
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let rooms = Rooms::default();
    for id in 0.. {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(id, stream, rooms.clone()));
    }
    Ok(())
}

async fn serve(id: u64, stream: TcpStream, rooms: Rooms) -> Result<(), Error> {
    let mut room = String::new();
    #[allow(clippy::result_large_err)] // the library's own type
    let take_room = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        room = request.uri().path().strip_prefix("/ws/").unwrap_or_default().to_owned();
        Ok(response)
    };
    let (sink, mut incoming) = accept_hdr_async(stream, take_room).await?.split();
    let (sender, mut receiver) = unbounded_channel();
    with(&rooms, |rooms| rooms.entry(room.clone()).or_default().insert(id, sender));

    let read = async {
        while let Some(Ok(message)) = incoming.next().await {
            if message.is_text() {
                with(&rooms, |rooms| {
                    for (&member, inbox) in &rooms[&room] {
                        if member != id {
                            let _ = inbox.send(message.clone());
                        }
                    }
                });
            }
        }
    };
    let write = stream::poll_fn(|context| receiver.poll_recv(context)).map(Ok).forward(sink);
    future::select(Box::pin(read), write).await;

    with(&rooms, |rooms| {
        if let Some(members) = rooms.get_mut(&room) {
            members.remove(&id);
            if members.is_empty() {
                rooms.remove(&room);
            }
        }
    });
    Ok(())
}

fn with<T>(rooms: &Rooms, change: impl FnOnce(&mut HashMap<String, Members>) -> T) -> T {
    change(&mut rooms.lock().unwrap_or_else(PoisonError::into_inner))
}
