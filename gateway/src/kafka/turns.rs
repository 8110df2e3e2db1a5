//! The order of commands: those of one caller in one partition take effect in the order they were
//! sent, those of different callers run in parallel.
//!
//! Reads have no effect, so reads of one caller that follow each other run in parallel. A read
//! sees every write sent before it, and none sent after it.

use std::collections::{HashMap, VecDeque};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::caller::Caller;

/// A partition, and a caller whose commands it has.
type Line = (i32, Caller);

/// A command's place in the order.
#[derive(Debug)]
pub(crate) struct Place {
    /// The partition and the caller; `None` for a command without a caller, which waits for none.
    pub(crate) line: Option<Line>,
    /// Whether the operation only reads.
    pub(crate) reads: bool,
}

/// A command's turn, which ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    line: Option<Line>,
    ended: UnboundedSender<Line>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(line) = self.line.take() {
            // Sending fails if the lane's worker has stopped.
            drop(self.ended.send(line));
        }
    }
}

/// The commands of one caller.
#[derive(Debug)]
struct Waiting<T> {
    /// Commands whose turn it is: one write, or any number of reads.
    running: usize,
    /// Whether those that run are reads.
    reading: bool,
    /// Whether each of the others only reads, in the order they were sent.
    behind: VecDeque<(bool, T)>,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self {
            running: 0,
            reading: false,
            behind: VecDeque::new(),
        }
    }
}

/// Decides which of the commands in a lane may start.
///
/// It holds what the lane holds, which is bounded, and nothing of callers without commands.
#[derive(Debug)]
pub(crate) struct Turns<T> {
    lines: HashMap<Line, Waiting<T>>,
    ready: VecDeque<(Turn, T)>,
    ended: UnboundedReceiver<Line>,
    end: UnboundedSender<Line>,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        let (end, ended) = unbounded_channel();
        Self {
            lines: HashMap::new(),
            ready: VecDeque::new(),
            ended,
            end,
        }
    }
}

impl<T> Turns<T> {
    /// Adds a command, behind those of its caller.
    pub(crate) fn push(&mut self, place: Place, item: T) {
        let Some(line) = place.line else {
            let turn = self.turn(None);
            self.ready.push_back((turn, item));
            return;
        };
        let waiting = self.lines.entry(line.clone()).or_default();
        waiting.behind.push_back((place.reads, item));
        self.advance(&line);
    }

    /// Whether a command may start.
    pub(crate) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The next command that may start.
    pub(crate) fn next(&mut self) -> Option<(Turn, T)> {
        self.ready.pop_front()
    }

    /// Waits until a turn ends, and lets those behind it start. Cancel safe.
    pub(crate) async fn ended(&mut self) {
        // `None` doesn't happen: a sender is kept here.
        if let Some(line) = self.ended.recv().await {
            if let Some(waiting) = self.lines.get_mut(&line) {
                waiting.running = waiting.running.saturating_sub(1);
            }
            self.advance(&line);
        }
    }

    /// Makes a caller's next commands ready, or forgets a caller without commands.
    fn advance(&mut self, line: &Line) {
        let Some(waiting) = self.lines.get_mut(line) else {
            return;
        };
        let mut ready = Vec::new();
        while let Some((reads, item)) = waiting
            .behind
            .pop_front_if(|(reads, _)| waiting.running == 0 || *reads && waiting.reading)
        {
            waiting.running += 1;
            waiting.reading = reads;
            ready.push(item);
        }
        if waiting.running == 0 {
            self.lines.remove(line);
        }
        for item in ready {
            let turn = self.turn(Some(line.clone()));
            self.ready.push_back((turn, item));
        }
    }

    fn turn(&self, line: Option<Line>) -> Turn {
        Turn {
            line,
            ended: self.end.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use trichrome_proto::contract::by_function;

    use super::*;

    fn caller(name: &str) -> Caller {
        let login = by_function("auth-login").unwrap();
        Caller::of(login, None, |_| Some(name.to_owned())).unwrap()
    }

    fn place(partition: i32, name: &str, reads: bool) -> Place {
        Place {
            line: Some((partition, caller(name))),
            reads,
        }
    }

    fn write(name: &str) -> Place {
        place(0, name, false)
    }

    fn read(name: &str) -> Place {
        place(0, name, true)
    }

    /// What may start now.
    fn started(turns: &mut Turns<u32>) -> (Vec<Turn>, Vec<u32>) {
        while turns.ended().now_or_never().is_some() {}
        std::iter::from_fn(|| turns.next()).unzip()
    }

    #[test]
    fn a_callers_writes_run_one_after_the_other() {
        let mut turns = Turns::default();
        for n in 1..=3 {
            turns.push(write("a"), n);
        }
        for n in 1..=3 {
            let (turn, now) = started(&mut turns);
            assert_eq!(now, [n]);
            assert!(!turns.is_ready(), "the first is still running");
            drop(turn);
        }
        assert!(started(&mut turns).1.is_empty());
        assert!(
            turns.lines.is_empty(),
            "callers without commands are forgotten"
        );
    }

    #[test]
    fn callers_run_in_parallel_and_so_do_partitions() {
        let mut turns = Turns::default();
        turns.push(write("a"), 1);
        turns.push(write("a"), 2);
        turns.push(write("b"), 3);
        turns.push(place(1, "a", false), 4);
        let anyone = Place {
            line: None,
            reads: false,
        };
        turns.push(anyone, 5);
        let (_turns, now) = started(&mut turns);
        assert_eq!(now, [1, 3, 4, 5]);
    }

    #[test]
    fn reads_between_two_writes_run_in_parallel() {
        let mut turns = Turns::default();
        turns.push(write("a"), 1);
        turns.push(read("a"), 2);
        turns.push(read("a"), 3);
        turns.push(write("a"), 4);
        turns.push(read("a"), 5);
        let (first, now) = started(&mut turns);
        assert_eq!(now, [1]);
        drop(first);
        let (mut reads, now) = started(&mut turns);
        assert_eq!(now, [2, 3]);
        drop(reads.pop());
        assert!(started(&mut turns).1.is_empty(), "a read is still running");
        drop(reads);
        let (second, now) = started(&mut turns);
        assert_eq!(now, [4]);
        drop(second);
        assert_eq!(started(&mut turns).1, [5]);
    }

    #[test]
    fn a_read_does_not_overtake_a_waiting_write() {
        let mut turns = Turns::default();
        turns.push(read("a"), 1);
        let (_running, now) = started(&mut turns);
        assert_eq!(now, [1]);
        turns.push(write("a"), 2);
        turns.push(read("a"), 3);
        assert!(started(&mut turns).1.is_empty());
    }
}
