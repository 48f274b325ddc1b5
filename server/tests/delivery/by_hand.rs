//! The checker is checked: histories written by hand, each with one thing wrong, and one with nothing wrong.

use crate::history::{Broken, Entry, Event, Invariant, check, letters};

const ANN: usize = 0;
const BEN: usize = 1;
const EAR: usize = 2;

fn sent(by: usize, id: &str) -> Event {
    Event::Sent { by, id: id.into(), text: format!("text of {id}") }
}

fn ticked(by: usize, id: &str, seq: u64) -> Event {
    Event::Ticked { by, id: id.into(), seq }
}

fn refused(by: usize, id: &str) -> Event {
    Event::Refused { by, text: format!("text of {id}") }
}

fn heard(seq: u64, id: &str) -> Event {
    Event::Heard { by: EAR, seq, text: format!("text of {id}") }
}

fn log(entries: &[(u64, &str)]) -> Vec<Entry> {
    let entry =
        |(seq, id): &(u64, &str)| Entry { seq: *seq, id: (*id).into(), text: format!("text of {id}") };
    entries.iter().map(entry).collect()
}

/// Ann says a1 and a2 at once, Ben b1 when he has seen a tick; Ann hears nothing of a2 and says it again; c is refused.
fn sound() -> (Vec<Event>, Vec<Entry>) {
    let events = vec![
        Event::Begun { by: EAR },
        sent(ANN, "a1"),
        sent(ANN, "a2"),
        ticked(ANN, "a1", 1),
        heard(1, "a1"),
        sent(BEN, "b1"),
        sent(BEN, "c"),
        refused(BEN, "c"),
        sent(ANN, "a2"),
        ticked(ANN, "a2", 2),
        heard(2, "a2"),
        heard(3, "b1"),
        ticked(BEN, "b1", 3),
    ];
    (events, log(&[(1, "a1"), (2, "a2"), (3, "b1")]))
}

/// The sound history with something changed in it.
fn spoilt(spoil: impl FnOnce(&mut Vec<Event>, &mut Vec<Entry>)) -> Vec<Broken> {
    let (mut events, mut log) = sound();
    spoil(&mut events, &mut log);
    check(&events, &log)
}

/// Exactly these are broken.
#[track_caller]
fn breaks(expected: &[Invariant], broken: &[Broken]) {
    let found: Vec<Invariant> = letters(broken).into_iter().collect();
    let how: Vec<String> = broken.iter().map(ToString::to_string).collect();
    assert_eq!(found, expected, "{how:#?}");
}

#[test]
fn nothing_is_wrong() {
    breaks(&[], &spoilt(|_, _| {}));
    breaks(&[], &check(&[], &[]));
}

#[test]
fn a_what_was_ticked_is_gone() {
    use Invariant::{A, J};
    // Nobody heard it, so it is only lost, and not a phantom.
    breaks(
        &[A, J],
        &spoilt(|events, log| {
            events.remove(11);
            log.pop();
        }),
    );
}

#[test]
fn a_somebody_is_told_of_what_another_said() {
    breaks(&[Invariant::A], &spoilt(|events, _| events.push(ticked(EAR, "a1", 1))));
    // Before it was said; so it also has a number that was known before.
    let early = spoilt(|events, _| events.insert(1, ticked(ANN, "a1", 1)));
    breaks(&[Invariant::A, Invariant::F], &early);
}

#[test]
fn b_an_id_is_there_twice() {
    breaks(
        &[Invariant::B],
        &spoilt(|events, log| {
            log.insert(2, Entry { seq: 3, id: "a2".into(), text: "text of a2".into() });
            log[3].seq = 4;
            // Everybody is told of both; E looks at the last.
            events.retain(|event| {
                !matches!(event, Event::Ticked { by: ANN, .. } | Event::Ticked { by: BEN, .. })
            });
            events.retain(|event| !matches!(event, Event::Heard { seq: 3, .. }));
            events.extend([heard(3, "a2"), heard(4, "b1")]);
        }),
    );
}

#[test]
fn c_a_number_is_missing() {
    breaks(
        &[Invariant::C, Invariant::D],
        &spoilt(|events, log| {
            log[2].seq = 4;
            events.truncate(11);
            events.push(heard(4, "b1"));
        }),
    );
    // Also if nobody listens.
    breaks(&[Invariant::C], &check(&[], &log(&[(2, "a1")])));
}

#[test]
fn d_a_reader_misses_hears_twice_hears_other_words_or_not_all() {
    use Invariant::D;
    breaks(&[D], &spoilt(|events, _| drop(events.remove(10))));
    breaks(&[D], &spoilt(|events, _| events.insert(11, heard(2, "a2"))));
    breaks(&[D], &spoilt(|events, _| events[10] = heard(2, "b1")));
    breaks(&[D], &spoilt(|events, _| drop(events.remove(11))));
    breaks(&[D], &spoilt(|events, _| events.push(Event::Begun { by: 7 })));
    breaks(&[D], &spoilt(|events, _| events.push(Event::Reset { by: EAR, reason: "ahead".into() })));
}

#[test]
fn e_a_tick_has_another_number() {
    breaks(&[Invariant::E], &spoilt(|events, _| events[12] = ticked(BEN, "b1", 2)));
}

#[test]
fn f_what_was_said_later_is_earlier() {
    // d is said when 3 has been ticked, and 3 is what it becomes.
    breaks(
        &[Invariant::E, Invariant::F],
        &spoilt(|events, log| {
            events.remove(11);
            events.extend([sent(7, "d"), heard(3, "d"), heard(4, "b1")]);
            log[2].seq = 4;
            log.insert(2, Entry { seq: 3, id: "d".into(), text: "text of d".into() });
        }),
    );
    // The same, where every tick is right: it is the order alone.
    let events = [sent(ANN, "a"), ticked(ANN, "a", 2), sent(BEN, "b"), ticked(BEN, "b", 1)];
    breaks(&[Invariant::F], &check(&events, &log(&[(1, "b"), (2, "a")])));
}

#[test]
fn g_somebodys_words_are_in_another_order() {
    let events = [sent(ANN, "a1"), sent(ANN, "a2"), ticked(ANN, "a1", 2), ticked(ANN, "a2", 1)];
    breaks(&[Invariant::G], &check(&events, &log(&[(1, "a2"), (2, "a1")])));
    // To say the first again behind the second is no change of order.
    let again = [sent(ANN, "a1"), sent(ANN, "a2"), sent(ANN, "a1")];
    breaks(&[], &check(&again, &log(&[(1, "a1"), (2, "a2")])));
}

#[test]
fn h_somebody_heard_what_never_was() {
    breaks(&[Invariant::H], &spoilt(|events, _| events[10] = heard(2, "ghost")));
}

#[test]
fn i_what_was_refused_is_there() {
    breaks(
        &[Invariant::D, Invariant::I],
        &spoilt(|_, log| {
            log.push(Entry { seq: 4, id: "c".into(), text: "text of c".into() });
        }),
    );
}

#[test]
fn j_what_was_said_to_the_end_is_not_there() {
    breaks(&[Invariant::J], &spoilt(|events, _| events.push(sent(ANN, "a3"))));
    // Its id is there, but with other words.
    let other = Event::Sent { by: ANN, id: "a1".into(), text: "other words".into() };
    breaks(&[Invariant::J], &spoilt(|events, _| events.push(other)));
}
