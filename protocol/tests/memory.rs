//! What a stranger can make us allocate. Counts every byte that this thread asks for.
#![allow(missing_docs, unsafe_code, reason = "an allocator that counts cannot be written without")]

mod frames;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use frames::{SERVER, hex};
use protocol::http::HeadBuffer;
use protocol::limits::MAX_HEAD;
use protocol::ws::encode::{self, Opcode};
use protocol::ws::{Decoder, Role, Rules, Violation};

struct Counting;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static MOST: Cell<usize> = const { Cell::new(0) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on unchanged; the counters hold no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        asked(0, layout.size());
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.set(HELD.get().wrapping_sub(layout.size()));
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        asked(layout.size(), size);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Counts memory that was `before` bytes and is `after` bytes now. A test may free what another thread asked for, so
/// the sum may pass zero.
fn asked(before: usize, after: usize) {
    let held = HELD.get().wrapping_sub(before).wrapping_add(after);
    HELD.set(held);
    MOST.set(MOST.get().max(held));
    CALLS.set(CALLS.get() + 1);
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The most bytes held at a time during `work`, the bytes still held after it, and how often it asked for some.
fn count(work: impl FnOnce()) -> (usize, usize, usize) {
    let (held, calls) = (HELD.get(), CALLS.get());
    MOST.set(held);
    work();
    (MOST.get() - held, HELD.get().wrapping_sub(held), CALLS.get() - calls)
}

#[test]
fn whole_frames_cost_no_heap() {
    let mut stream = Vec::new();
    for _ in 0..100 {
        encode::masked_frame(Opcode::Text, [1, 2, 3, 4], "grüße".as_bytes(), &mut stream);
        encode::masked_frame(Opcode::Ping, [1, 2, 3, 4], b"", &mut stream);
    }
    let mut decoder = Decoder::new();
    let mut steps = 0;
    let cost = count(|| {
        let mut input = &mut stream[..];
        while decoder.next(&SERVER, &mut input).unwrap().is_some() {
            steps += 1;
        }
    });
    assert_eq!((steps, cost), (200, (0, 0, 0)));
}

#[test]
fn an_idle_decoder_holds_no_heap_whatever_it_went_through() {
    let mut stream = Vec::new();
    encode::masked_frame(Opcode::Text, [1, 2, 3, 4], &[b'x'; 500], &mut stream);
    stream[0] &= 0x7f; // the message goes on
    encode::masked_frame(Opcode::Ping, [1, 2, 3, 4], b"there?", &mut stream);
    encode::masked_frame(Opcode::Continuation, [5, 6, 7, 8], &[b'x'; 500], &mut stream);
    let mut decoder = Decoder::new();
    let mut heard = 0;
    let (_, still_held, calls) = count(|| {
        for byte in stream.chunks_mut(1) {
            let mut byte = byte;
            heard += usize::from(decoder.next(&SERVER, &mut byte).unwrap().is_some());
        }
    });
    assert_eq!((heard, still_held), (2, 0));
    assert!(calls > 0, "nothing was counted");
}

#[test]
fn memory_grows_by_what_arrived_never_by_what_was_declared() {
    // A gigabyte is announced and would be taken, but only these bytes come.
    let rules = Rules { role: Role::Server, message: usize::MAX, fragments: 8 };
    let mut stream = hex("82 ff 0000000040000000 01020304");
    stream.extend([7; 1000]);
    let mut decoder = Decoder::new();
    let (most, ..) = count(|| {
        for piece in stream.chunks_mut(10) {
            let mut piece = piece;
            assert_eq!(decoder.next(&rules, &mut piece), Ok(None));
        }
    });
    assert!(most < 4096, "{most} bytes for 1000 that arrived");

    // What is too long is refused before anything is kept.
    let mut stream = hex("82 ff 7fffffffffffffff 01020304");
    let refused = count(|| {
        assert_eq!(Decoder::new().next(&SERVER, &mut &mut stream[..]), Err(Violation::MessageTooBig));
    });
    assert_eq!(refused, (0, 0, 0));
}

#[test]
fn a_flood_of_fragments_holds_no_more_than_their_bytes() {
    // ws CVE-2026-48779: 131,000 fragments of one byte each made 13.5 MB of 0.87 MB.
    let rules = Rules { role: Role::Server, message: 16 << 10, fragments: u32::MAX };
    let mut decoder = Decoder::new();
    let (most, ..) = count(|| {
        for n in 0..200_000 {
            let opcode = if n == 0 { 0x02 } else { 0x00 };
            let (mut tiny, mut empty) = ([opcode, 0x81, 0, 0, 0, 0, 7], [opcode, 0x80, 0, 0, 0, 0]);
            let mut input = if n % 20 == 0 { &mut tiny[..] } else { &mut empty[..] };
            assert_eq!(decoder.next(&rules, &mut input), Ok(None));
        }
    });
    assert!(most < 40 << 10, "{most} bytes for a message of at most 16 KiB");

    // With our own limits it ends long before.
    let mut decoder = Decoder::new();
    let mut frames = 0;
    let violation = loop {
        let mut empty = [if frames == 0 { 0x01 } else { 0x00 }, 0x80, 0, 0, 0, 0];
        match decoder.next(&SERVER, &mut &mut empty[..]) {
            Ok(_) => frames += 1,
            Err(violation) => break violation,
        }
    };
    assert_eq!((frames, violation), (SERVER.fragments, Violation::TooManyFragments));
}

#[test]
fn a_head_holds_at_most_its_limit() {
    let mut endless = vec![b'x'; 64 << 10];
    endless[..16].copy_from_slice(b"GET / HTTP/1.1\r\n");
    for size in [1, 100, 1460, 64 << 10] {
        let (most, ..) = count(|| {
            let mut buffer = HeadBuffer::new();
            let refused = endless.chunks_mut(size).any(|piece| {
                let mut piece = piece;
                buffer.feed(&mut piece, MAX_HEAD).is_err()
            });
            assert!(refused);
        });
        assert!(most <= MAX_HEAD, "{most} bytes in pieces of {size}");
    }
}
