//! A server that does not wait for the disk: the chat server's loop and store in this process, but for one setting of
//! SQLite, `synchronous=NORMAL`. What it ticks may be lost, and whoever looks for losses has to find them.
//!
//! The store has no door for that. So SQLite is told to set it for every database that is opened, and to pass over it
//! when it is set again (sqlite3_set_authorizer); the code is unsafe since SQLite calls it from C.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::ptr::null_mut;

use protocol::chat::id::Epoch;
use rusqlite::ffi;
use server::clock::Clock;
use server::store::{Engine as _, Rhythm, Sqlite, Store};

use crate::support::here::{RULES, patient, run_with};

/// Listens until it is killed.
pub(crate) fn serve(folder: &Path) -> ExitCode {
    // SAFETY: it is called with a database that was just opened, as SQLite says.
    assert_eq!(unsafe { ffi::sqlite3_auto_extension(Some(weaken)) }, ffi::SQLITE_OK);
    let epochs = || {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).ok().map(|()| Epoch(bytes))
    };
    let engine = Sqlite::open(folder, Clock::wall(), Box::new(epochs)).expect("a database");
    let epoch = engine.epoch();
    let store = |bell| Store::on_a_thread(engine, Rhythm::default(), bell).expect("a thread");
    let address = run_with(patient(), RULES, epoch, store);
    println!("Listening at {address}");
    let _ = std::io::stdout().flush();
    loop {
        std::thread::park();
    }
}

unsafe extern "C" fn weaken(
    db: *mut ffi::sqlite3,
    _: *mut *mut c_char,
    _: *const ffi::sqlite3_api_routines,
) -> c_int {
    unsafe {
        let set = c"PRAGMA synchronous = NORMAL";
        let code = ffi::sqlite3_exec(db, set.as_ptr(), None, null_mut(), null_mut());
        if code != ffi::SQLITE_OK {
            return code;
        }
        ffi::sqlite3_set_authorizer(db, Some(leave_weak), null_mut())
    }
}

unsafe extern "C" fn leave_weak(
    _: *mut c_void,
    action: c_int,
    pragma: *const c_char,
    _: *const c_char,
    _: *const c_char,
    _: *const c_char,
) -> c_int {
    let is_named = action == ffi::SQLITE_PRAGMA && !pragma.is_null();
    if is_named && unsafe { CStr::from_ptr(pragma) } == c"synchronous" {
        return ffi::SQLITE_IGNORE;
    }
    ffi::SQLITE_OK
}
