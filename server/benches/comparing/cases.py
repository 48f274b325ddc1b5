"""What is measured. Most cases are a run of `load`; the others are done once, since their figures repeat."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    key: str
    words: str
    # For `load`: messages have 64 bytes, as is its default.
    arguments: str
    # How it is measured: see `measure.Bench.once`.
    by: str = "load"


CASES = {case.key: case for case in [
    Case("one", "one message outstanding, 100 members", "talk --people 100 --seconds 2 --warmup 0.5"),
    Case("8x4", "8 publishers x 4 outstanding, 100 members",
         "talk --people 100 --publishers 8 --window 4 --seconds 2 --warmup 0.7"),
    Case("8x4-1000", "8 publishers x 4 outstanding, 1,000 members",
         "talk --people 1000 --publishers 8 --window 4 --seconds 2 --warmup 1"),
    Case("8x8", "8 publishers x 8 outstanding, 100 members",
         "talk --people 100 --publishers 8 --window 8 --seconds 1.5 --warmup 0.5"),
    Case("8x16", "8 publishers x 16 outstanding, 100 members",
         "talk --people 100 --publishers 8 --window 16 --seconds 1.5 --warmup 0.5"),
    Case("8x128", "8 publishers x 128 outstanding, 100 members",
         "talk --people 100 --publishers 8 --window 128 --seconds 2 --warmup 0.7"),
    Case("rooms", "100 rooms x 10 members, 2 publishers x 2 outstanding",
         "talk --people 1000 --rooms 100 --publishers 2 --window 2 --seconds 2.5 --warmup 0.7"),
    Case("open", "20,000 messages/s into 100 members",
         "talk --people 100 --publishers 10 --rate 20000 --seconds 2 --warmup 0.5"),
    Case("steady", "1,000 messages/s into 100 members",
         "talk --people 100 --publishers 10 --rate 1000 --seconds 3 --warmup 0.5"),
    Case("connect", "handshakes, 32 at a time",
         "connect --people 32 --sources 4 --seconds 2 --warmup 0.5"),
    Case("idle", "1,000 idle connections in 100 rooms", "idle --people 1000 --rooms 100 --seconds 1"),
    Case("idle-10000", "10,000 idle connections in 1,000 rooms",
         "idle --people 10000 --rooms 1000 --seconds 1"),
    Case("calls", "system calls, one message outstanding, 100 members", "talk --people 100 --warmup 0", "strace"),
    Case("instructions", "user instructions, one message outstanding, 100 members",
         "talk --people 100 --warmup 0", "callgrind"),
    Case("heap", "live heap, 1,000 idle connections in 100 rooms",
         "idle --people 1000 --rooms 100 --seconds 6", "massif"),
    Case("fsync", "12 KiB written and stored by the disk, alone", "", "disk"),
    Case("size", "what has to be installed", "", "size"),
]}
