//! Consumer groups (Kafka's classic protocol).
//!
//! Groups are kept in memory only: after a restart, members get `UNKNOWN_MEMBER_ID` and join
//! again. Committed offsets are on disk.

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

/// How often timeouts are checked.
const TICK: Duration = Duration::from_millis(100);

/// Maximum number of groups with members.
const MAX_GROUPS: usize = 1000;

/// All groups that have members.
#[derive(Debug, Default)]
pub(crate) struct Groups(Mutex<BTreeMap<String, Group>>);

impl Groups {
    /// Checks timeouts forever.
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

    /// Joins a member; replies when all members have joined.
    ///
    /// # Errors
    ///
    /// See [`Refused`].
    pub(crate) async fn join(&self, name: &str, join: Join) -> Result<Joined, Refused> {
        let (sender, reply) = oneshot::channel();
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
        // The sender is dropped if the member joins again over another connection.
        let dropped = Err(ResponseError::RebalanceInProgress.into());
        reply.await.unwrap_or(dropped)
    }

    /// A member's assignment, once the leader has sent `assignments`; other members send none.
    ///
    /// # Errors
    ///
    /// The member has to join again.
    pub(crate) async fn sync(
        &self,
        name: &str,
        generation: i32,
        member: &str,
        assignments: Vec<(String, Bytes)>,
    ) -> Result<Bytes, ResponseError> {
        let (sender, reply) = oneshot::channel();
        match self.all().get_mut(name) {
            Some(group) => group.sync(generation, member, assignments, sender, Instant::now()),
            None => return Err(ResponseError::UnknownMemberId),
        }
        let dropped = Err(ResponseError::RebalanceInProgress);
        reply.await.unwrap_or(dropped)
    }

    /// Renews a member's session.
    ///
    /// # Errors
    ///
    /// The member has to join again.
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

    /// Removes a member at once.
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

    /// Checks whether a member may commit offsets now. A negative generation is a client that
    /// only stores offsets, which it may while the group has no members.
    ///
    /// # Errors
    ///
    /// The member may not commit.
    pub(crate) fn check_commit(
        &self,
        name: &str,
        generation: i32,
        member: &str,
    ) -> Result<(), ResponseError> {
        match self.all().get_mut(name) {
            Some(group) => group.check_commit(generation, member, Instant::now()),
            None if generation < 0 => Ok(()),
            None => Err(ResponseError::IllegalGeneration),
        }
    }

    /// A description of a group; `None` if it has no members.
    pub(crate) fn describe(&self, name: &str) -> Option<Description> {
        self.all().get(name).map(Group::describe)
    }

    /// Name, protocol type and state of every group with members.
    pub(crate) fn list(&self) -> Vec<(String, String, &'static str)> {
        let listed = |(name, group): (&String, &Group)| {
            let described = group.describe();
            (name.clone(), described.protocol_type, described.state)
        };
        self.all().iter().map(listed).collect()
    }
}
