//! A layer between SQLite and the system (sqlite3_vfs) that can fail, and can write down all that passes. It stands in
//! front of the one that SQLite would use, as the default of this process; so the engine needs no door for it.
//!
//! What is to fail, and what was written down, belong to a thread: each test runs on its own. The code is unsafe since
//! SQLite calls it from C; every function passes its arguments on as it got them.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;

use rusqlite::ffi;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// EIO. A failed sync has done its work, or not: nobody knows.
    Io,
    /// ENOSPC. A sync that fails so is no better than with EIO.
    NoSpace,
    /// Half is written, then ENOSPC.
    Short,
    /// EIO whatever is asked, also to open and to read: the disk was pulled out.
    Gone,
}

/// A change of a file, by the end of its name ("snug.db-wal").
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Write { file: String, at: usize, bytes: Vec<u8> },
    Truncate { file: String, to: usize },
    Sync { file: String },
}

#[derive(Default)]
struct Plan {
    /// How many operations from now on are done before `fault` begins, and how many then fail.
    fault: Option<(usize, usize, Fault)>,
    /// How many operations were asked for.
    count: usize,
    /// How many failed.
    failed: usize,
    /// A sync of a write-ahead log failed.
    log_sync_failed: bool,
    /// What was done, if it is written down.
    ops: Option<Vec<Op>>,
}

struct Real {
    methods: *const ffi::sqlite3_io_methods,
    name: String,
}

thread_local! {
    static PLAN: RefCell<Plan> = RefCell::default();
    static FILES: RefCell<HashMap<usize, Real>> = RefCell::default();
}

/// From now on: `good` operations succeed, then `bad` fail.
pub(crate) fn fail(good: usize, bad: usize, fault: Fault) {
    install();
    PLAN.with_borrow_mut(|plan| *plan = Plan { fault: Some((good, bad, fault)), ..Plan::default() });
}

/// From now on everything succeeds. Tells how many operations have failed since [`fail`].
pub(crate) fn heal() -> usize {
    PLAN.with_borrow_mut(|plan| std::mem::take(plan).failed)
}

/// Whether a sync of a write-ahead log has failed since [`fail`].
pub(crate) fn has_failed_to_sync_a_log() -> bool {
    PLAN.with_borrow(|plan| plan.log_sync_failed)
}

/// From now on everything is written down.
pub(crate) fn watch() {
    install();
    PLAN.with_borrow_mut(|plan| *plan = Plan { ops: Some(Vec::new()), ..Plan::default() });
}

/// How many operations were written down so far.
pub(crate) fn seen() -> usize {
    PLAN.with_borrow(|plan| plan.ops.as_ref().map_or(0, Vec::len))
}

/// Ends the watch, and tells what was written down.
pub(crate) fn watched() -> Vec<Op> {
    PLAN.with_borrow_mut(|plan| std::mem::take(plan).ops.unwrap_or_default())
}

/// Counts an operation. Whether it fails, and how.
fn next() -> Option<Fault> {
    PLAN.with_borrow_mut(|plan| {
        plan.count += 1;
        let (good, bad, fault) = plan.fault?;
        let fails = plan.count > good && plan.count <= good + bad;
        plan.failed += usize::from(fails);
        fails.then_some(fault)
    })
}

/// The same for what only fails when the disk is gone.
fn is_gone() -> bool {
    let gone = PLAN.with_borrow(|plan| matches!(plan.fault, Some((_, _, Fault::Gone))));
    gone && next().is_some()
}

fn write_down(op: impl FnOnce() -> Op) {
    PLAN.with_borrow_mut(|plan| {
        if let Some(ops) = &mut plan.ops {
            ops.push(op());
        }
    });
}

static REAL: OnceLock<usize> = OnceLock::new();

fn real() -> *mut ffi::sqlite3_vfs {
    *REAL.get().expect("installed") as *mut ffi::sqlite3_vfs
}

pub(crate) fn install() {
    REAL.get_or_init(|| unsafe {
        let real = ffi::sqlite3_vfs_find(std::ptr::null());
        let ours = Box::leak(Box::new(*real));
        ours.zName = c"snug-test".as_ptr();
        ours.pNext = std::ptr::null_mut();
        ours.xOpen = Some(open);
        assert_eq!(ffi::sqlite3_vfs_register(ours, 1), ffi::SQLITE_OK);
        real as usize
    });
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    unsafe {
        if is_gone() {
            (*file).pMethods = std::ptr::null();
            return ffi::SQLITE_CANTOPEN;
        }
        let code = (*real()).xOpen.expect("every VFS has it")(real(), path, file, flags, out);
        if code != ffi::SQLITE_OK || path.is_null() {
            return code;
        }
        let name = CStr::from_ptr(path).to_string_lossy().rsplit('/').next().unwrap_or("").to_owned();
        let methods = (*file).pMethods;
        FILES.with_borrow_mut(|files| files.insert(file as usize, Real { methods, name }));
        let mut ours = *methods;
        ours.xClose = Some(close);
        ours.xRead = Some(read);
        ours.xWrite = Some(write);
        ours.xTruncate = Some(truncate);
        ours.xSync = Some(sync);
        // A few hundred bytes for each file that is ever opened here.
        (*file).pMethods = Box::leak(Box::new(ours));
        code
    }
}

/// The methods of a file as the system's VFS has them, and its name.
fn of(file: *mut ffi::sqlite3_file) -> (ffi::sqlite3_io_methods, String) {
    FILES.with_borrow(|files| {
        let real = files.get(&(file as usize)).expect("it was opened by this thread");
        (unsafe { *real.methods }, real.name.clone())
    })
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let (real, _) = of(file);
    FILES.with_borrow_mut(|files| files.remove(&(file as usize)));
    unsafe { real.xClose.expect("every file has it")(file) }
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, to: *mut c_void, count: c_int, at: i64) -> c_int {
    let (real, _) = of(file);
    if is_gone() {
        return ffi::SQLITE_IOERR_READ;
    }
    unsafe { real.xRead.expect("every file has it")(file, to, count, at) }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    from: *const c_void,
    count: c_int,
    at: i64,
) -> c_int {
    let (real, name) = of(file);
    let write = real.xWrite.expect("every file has it");
    unsafe {
        match next() {
            Some(Fault::Io | Fault::Gone) => return ffi::SQLITE_IOERR_WRITE,
            Some(Fault::NoSpace) => return ffi::SQLITE_FULL,
            Some(Fault::Short) => {
                write(file, from, count / 2, at);
                return ffi::SQLITE_FULL;
            }
            None => {}
        }
        let bytes = std::slice::from_raw_parts(from.cast::<u8>(), count as usize);
        write_down(|| Op::Write { file: name, at: at as usize, bytes: bytes.to_vec() });
        write(file, from, count, at)
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, to: i64) -> c_int {
    let (real, name) = of(file);
    if next().is_some() {
        return ffi::SQLITE_IOERR_TRUNCATE;
    }
    write_down(|| Op::Truncate { file: name, to: to as usize });
    unsafe { real.xTruncate.expect("every file has it")(file, to) }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    let (real, name) = of(file);
    if next().is_some() {
        PLAN.with_borrow_mut(|plan| plan.log_sync_failed |= name.ends_with("-wal"));
        return ffi::SQLITE_IOERR_FSYNC;
    }
    write_down(|| Op::Sync { file: name });
    unsafe { real.xSync.expect("every file has it")(file, flags) }
}
