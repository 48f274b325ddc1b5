//! Keeps entries in a SQLite database, so that a tick means: on the disk. Owns the database and its folder; must not
//! know on which thread it runs, or who waits for it.
//!
//! All letters of one [`Engine::work`] are one transaction, in write-ahead mode with `synchronous=FULL`: one fsync(2).
//! Answers are made during the transaction and given out after its commit.
//!
//! **When something fails** the database is closed, what the write-ahead log holds is written again and cut behind the
//! last sound commit ([`wal::mend`]), and the database is opened anew. Then the transaction is either there, and its
//! answers are given, or it is not. Until it can be opened again every letter is answered with [`Answer::Unknown`].
//! (So a second connection of this process, to read with, must not be open during [`Engine::work`] and
//! [`Sqlite::idle`] unless it is known that nothing failed: it would go on with the old log. Other programs are seen.)
//!
//! **When it is damaged** it is moved aside, and what can be read is taken into a new one ([`salvage`]).

mod fault;
mod folder;
mod recall;
mod recent;
mod rooms;
mod rows;
mod salvage;
mod schema;
mod seal;
mod wal;
mod work;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use hub::input::Applied;
use protocol::chat::id::Epoch;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use self::fault::Trouble;
pub use self::fault::{Fault, Notice};
use self::folder::{Folder, beside};
use self::recent::Recent;
use self::rooms::Rooms;
use super::Epochs;
use super::page::believed;
#[cfg(doc)]
use super::{Answer, Engine};
use crate::faults::{self, Fault as Seeded};

/// The first SQLite without the fault that can lose commits when a log is reset (<https://www.sqlite.org/wal.html>).
const OLDEST_SQLITE: i32 = 3_051_003;

/// What SQLite may hold of the database in memory, in KiB. The latest entries and the upper pages of the trees fit.
const CACHE_KIB: u32 = 1024;

/// After so many pages of 4 KiB the write-ahead log is moved into the database, also when it is busy. It is what a start
/// after a crash has to read.
const LOG_PAGES: u32 = 1024;

/// How long another program may be in the way, such as `sqlite3` in the hands of the curious.
const PATIENCE: Duration = Duration::from_secs(2);

/// A database of at most so many bytes is looked through at every start. That takes an SD card less than half a second.
/// In a larger one damage is found where it is read.
const LOOK_THROUGH: u64 = 8 * 1024 * 1024;

/// What everything that is prepared, cached and mapped beside the pages takes, about.
const OVERHEAD: usize = 512 * 1024;

/// See the module's head.
pub struct Sqlite {
    folder: Folder,
    epochs: Epochs,
    epoch: Epoch,
    /// The place of the epoch among all starts on this database.
    ordinal: i64,
    /// `None` while it cannot be opened.
    conn: Option<Connection>,
    /// What may be stored or not, while the database cannot be opened.
    doubt: Vec<Applied>,
    /// The room and the number of the entry that was stored last.
    told: Option<(i64, u64)>,
    notice: Option<Notice>,
    fault: Option<Fault>,
    rooms: Rooms,
    recent: Recent,
}

impl Sqlite {
    /// Opens the database in `folder`, or makes one, and begins an epoch in it. Makes the folder too, but not those
    /// above it. `wall` is as in [`Engine::work`].
    ///
    /// A damaged database is no error: see [`Self::notice`].
    ///
    /// # Errors
    /// Why it is not possible. Nothing was changed then that somebody would miss.
    pub fn open(folder: &Path, wall: u64, epochs: Epochs) -> Result<Self, Fault> {
        if rusqlite::version_number() < OLDEST_SQLITE {
            return Err(Fault::OldSqlite(rusqlite::version()));
        }
        let folder = Folder::open(folder)?;
        let epoch = Epoch([0; 8]);
        let (conn, doubt, told, notice, fault) = (None, Vec::new(), None, None, None);
        let mut store = Self {
            folder,
            epochs,
            epoch,
            ordinal: 0,
            conn,
            doubt,
            told,
            notice,
            fault,
            rooms: Rooms::default(),
            recent: Recent::default(),
        };
        store.start(wall)?;
        Ok(store)
    }

    fn start(&mut self, wall: u64) -> Result<(), Fault> {
        if !self.folder.database().exists() {
            self.make()?;
        }
        match self.connect(true) {
            Err(Trouble::Damaged(why)) => self.replace(why, wall),
            Err(trouble) => Err(trouble.at(self.folder.path())),
            Ok(()) => self.begin_epoch(wall),
        }
    }

    /// What people have to be told, once: the database was damaged. To be asked after [`Self::open`], and again after
    /// [`Engine::work`], where it also means that [`Engine::epoch`] is another one.
    pub fn notice(&mut self) -> Option<Notice> {
        self.notice.take()
    }

    /// What has gone wrong with the disk, once: for the log. To be asked after [`Engine::work`].
    pub fn fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    /// Moves what was committed from the write-ahead log into the database. To be called when nobody has said anything
    /// for a while (half a minute; more often costs flash), so that a start has nothing to read. Does nothing if there
    /// is nothing to move.
    pub fn idle(&mut self) {
        let log = beside(&self.folder.database(), "-wal");
        if !std::fs::metadata(log).is_ok_and(|log| log.len() > 0) {
            return;
        }
        // If it does not succeed, the log stays as it is, and the next occasion comes.
        if let Some(conn) = &self.conn {
            let _ = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
    }

    /// Closes the database, so that it is one file. (To drop it is safe too: then it is as after a crash.)
    pub fn close(mut self) {
        self.idle();
    }

    /// Makes the database: empty, or of what is left of one that was moved aside before a start that did not end.
    fn make(&mut self) -> Result<(), Fault> {
        let unfinished = self.folder.draft().exists();
        match self.folder.latest_aside().filter(|_| unfinished) {
            Some(aside) => self.refill(&aside, "an earlier start could not finish its repair".to_owned()),
            None => self.draft(|_| Ok(())).map_err(|trouble| trouble.at(self.folder.path())),
        }
    }

    /// Makes a database under another name, lets it be filled, and puts it in place.
    fn draft(&self, fill: impl FnOnce(&Connection) -> Result<(), Trouble>) -> Result<(), Trouble> {
        let draft = self.folder.begin_draft()?;
        let conn = Connection::open_with_flags(draft, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // If this is interrupted it is done again from the start.
        conn.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
        schema::migrate(&conn)?;
        fill(&conn)?;
        conn.close().map_err(|(_, error)| error)?;
        Ok(self.folder.finish_draft()?)
    }

    /// Opens the database, which is there. `look`: also looks for damage that reading would not find at once.
    fn connect(&mut self, look: bool) -> Result<(), Trouble> {
        let path = self.folder.database();
        self.folder.tighten()?;
        let size = std::fs::metadata(&path)?.len();
        if size == 0 {
            return Err(Trouble::damaged("it is empty"));
        }
        if wal::look(&beside(&path, "-wal"))?.is_damaged() {
            return Err(Trouble::damaged("its write-ahead log is not as it was written"));
        }
        let conn = Connection::open_with_flags(
            &path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        conn.set_prepared_statement_cache_capacity(32);
        conn.busy_timeout(PATIENCE)?;
        // Foreign keys: the only one is the epoch of an entry, which each start writes before anything else. To look it
        // up for every entry took one in twenty of the instructions for storing it.
        let sync = if faults::has(Seeded::Lazy) { "NORMAL" } else { "FULL" };
        conn.execute_batch(&format!(
            "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA foreign_keys = OFF;
             PRAGMA temp_store = MEMORY; PRAGMA cache_size = -{CACHE_KIB}; PRAGMA synchronous = {sync};"
        ))?;
        let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        if mode != "wal" {
            return Err(Trouble::Other(format!(
                "its file system cannot do write-ahead logging, only {mode}"
            )));
        }
        conn.execute_batch(&format!(
            "PRAGMA wal_autocheckpoint = {LOG_PAGES}; PRAGMA journal_size_limit = {};",
            u64::from(LOG_PAGES) * 4096
        ))?;
        if schema::version(&conn)? > schema::NEWEST {
            return Err(Trouble::Newer);
        }
        schema::migrate(&conn)?;
        if faults::has(Seeded::Doubles) {
            conn.execute_batch("DROP INDEX IF EXISTS entries_by_id")?;
        }
        if look {
            rows::check_small_tables(&conn)?;
            if size <= LOOK_THROUGH {
                look_through(&conn)?;
            }
        }
        self.conn = Some(conn);
        Ok(())
    }

    fn begin_epoch(&mut self, wall: u64) -> Result<(), Fault> {
        let epoch = (self.epochs)().ok_or(Fault::Random)?;
        let inserted = match &self.conn {
            Some(conn) => rows::insert_epoch(conn, epoch, believed(wall)),
            None => Err(Trouble::Other("it is not open".to_owned())),
        };
        self.ordinal = inserted.map_err(|trouble| trouble.at(self.folder.path()))?;
        self.epoch = epoch;
        Ok(())
    }

    /// The database is damaged: moves it aside, makes one of what can be read, and begins an epoch.
    fn replace(&mut self, why: String, wall: u64) -> Result<(), Fault> {
        self.conn = None;
        self.forget();
        (self.told, self.doubt) = (None, Vec::new());
        let fault = |error| Fault::io(self.folder.path(), &error);
        // The draft first: while it is there, the next start knows that this was not finished.
        self.folder.begin_draft().map_err(fault)?;
        let aside = self.folder.move_aside().map_err(fault)?;
        self.refill(&aside, why)?;
        self.connect(false).map_err(|trouble| trouble.at(self.folder.path()))?;
        self.begin_epoch(wall)
    }

    /// What is known without asking the database may not be so any more.
    fn forget(&mut self) {
        self.rooms.forget();
        self.recent.clear();
    }

    fn refill(&mut self, aside: &Path, why: String) -> Result<(), Fault> {
        let epoch = (self.epochs)().ok_or(Fault::Random)?;
        let mut found = salvage::Salvaged::default();
        let drafted = self.draft(|conn| {
            let all = conn.unchecked_transaction()?;
            found = salvage::salvage(aside, &all, epoch)?;
            Ok(all.commit()?)
        });
        drafted.map_err(|trouble| trouble.at(self.folder.path()))?;
        let salvage::Salvaged { kept, missing, whole } = found;
        self.notice = Some(Notice { why, moved: aside.to_owned(), kept, missing, whole });
        Ok(())
    }
}

/// Looks for damage in all of a database.
fn look_through(conn: &Connection) -> Result<(), Trouble> {
    let first: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if first == "ok" { Ok(()) } else { Err(Trouble::Damaged(first)) }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite")
            .field("folder", &self.folder)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}
