//! A disk whose power is cut after each of its operations.

use std::collections::BTreeMap;
use std::io;

use super::{BOB, id, reading, said};
use crate::state::{Disk, Keeper, Name};

/// A disk in memory. What was not synced may be there after a power cut or not, torn or as zeros.
#[derive(Clone, Debug, Default)]
pub(super) struct Paper {
    pub(super) files: Vec<Sheet>,
    /// By name, as the running system sees it, and as it is on the disk.
    names: BTreeMap<Name, usize>,
    safe_names: BTreeMap<Name, usize>,
    pub(super) operations: usize,
    /// After so many operations all others fail.
    fails_after: Option<usize>,
    /// What fails writes half of it before.
    tears: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Sheet {
    pub(super) bytes: Vec<u8>,
    /// How many of them are on the disk for sure.
    safe: usize,
}

impl Paper {
    fn operation(&mut self) -> io::Result<()> {
        self.operations += 1;
        match self.fails_after {
            Some(count) if self.operations > count => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }

    fn sheet(&mut self, name: Name) -> io::Result<&mut Sheet> {
        let at = self.names.get(&name).ok_or(io::ErrorKind::NotFound)?;
        self.files.get_mut(*at).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// What may be there after a power cut: each of the names old or new, and of what was not synced nothing, all, a
    /// part, or as many zeros.
    fn after_a_power_cut(&self) -> Vec<Self> {
        let mut states = Vec::new();
        for names in [&self.names, &self.safe_names] {
            for portion in 0..=4 {
                for zeros in [false, true] {
                    let mut state =
                        Self { names: names.clone(), safe_names: names.clone(), ..Self::default() };
                    state.files.clone_from(&self.files);
                    for sheet in &mut state.files {
                        let lost = sheet.bytes.len() - sheet.safe;
                        let kept = sheet.safe + lost * portion / 4;
                        match zeros {
                            true => sheet.bytes[kept..].fill(0),
                            false => sheet.bytes.truncate(kept),
                        }
                        sheet.safe = sheet.bytes.len();
                    }
                    states.push(state);
                }
            }
        }
        states
    }
}

impl Disk for &mut Paper {
    fn read(&mut self, name: Name) -> io::Result<Option<Vec<u8>>> {
        Ok(self.sheet(name).ok().map(|sheet| sheet.bytes.clone()))
    }

    fn create(&mut self, name: Name) -> io::Result<()> {
        self.operation()?;
        self.files.push(Sheet::default());
        self.names.insert(name, self.files.len() - 1);
        Ok(())
    }

    fn append(&mut self, name: Name, bytes: &[u8]) -> io::Result<()> {
        let result = self.operation();
        let tears = self.tears;
        let sheet = self.sheet(name)?;
        match result {
            Ok(()) => sheet.bytes.extend_from_slice(bytes),
            Err(_) if tears => sheet.bytes.extend_from_slice(&bytes[..bytes.len() / 2]),
            Err(_) => {}
        }
        result
    }

    fn sync(&mut self, name: Name) -> io::Result<()> {
        self.operation()?;
        let sheet = self.sheet(name)?;
        sheet.safe = sheet.bytes.len();
        Ok(())
    }

    fn replace(&mut self) -> io::Result<()> {
        self.operation()?;
        let new = self.names.remove(&Name::New).ok_or(io::ErrorKind::NotFound)?;
        self.names.insert(Name::Journal, new);
        Ok(())
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        self.operation()?;
        self.safe_names.clone_from(&self.names);
        Ok(())
    }
}

/// What a client did, as far as it may rely on it.
#[derive(Default)]
struct Promised {
    /// Was kept, and [`Keeper::settle`] said so.
    kept: Vec<usize>,
    /// Was struck out, perhaps only in memory.
    forgotten: Vec<usize>,
    /// Was kept at all.
    tried: usize,
}

/// Fifty lines of talk in portions, with their ticks, in the file, which is written anew again and again.
fn evening(disk: &mut Paper, promised: &mut Promised) -> io::Result<()> {
    let (mut keeper, _, _) = Keeper::open(disk)?;
    keeper.tidy_at = 600;
    for portion in 0..10 {
        for _ in 0..portion % 4 + 1 {
            promised.tried += 1;
            keeper.keep(BOB, said(promised.tried));
        }
        keeper.settle()?;
        let done = promised.kept.len() + promised.forgotten.len();
        promised.kept.extend(done + 1..=promised.tried);
        // All but the last are ticked, and read.
        while promised.kept.len() > 1 {
            let ticked = promised.kept.remove(0);
            promised.forgotten.push(ticked);
            keeper.forget(&id(ticked));
        }
        keeper.note(&[reading("lobby", promised.tried as u64)]);
        keeper.settle()?;
        keeper.tidy_at = keeper.tidy_at.min(keeper.length + 300);
    }
    Ok(())
}

/// Opens what is left and looks whether it keeps the promise.
fn look(mut disk: Paper, promised: &Promised, when: &str) {
    let (_, person, kept) = Keeper::open(&mut disk).expect("it can be read and written");
    let lines = kept.unconfirmed;
    for number in &promised.kept {
        assert!(lines.contains(&said(*number)), "{when}: line {number} is lost; there are {lines:?}");
        assert_eq!(person, Some(BOB), "{when}");
    }
    assert_eq!(kept.nobodys, [], "{when}");
    // Each once, in the order they were said, and nothing that was not.
    let all: Vec<_> = (1..=promised.tried).map(said).filter(|line| lines.contains(line)).collect();
    assert_eq!(lines, all, "{when}");
    // Nothing is taken for read that was not.
    let read = kept.places.first().map_or(0, |place| place.seq);
    assert!(read <= promised.tried as u64, "{when}");
}

#[test]
fn the_power_is_cut_after_each_operation() {
    let mut whole = Paper::default();
    evening(&mut whole, &mut Promised::default()).expect("nothing fails");
    let all = whole.operations;
    assert!(all > 50, "{all} operations are no evening");
    let mut states = 0;
    for count in 0..=all {
        for tears in [false, true] {
            let mut promised = Promised::default();
            let mut disk = Paper { fails_after: Some(count), tears, ..Paper::default() };
            assert_eq!(evening(&mut disk, &mut promised).is_ok(), count == all);
            for state in disk.after_a_power_cut() {
                look(state, &promised, &format!("after {count} operations"));
                states += 1;
            }
        }
    }
    println!("{all} operations, {states} states");
}
