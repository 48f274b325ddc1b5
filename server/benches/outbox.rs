//! One turn of the outbox: a line is written once, is due to so many, and is gathered for each of them as for writev(2).
//! The system call, which costs more than all of it, is left out.
//!
//! ```text
//! cargo bench -p snug-server --bench outbox
//! ```

use std::hint::black_box;
use std::io::IoSlice;

use divan::Bencher;
use divan::counter::ItemsCount;
use protocol::ws::encode::{self, Opcode};
use server::conn::outbox::Outbox;

fn main() {
    divan::main();
}

const LINE: &[u8] = b"<anna> the soup is ready, and everybody is to come to see it boil";

#[divan::bench(args = [10, 100, 1000])]
fn one_line_to(bencher: Bencher<'_, '_>, hearers: u32) {
    let mut outbox = Outbox::new();
    bencher.counter(ItemsCount::new(hearers)).bench_local(|| {
        let room = outbox.open_log();
        let line = outbox.append(room, |log| encode::frame(Opcode::Text, LINE, log));
        for slot in 0..hearers {
            outbox.push(slot, room, line.clone());
        }
        let (mut index, mut bytes) = (0, 0);
        while let Some(slot) = outbox.dirty(index) {
            index += 1;
            let mut slices = [IoSlice::new(&[]); 64];
            let gathered = slices.iter_mut().zip(outbox.pieces(slot));
            bytes +=
                gathered.map(|(slice, piece)| (*slice = IoSlice::new(piece), piece.len()).1).sum::<usize>();
            black_box(&slices);
        }
        outbox.clear();
        assert_eq!(bytes, hearers as usize * (LINE.len() + 2));
    });
}
