//! Consumer groups: who is in them, and what each member reads (Kafka's classic protocol).
//!
//! In memory alone: after a restart of the broker nobody is known, every member is told so,
//! and joins again. Committed offsets are kept apart, on disk.

mod group;
pub(crate) mod requests;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use tokio::{
    sync::oneshot,
    time::{Instant, MissedTickBehavior, interval},
};

pub(crate) use group::{Description, Join, Joined, MemberDescription, Refused};

use crate::store::lock;
use group::Group;

/// How often timeouts are looked at; a member is missed at most so much later.
const TICK: Duration = Duration::from_millis(100);

/// Groups with members, at most.
const MAX_GROUPS: usize = 1000;

/// All groups that have members.
#[derive(Debug, Default)]
pub(crate) struct Groups(Mutex<BTreeMap<String, Group>>);

impl Groups {
    /// Ends waits and misses members, for ever.
    pub(crate) async fn watch(&self) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let now = tick.tick().await;
            self.all().retain(|_, group| {
                group.expire(now);
                !group.is_empty()
            });
        }
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Group>> {
        lock(&self.0)
    }

    /// Joins a member; the answer comes when all members have joined.
    ///
    /// # Errors
    ///
    /// See [`Refused`].
    pub(crate) async fn join(&self, name: &str, join: Join) -> Result<Joined, Refused> {
        let (sender, answer) = oneshot::channel();
        {
            let mut groups = self.all();
            if !groups.contains_key(name) {
                if !join.member.is_empty() {
                    return Err(ResponseError::UnknownMemberId.into());
                }
                if groups.len() >= MAX_GROUPS {
                    return Err(ResponseError::CoordinatorNotAvailable.into());
                }
            }
            let group = groups.entry(name.to_owned()).or_default();
            group.join(join, sender, Instant::now());
            if group.is_empty() {
                groups.remove(name);
            }
        }
        // Dropped unanswered: the same member joined again meanwhile, over another connection.
        let dropped = Err(ResponseError::RebalanceInProgress.into());
        answer.await.unwrap_or(dropped)
    }

    /// The member's share, once the leader has handed them out: `shares` are its word, other
    /// members send none.
    ///
    /// # Errors
    ///
    /// The member has to join anew.
    pub(crate) async fn sync(
        &self,
        name: &str,
        generation: i32,
        member: &str,
        shares: Vec<(String, Bytes)>,
    ) -> Result<Bytes, ResponseError> {
        let (sender, answer) = oneshot::channel();
        match self.all().get_mut(name) {
            Some(group) => group.sync(generation, member, shares, sender, Instant::now()),
            None => return Err(ResponseError::UnknownMemberId),
        }
        let dropped = Err(ResponseError::RebalanceInProgress);
        answer.await.unwrap_or(dropped)
    }

    /// A member's sign of life.
    ///
    /// # Errors
    ///
    /// The member has to join anew.
    pub(crate) fn heartbeat(
        &self,
        name: &str,
        generation: i32,
        member: &str,
    ) -> Result<(), ResponseError> {
        let mut groups = self.all();
        let group = groups.get_mut(name);
        let group = group.ok_or(ResponseError::UnknownMemberId)?;
        group.heartbeat(generation, member, Instant::now())
    }

    /// Takes a member out; the others go on without waiting for its timeout.
    ///
    /// # Errors
    ///
    /// There is no such member.
    pub(crate) fn leave(&self, name: &str, member: &str) -> Result<(), ResponseError> {
        let mut groups = self.all();
        let group = groups.get_mut(name);
        let group = group.ok_or(ResponseError::UnknownMemberId)?;
        group.leave(member, Instant::now())?;
        if group.is_empty() {
            groups.remove(name);
        }
        Ok(())
    }

    /// Whether this member may commit offsets now. A negative generation is a client that
    /// uses the group for its offsets alone; it may while the group has no members.
    ///
    /// # Errors
    ///
    /// It may not.
    pub(crate) fn may_commit(
        &self,
        name: &str,
        generation: i32,
        member: &str,
    ) -> Result<(), ResponseError> {
        match self.all().get_mut(name) {
            Some(group) => group.may_commit(generation, member, Instant::now()),
            None if generation < 0 => Ok(()),
            None => Err(ResponseError::IllegalGeneration),
        }
    }

    /// What there is to say of a group; `None` where it has no members.
    pub(crate) fn describe(&self, name: &str) -> Option<Description> {
        self.all().get(name).map(Group::describe)
    }

    /// The groups that have members: name, protocol type, state.
    pub(crate) fn list(&self) -> Vec<(String, String, &'static str)> {
        let listed = |(name, group): (&String, &Group)| {
            let described = group.describe();
            (name.clone(), described.protocol_type, described.state)
        };
        self.all().iter().map(listed).collect()
    }
}
