-- What is kept, and how. Numbers, not words, where a row is written often. `seal` is a checksum over the other columns
-- of its row (sqlite/seal.rs), since SQLite itself does not notice a bit that flipped inside of a text.

PRAGMA application_id = 0x736e7567; -- "snug", for file(1)

-- Every start of a server on this database. An entry carries the ordinal of the start it was numbered in, and those
-- only grow along a room. So each entry tells where its room stood when an epoch ended: a position (epoch, seq) is good
-- if the room's entry `seq` was numbered in that epoch or an earlier one.
CREATE TABLE epochs (
    ordinal INTEGER PRIMARY KEY,  -- 1, 2, 3 ... in the order of the starts
    epoch   BLOB    NOT NULL UNIQUE,  -- 8 random bytes, as `welcome` tells them
    started INTEGER NOT NULL,  -- milliseconds since 1970; 0 if the clock was not to be believed
    seal    INTEGER NOT NULL
) STRICT;

CREATE TABLE rooms (
    room_id INTEGER PRIMARY KEY,
    name    TEXT    NOT NULL UNIQUE,  -- folded
    topic   TEXT    NOT NULL,  -- empty for none
    -- Entries above this number are all there. Below it some may be missing: lost when a damaged database was salvaged.
    -- No number up to this one is ever given again.
    floor   INTEGER NOT NULL,
    seal    INTEGER NOT NULL
) STRICT;

CREATE TABLE entries (
    -- Room and number in one: room_id * 2^40 + seq. So a room's entries lie side by side, in one tree whose upper pages
    -- hold nothing but numbers: they are few, stay in memory, and a page that goes bad takes few entries along.
    key     INTEGER PRIMARY KEY,
    room_id INTEGER NOT NULL AS (key >> 40),
    seq     INTEGER NOT NULL AS (key & 1099511627775),  -- 1, 2, 3 ... in each room
    epoch   INTEGER NOT NULL REFERENCES epochs,
    kind    INTEGER NOT NULL,  -- 0 talk, 1 me, 2 topic; later: 3 edit, 4 delete, 5 react, 6 kick
    user    BLOB    NOT NULL,  -- 10 bytes
    nick    TEXT    NOT NULL,  -- as it was then
    id      TEXT,  -- it was sent with this: the same id from the same user makes no second entry
    ref     INTEGER,  -- later: the number of the entry that an edit, a deletion or a reaction is about
    time    INTEGER NOT NULL,  -- milliseconds since 1970, never less than in the entry before; 0 if it was never known
    body    TEXT    NOT NULL,
    seal    INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX entries_by_id ON entries (user, id) WHERE id IS NOT NULL;
