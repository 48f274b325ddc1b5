//! The steps from an empty file to today's tables. Must not know what is done with the tables.
//!
//! A step is never changed once a release has it; a new one is a new file in `store/schema/`, and a line here.

use rusqlite::Connection;

/// How a database of each version becomes one of the next.
const STEPS: &[&str] = &[include_str!("../schema/1.sql")];

/// The version that this program writes.
pub(super) const NEWEST: i64 = STEPS.len() as i64;

/// Which version a database has; 0 if there is nothing in it.
pub(super) fn version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Takes an older database to today's version, each step whole or not at all.
pub(super) fn migrate(conn: &Connection) -> rusqlite::Result<()> {
    let from = usize::try_from(version(conn)?).unwrap_or(usize::MAX);
    for (at, step) in STEPS.iter().enumerate().skip(from) {
        conn.execute_batch(&format!("BEGIN IMMEDIATE; {step}; PRAGMA user_version = {}; COMMIT;", at + 1))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every older version comes to the same tables as an empty file does.
    #[test]
    fn from_each_older_version_to_the_same_tables() {
        let tables = |conn: &Connection| -> Vec<String> {
            let sql = "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema ORDER BY 1";
            conn.prepare(sql).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let fresh = Connection::open_in_memory().unwrap();
        migrate(&fresh).unwrap();
        assert_eq!(version(&fresh).unwrap(), NEWEST);
        for older in 0..STEPS.len() {
            let conn = Connection::open_in_memory().unwrap();
            for step in &STEPS[..older] {
                conn.execute_batch(step).unwrap();
            }
            conn.pragma_update(None, "user_version", older as i64).unwrap();
            migrate(&conn).unwrap();
            assert_eq!(version(&conn).unwrap(), NEWEST, "from version {older}");
            assert_eq!(tables(&conn), tables(&fresh), "from version {older}");
        }
        migrate(&fresh).unwrap();
        assert_eq!(version(&fresh).unwrap(), NEWEST, "nothing is left to do");
    }
}
