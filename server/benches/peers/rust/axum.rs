//! A chat server as one would write it with axum: a broadcast channel for each room, as in axum's own example of a
//! chat. Usage: axum PORT
//!
//! /ws/ROOM, and a text goes to the room's other members. It knows no limits, timeouts or names, and leaves every
//! setting as the libraries have it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::any;
use axum::serve::ListenerExt;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpListener;
use tokio::sync::broadcast::{Sender, channel, error::RecvError};

/// Members who are further behind lose messages, and are then hung up on.
const LONGEST_BACKLOG: usize = 4096;

type Rooms = Arc<Mutex<HashMap<String, Sender<(u64, Utf8Bytes)>>>>;

static LAST_ID: AtomicU64 = AtomicU64::new(0);

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).expect("usage: axum PORT");
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, Router::new().route("/ws/{room}", any(upgrade)).with_state(Rooms::default())).await
}

async fn upgrade(
    request: WebSocketUpgrade,
    Path(room): Path<String>,
    State(rooms): State<Rooms>,
) -> Response {
    request.on_upgrade(|socket| serve(socket, room, rooms))
}

async fn serve(socket: WebSocket, room: String, rooms: Rooms) {
    let id = LAST_ID.fetch_add(1, Relaxed);
    let sender = {
        let mut rooms = rooms.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.entry(room).or_insert_with(|| channel(LONGEST_BACKLOG).0).clone()
    };
    let mut receiver = sender.subscribe();
    let (mut sink, mut stream) = socket.split();

    let mut write = tokio::spawn(async move {
        loop {
            match receiver.recv().await {
                Ok((author, _)) if author == id => {}
                Ok((_, text)) => {
                    if sink.send(Message::Text(text)).await.is_err() {
                        return;
                    }
                }
                Err(RecvError::Lagged(_) | RecvError::Closed) => return,
            }
        }
    });
    let mut read = tokio::spawn(async move {
        while let Some(Ok(message)) = stream.next().await {
            if let Message::Text(text) = message {
                let _ = sender.send((id, text));
            }
        }
    });
    tokio::select! {
        _ = &mut write => read.abort(),
        _ = &mut read => write.abort(),
    }
}
