//! A thread that does the loop's slow work: questions go in and answers come out in batches, a bell tells the loop. The
//! organs' shared tool; must not know what is asked.
//!
//! What the loop asks in one go is handed over together. One by one, the thread would begin with the first as soon as
//! it is there and leave the others for later: a tenth to a fifth of all commits were for one message.
//!
//! The loop never waits here. The thread does: for questions, and with a batch of answers until the loop has taken the
//! one before, so that answers do not pile up either.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use mio::{Registry, Token, Waker};

use crate::clock::Clock;
use crate::thrift;

/// Wakes the loop up. Clones ring the same.
#[derive(Clone, Debug)]
pub struct Bell(Arc<Waker>);

impl Bell {
    /// The bell of a poll: it has one.
    ///
    /// # Errors
    /// Whatever eventfd(2) says.
    pub fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        Ok(Self(Arc::new(Waker::new(registry, token)?)))
    }

    /// The loop begins a turn.
    pub fn ring(&self) {
        // It fails when the loop is gone, and then nobody waits for answers.
        let _ = self.0.wake();
    }
}

/// See the module's head. When it is dropped, what was asked is still done.
pub struct Worker<Q, A> {
    /// What was asked, and is not yet handed over.
    asked: VecDeque<Q>,
    questions: Option<Sender<VecDeque<Q>>>,
    answers: Receiver<A>,
    thread: Option<JoinHandle<()>>,
    /// Kept, since closing the last one takes back that it rang.
    _bell: Bell,
}

impl<Q: Send + 'static, A: Send + 'static> Worker<Q, A> {
    /// Starts a thread of this name, which the system's tools show. `work` takes what it likes from the questions, one
    /// at least, and answers. When nothing was asked for a while, and at the end, it
    /// is called once without questions.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(
        name: &str,
        bell: Bell,
        rhythm: Rhythm,
        is_patient: fn(&Q) -> bool,
        mut work: impl FnMut(&mut VecDeque<Q>) -> A + Send + 'static,
    ) -> io::Result<Self> {
        let (questions, handed_over) = channel();
        let (answered, answers) = sync_channel(1);
        let ours = bell.clone();
        let thread = Builder::new().name(name.to_owned()).spawn(move || {
            let at_the_end = RingWhenDropped(bell);
            // Dropped before it rings, so that the loop then finds nobody there.
            let answered = answered;
            let asked = Asked { questions: handed_over, rhythm, is_patient };
            serve(&asked, &answered, &at_the_end.0, &mut work);
        })?;
        let asked = VecDeque::new();
        Ok(Self { asked, questions: Some(questions), answers, thread: Some(thread), _bell: ours })
    }

    /// Asks, when it is next handed over.
    pub fn ask(&mut self, question: Q) {
        self.asked.push_back(question);
    }

    /// Gives the thread what was asked. Takes no time.
    pub fn hand_over(&mut self) {
        if let Some(questions) = self.questions.as_ref().filter(|_| !self.asked.is_empty()) {
            // It fails when the thread has panicked, and then the next `answer` says so.
            let _ = questions.send(std::mem::take(&mut self.asked));
        }
    }

    /// The next batch of answers, if there is one. A panic of the thread becomes one here.
    pub fn answer(&mut self) -> Option<A> {
        match self.answers.try_recv() {
            Ok(answer) => Some(answer),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                let ended = self.thread.take().map(JoinHandle::join);
                if let Some(Err(panic)) = ended {
                    resume_unwind(panic);
                }
                None
            }
        }
    }
}

/// When a worker works.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rhythm {
    /// Patient questions wait for others until so long after the last work, to be done together; an impatient one among
    /// them ends the wait.
    pub window: Duration,
    /// After so long without a question the worker is called without one, once; `None` for not before the end.
    pub rest: Option<Duration>,
}

fn serve<Q, A>(
    asked: &Asked<Q>,
    answered: &SyncSender<A>,
    bell: &Bell,
    work: &mut impl FnMut(&mut VecDeque<Q>) -> A,
) {
    let clock = Clock::start();
    let mut last_work = None;
    let mut waiting = VecDeque::new();
    let mut has_rested = true;
    while asked.fill(&mut waiting, has_rested) {
        has_rested = waiting.is_empty();
        asked.gather(&mut waiting, clock, last_work);
        last_work = Some(clock.micros());
        loop {
            let answers = work(&mut waiting);
            if answered.send(answers).is_err() {
                return;
            }
            bell.ring();
            if waiting.is_empty() {
                thrift::shrink(&mut waiting);
                break;
            }
        }
    }
    if !has_rested {
        work(&mut waiting);
    }
}

/// The questions' end of the channel.
struct Asked<Q> {
    questions: Receiver<VecDeque<Q>>,
    rhythm: Rhythm,
    is_patient: fn(&Q) -> bool,
}

impl<Q> Asked<Q> {
    /// Waits for a question, or for rest: then there is none. False if nobody asks any more.
    fn fill(&self, waiting: &mut VecDeque<Q>, has_rested: bool) -> bool {
        let first = match self.rhythm.rest.filter(|_| !has_rested) {
            Some(rest) => self.questions.recv_timeout(rest),
            None => self.questions.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match first {
            Ok(mut questions) => waiting.append(&mut questions),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        true
    }

    /// Takes in what has come, and what comes until the window closes, if all can wait for that.
    fn gather(&self, waiting: &mut VecDeque<Q>, clock: Clock, last_work: Option<u64>) {
        let window = u64::try_from(self.rhythm.window.as_micros()).unwrap_or(u64::MAX);
        let closes = last_work.map_or(0, |last| last.saturating_add(window));
        waiting.extend(self.questions.try_iter().flatten());
        while !waiting.is_empty() && waiting.iter().all(self.is_patient) {
            let left = closes.saturating_sub(clock.micros());
            if left == 0 {
                return;
            }
            match self.questions.recv_timeout(Duration::from_micros(left)) {
                Ok(mut questions) => waiting.append(&mut questions),
                // Nobody asks any more: what is there is done before the end, and at once.
                Err(_) => return,
            }
            waiting.extend(self.questions.try_iter().flatten());
        }
    }
}

/// So that the loop notices the end of the thread, whatever ended it.
struct RingWhenDropped(Bell);

impl Drop for RingWhenDropped {
    fn drop(&mut self) {
        self.0.ring();
    }
}

impl<Q, A> Drop for Worker<Q, A> {
    fn drop(&mut self) {
        if let Some(questions) = self.questions.take() {
            let _ = questions.send(std::mem::take(&mut self.asked));
        }
        // It must not wait for somebody to take its answers.
        self.answers.iter().for_each(drop);
        if let Some(thread) = self.thread.take() {
            // A panic has been printed; there is nobody left to hand it to.
            let _ = thread.join();
        }
    }
}

impl<Q, A> fmt::Debug for Worker<Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Worker")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mio::{Events, Poll};

    use super::*;

    const BELL: Token = Token(7);

    fn bell() -> (Poll, Bell) {
        let poll = Poll::new().expect("a poll");
        let bell = Bell::new(poll.registry(), BELL).expect("a bell");
        (poll, bell)
    }

    fn start<A: Send + 'static>(
        bell: Bell,
        work: impl FnMut(&mut VecDeque<u32>) -> A + Send + 'static,
    ) -> Worker<u32, A> {
        Worker::start("test", bell, Rhythm::default(), |_| true, work).expect("a thread")
    }

    /// Asks these together.
    fn ask<A: Send + 'static>(worker: &mut Worker<u32, A>, questions: impl IntoIterator<Item = u32>) {
        questions.into_iter().for_each(|question| worker.ask(question));
        worker.hand_over();
    }

    /// Waits for the bell, and takes what there is.
    fn next<A: Send + 'static>(poll: &mut Poll, worker: &mut Worker<u32, A>) -> A {
        let mut events = Events::with_capacity(4);
        for _ in 0..100 {
            if let Some(answer) = worker.answer() {
                return answer;
            }
            poll.poll(&mut events, Some(Duration::from_secs(10))).expect("it polls");
            assert!(events.iter().all(|event| event.token() == BELL));
            assert!(!events.is_empty(), "nothing rings");
        }
        panic!("it rings and has no answer");
    }

    #[test]
    fn what_waited_is_answered_together() {
        let (mut poll, bell) = bell();
        let (go, may_go) = channel();
        let mut worker = start(bell, move |waiting: &mut VecDeque<u32>| {
            if !waiting.is_empty() {
                may_go.recv().expect("it may go on");
            }
            waiting.drain(..).collect::<Vec<u32>>()
        });
        ask(&mut worker, [1]);
        go.send(()).expect("it waits");
        assert_eq!(next(&mut poll, &mut worker), [1]);
        // While it is busy with 2, two more come: they wait for one another's company.
        ask(&mut worker, [2]);
        ask(&mut worker, [3]);
        ask(&mut worker, [4]);
        go.send(()).expect("it waits");
        go.send(()).expect("it waits");
        let mut answers = next(&mut poll, &mut worker);
        while answers.len() < 3 {
            answers.extend(next(&mut poll, &mut worker));
        }
        assert_eq!(answers, [2, 3, 4]);
    }

    /// The thread waits for questions all the time, and yet does not begin with the first alone.
    #[test]
    fn what_is_asked_in_one_go_is_handed_over_together() {
        let (mut poll, bell) = bell();
        let mut worker = start(bell, |waiting: &mut VecDeque<u32>| waiting.drain(..).collect::<Vec<u32>>());
        for _ in 0..100 {
            ask(&mut worker, 0..8);
            assert_eq!(next(&mut poll, &mut worker), [0, 1, 2, 3, 4, 5, 6, 7]);
        }
    }

    #[test]
    fn what_was_asked_is_done_before_the_end() {
        let (_poll, bell) = bell();
        let (done, were_done) = channel();
        let mut worker = start(bell, move |waiting: &mut VecDeque<u32>| {
            done.send(waiting.pop_front()).expect("the test listens");
        });
        ask(&mut worker, 0..50);
        (50..100).for_each(|question| worker.ask(question));
        drop(worker);
        assert_eq!(were_done.iter().flatten().collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
    }

    /// 1 is done at once; 2 and 3 wait for each other, and 100, which does not wait, ends it; then there is a rest.
    #[test]
    fn patient_questions_wait_for_company() {
        let (mut poll, bell) = bell();
        let hour = Duration::from_secs(3600);
        let rhythm = Rhythm { window: hour, rest: Some(Duration::from_millis(1)) };
        let mut worker = Worker::start(
            "test",
            bell,
            rhythm,
            |question| *question < 100,
            |waiting| waiting.drain(..).collect::<Vec<u32>>(),
        )
        .expect("a thread");
        ask(&mut worker, [1]);
        assert_eq!(next(&mut poll, &mut worker), [1]);
        assert_eq!(next(&mut poll, &mut worker), [0; 0], "it rests, once");
        (2..4).chain([100]).for_each(|question| ask(&mut worker, [question]));
        assert_eq!(next(&mut poll, &mut worker), [2, 3, 100]);
    }

    #[test]
    #[should_panic(expected = "the disk is on fire")]
    fn a_panic_there_is_a_panic_here() {
        let (mut poll, bell) = bell();
        let mut worker: Worker<u32, ()> = start(bell, |_: &mut VecDeque<u32>| panic!("the disk is on fire"));
        ask(&mut worker, [1]);
        next(&mut poll, &mut worker);
    }
}
