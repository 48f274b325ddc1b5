//! Bytes to a program or a file, written by a thread of its own: a reader that takes its time must not keep the loop
//! from answering the server's pings or a signal. Must not know what the bytes mean.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::thread;

use mio::Waker;

/// An output. At most one piece is with the thread at a time.
#[derive(Debug)]
pub struct Output {
    pieces: SyncSender<Vec<u8>>,
    results: Receiver<io::Result<()>>,
    waiting: Vec<u8>,
    writing: bool,
    closed: bool,
}

impl Output {
    /// Starts the thread. The waker is woken when a piece is written.
    ///
    /// # Errors
    /// If the system has no more threads.
    pub fn new(mut to: impl Write + Send + 'static, waker: Arc<Waker>) -> io::Result<Self> {
        let (pieces, work) = mpsc::sync_channel::<Vec<u8>>(1);
        let (answers, results) = mpsc::channel();
        thread::Builder::new().name("output".into()).spawn(move || {
            while let Ok(piece) = work.recv() {
                let result = to.write_all(&piece).and_then(|()| to.flush());
                if answers.send(result).is_err() || waker.wake().is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { pieces, results, waiting: Vec::new(), writing: false, closed: false })
    }

    /// Writes a line.
    pub fn line(&mut self, line: &str) {
        if !self.closed {
            self.waiting.extend_from_slice(line.as_bytes());
            self.waiting.push(b'\n');
        }
    }

    /// How many bytes wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether everything is written.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.closed || (!self.writing && self.waiting.is_empty())
    }

    /// Whether nobody reads any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Nobody reads any more: the poller says so, or a write does.
    pub fn close(&mut self) {
        self.closed = true;
        self.waiting.clear();
    }

    /// Takes back what the thread has done, and hands it what waits.
    ///
    /// # Errors
    /// If it could not be written, for another reason than that nobody reads any more.
    pub fn drive(&mut self) -> io::Result<()> {
        match self.results.try_recv() {
            Ok(result) => {
                self.writing = false;
                if let Err(error) = result {
                    self.close();
                    return match error.kind() {
                        io::ErrorKind::BrokenPipe => Ok(()),
                        _ => Err(error),
                    };
                }
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => self.close(),
        }
        if !self.writing && !self.waiting.is_empty() {
            self.writing = self.pieces.try_send(std::mem::take(&mut self.waiting)).is_ok();
        }
        Ok(())
    }
}
