//! One consumer group as a state machine. Every call passes the current time, and replies that
//! have to wait are sent through channels.
//!
//! A rebalance begins when a member joins, leaves, changes its protocols or expires. All
//! members join ([`Phase::Joining`]), which starts a new generation with a leader. The leader
//! sends every member's assignment ([`Phase::Assigning`]). Members send heartbeats until the
//! next rebalance ([`Phase::Stable`]). This follows Kafka's `GroupCoordinator` (3.x), without
//! static members.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use tokio::{sync::oneshot, time::Instant};
use uuid::Uuid;

/// Maximum number of members of a group.
pub(super) const MAX_MEMBERS: usize = 64;

/// Allowed session timeouts. Kafka's defaults are 6 s to 30 min; tests need shorter ones.
const SESSION: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(500)..=Duration::from_secs(30 * 60);

/// Maximum rebalance timeout.
const MAX_REBALANCE: Duration = Duration::from_secs(30 * 60);

/// The name of an assignment strategy, and the member's metadata for it.
pub(crate) type Protocol = (String, Bytes);

/// A request to join the group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Join {
    /// The member's id; empty if it has none yet.
    pub(crate) member: String,
    /// Whether a new member first gets an id and then joins with it (KIP-394), so that a lost
    /// reply leaves no stale member behind.
    pub(crate) needs_id: bool,
    /// The session timeout: the member expires after this time without a request.
    pub(crate) session: Duration,
    /// The rebalance timeout: time allowed for rejoining.
    pub(crate) rebalance: Duration,
    pub(crate) protocol_type: String,
    /// In order of preference.
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) client: String,
    pub(crate) host: String,
}

/// The reply to a member that has joined a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Joined {
    pub(crate) generation: i32,
    pub(crate) protocol: String,
    pub(crate) leader: String,
    pub(crate) member: String,
    /// All members with their metadata; only the leader gets them.
    pub(crate) members: Vec<(String, Bytes)>,
}

/// Why a member was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) error: ResponseError,
    /// The id to join with, if the member needs one first.
    pub(crate) member: String,
}

impl From<ResponseError> for Refused {
    fn from(error: ResponseError) -> Self {
        Self {
            error,
            member: String::new(),
        }
    }
}

/// A description of a group.
#[derive(Debug)]
pub(crate) struct Description {
    /// Kafka's name for the phase.
    pub(crate) state: &'static str,
    pub(crate) protocol_type: String,
    pub(crate) protocol: String,
    pub(crate) members: Vec<MemberDescription>,
}

/// A description of a member.
#[derive(Debug)]
pub(crate) struct MemberDescription {
    pub(crate) id: String,
    pub(crate) client: String,
    pub(crate) host: String,
    pub(crate) metadata: Bytes,
    pub(crate) assignment: Bytes,
}

type JoinReply = oneshot::Sender<Result<Joined, Refused>>;
type SyncReply = oneshot::Sender<Result<Bytes, ResponseError>>;

#[derive(Debug)]
struct Member {
    id: String,
    join: Join,
    assignment: Bytes,
    expires_at: Instant,
    joining: Option<JoinReply>,
    syncing: Option<SyncReply>,
}

impl Member {
    fn renew(&mut self, now: Instant) {
        self.expires_at = now + self.join.session;
    }

    /// Whether it has joined, and its connection is still open.
    fn has_joined(&self) -> bool {
        waits(self.joining.as_ref())
    }

    fn waits(&self) -> bool {
        self.has_joined() || waits(self.syncing.as_ref())
    }

    fn metadata(&self, protocol: &str) -> Bytes {
        let known = self
            .join
            .protocols
            .iter()
            .find(|(name, _)| name == protocol);
        known
            .map(|(_, metadata)| metadata.clone())
            .unwrap_or_default()
    }
}

fn waits<T>(reply: Option<&oneshot::Sender<T>>) -> bool {
    reply.is_some_and(|reply| !reply.is_closed())
}

/// Sends a reply; the client may have disconnected.
fn send<T>(reply: oneshot::Sender<T>, what: T) {
    let _ = reply.send(what);
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// There are no members.
    #[default]
    Empty,
    /// Members join until the deadline; those that don't are removed.
    Joining { until: Instant },
    /// Members ask for their assignments, which the leader sends; those that haven't asked by
    /// the deadline are removed.
    Assigning { until: Instant },
    /// Every member has its assignment.
    Stable,
}

/// One consumer group.
#[derive(Debug, Default)]
pub(crate) struct Group {
    phase: Phase,
    generation: i32,
    protocol_type: String,
    protocol: String,
    leader: String,
    /// In order of arrival.
    members: Vec<Member>,
    /// Ids given to new members that haven't joined yet, with their expiry.
    expected: Vec<(String, Instant)>,
}

impl Group {
    /// Whether the group can be removed.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.expected.is_empty()
    }

    pub(crate) fn join(&mut self, join: Join, reply: JoinReply, now: Instant) {
        if let Err(error) = self.acceptable(&join) {
            return send(reply, Err(error.into()));
        }
        if join.member.is_empty() {
            let id = format!("{}-{}", join.client, Uuid::new_v4());
            if join.needs_id {
                self.expected.push((id.clone(), now + join.session));
                let error = ResponseError::MemberIdRequired;
                return send(reply, Err(Refused { error, member: id }));
            }
            return self.add(id, join, reply, now);
        }
        if let Some(place) = self.expected.iter().position(|(id, _)| *id == join.member) {
            self.expected.remove(place);
            return self.add(join.member.clone(), join, reply, now);
        }
        let Some(place) = self.place(&join.member) else {
            return send(reply, Err(ResponseError::UnknownMemberId.into()));
        };
        let leads = join.member == self.leader;
        let member = &mut self.members[place];
        let same = member.join.protocols == join.protocols;
        member.join = join;
        member.renew(now);
        match self.phase {
            // A retry after a lost reply.
            Phase::Assigning { .. } if same => send(reply, Ok(self.joined(place))),
            Phase::Stable if same && !leads => send(reply, Ok(self.joined(place))),
            _ => {
                member.joining = Some(reply);
                self.begin_rebalance(now);
            }
        }
    }

    fn acceptable(&self, join: &Join) -> Result<(), ResponseError> {
        if !SESSION.contains(&join.session) {
            return Err(ResponseError::InvalidSessionTimeout);
        }
        let others = || self.members.iter().filter(|other| other.id != join.member);
        let shared = join
            .protocols
            .iter()
            .any(|(name, _)| others().all(|other| supports(other, name)));
        let other_type = others().next().is_some() && join.protocol_type != self.protocol_type;
        if !shared || other_type {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        if join.member.is_empty() && self.members.len() + self.expected.len() >= MAX_MEMBERS {
            return Err(ResponseError::GroupMaxSizeReached);
        }
        Ok(())
    }

    fn add(&mut self, id: String, join: Join, reply: JoinReply, now: Instant) {
        if self.members.is_empty() {
            self.protocol_type.clone_from(&join.protocol_type);
        }
        self.members.push(Member {
            id,
            expires_at: now + join.session,
            join,
            assignment: Bytes::new(),
            joining: Some(reply),
            syncing: None,
        });
        self.begin_rebalance(now);
    }

    fn place(&self, id: &str) -> Option<usize> {
        self.members.iter().position(|member| member.id == id)
    }

    /// A member of the current generation.
    fn member(&mut self, generation: i32, id: &str) -> Result<&mut Member, ResponseError> {
        let place = self.place(id).ok_or(ResponseError::UnknownMemberId)?;
        if generation != self.generation {
            return Err(ResponseError::IllegalGeneration);
        }
        Ok(&mut self.members[place])
    }

    /// The longest rebalance timeout of all members.
    fn rebalance_timeout(&self) -> Duration {
        let longest = self
            .members
            .iter()
            .map(|member| member.join.rebalance)
            .max();
        longest.unwrap_or_default().min(MAX_REBALANCE)
    }

    /// Makes all members join again, unless a rebalance is under way.
    fn begin_rebalance(&mut self, now: Instant) {
        if !matches!(self.phase, Phase::Joining { .. }) {
            for member in &mut self.members {
                member.assignment.clear();
                if let Some(reply) = member.syncing.take() {
                    send(reply, Err(ResponseError::RebalanceInProgress));
                }
            }
            let until = now + self.rebalance_timeout();
            self.phase = Phase::Joining { until };
        }
        self.end_rebalance_if_complete(now);
    }

    fn end_rebalance_if_complete(&mut self, now: Instant) {
        if self.expected.is_empty() && self.members.iter().all(Member::has_joined) {
            self.end_rebalance(now);
        }
    }

    /// Makes a new generation of those who have joined.
    fn end_rebalance(&mut self, now: Instant) {
        self.members.retain(Member::has_joined);
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        let Some(first) = self.members.first() else {
            self.phase = Phase::Empty;
            self.leader.clear();
            self.protocol.clear();
            return;
        };
        if self.place(&self.leader).is_none() {
            self.leader.clone_from(&first.id);
        }
        self.protocol = self.choose();
        let until = now + self.rebalance_timeout();
        self.phase = Phase::Assigning { until };
        for place in 0..self.members.len() {
            let joined = self.joined(place);
            let member = &mut self.members[place];
            member.renew(now);
            if let Some(reply) = member.joining.take() {
                send(reply, Ok(joined));
            }
        }
    }

    /// The most preferred of the protocols that all members support.
    fn choose(&self) -> String {
        let known_to_all = |name: &str| self.members.iter().all(|member| supports(member, name));
        let mut votes: Vec<(&str, usize)> = Vec::new();
        for member in &self.members {
            let mut names = member.join.protocols.iter().map(|(name, _)| &**name);
            let Some(choice) = names.find(|name| known_to_all(name)) else {
                continue;
            };
            match votes.iter_mut().find(|(name, _)| *name == choice) {
                Some((_, count)) => *count += 1,
                None => votes.push((choice, 1)),
            }
        }
        let most = votes.iter().max_by_key(|(_, count)| count);
        most.map(|(name, _)| (*name).to_owned()).unwrap_or_default()
    }

    fn joined(&self, place: usize) -> Joined {
        let id = &self.members[place].id;
        let metadata = |member: &Member| (member.id.clone(), member.metadata(&self.protocol));
        Joined {
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            member: id.clone(),
            members: if *id == self.leader {
                self.members.iter().map(metadata).collect()
            } else {
                Vec::new()
            },
        }
    }

    pub(crate) fn sync(
        &mut self,
        generation: i32,
        id: &str,
        assignments: Vec<(String, Bytes)>,
        reply: SyncReply,
        now: Instant,
    ) {
        let (phase, leads) = (self.phase, self.leader == id);
        let member = match self.member(generation, id) {
            Ok(member) => member,
            Err(error) => return send(reply, Err(error)),
        };
        member.renew(now);
        match phase {
            Phase::Empty | Phase::Joining { .. } => {
                send(reply, Err(ResponseError::RebalanceInProgress));
            }
            Phase::Stable => send(reply, Ok(member.assignment.clone())),
            Phase::Assigning { .. } => {
                member.syncing = Some(reply);
                if leads {
                    self.assign(assignments, now);
                }
            }
        }
    }

    fn assign(&mut self, mut assignments: Vec<(String, Bytes)>, now: Instant) {
        for member in &mut self.members {
            if let Some(place) = assignments.iter().position(|(id, _)| *id == member.id) {
                member.assignment = assignments.swap_remove(place).1;
            }
            if let Some(reply) = member.syncing.take() {
                member.renew(now);
                send(reply, Ok(member.assignment.clone()));
            }
        }
        self.phase = Phase::Stable;
    }

    pub(crate) fn heartbeat(
        &mut self,
        generation: i32,
        id: &str,
        now: Instant,
    ) -> Result<(), ResponseError> {
        let phase = self.phase;
        self.member(generation, id)?.renew(now);
        match phase {
            Phase::Joining { .. } => Err(ResponseError::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    pub(crate) fn leave(&mut self, id: &str, now: Instant) -> Result<(), ResponseError> {
        if let Some(place) = self.expected.iter().position(|(known, _)| known == id) {
            self.expected.remove(place);
        } else {
            let place = self.place(id).ok_or(ResponseError::UnknownMemberId)?;
            let member = self.members.remove(place);
            if let Some(reply) = member.joining {
                send(reply, Err(ResponseError::UnknownMemberId.into()));
            }
            if let Some(reply) = member.syncing {
                send(reply, Err(ResponseError::UnknownMemberId));
            }
            self.begin_rebalance(now);
        }
        self.advance(now);
        Ok(())
    }

    pub(crate) fn check_commit(
        &mut self,
        generation: i32,
        id: &str,
        now: Instant,
    ) -> Result<(), ResponseError> {
        if generation < 0 && self.members.is_empty() {
            return Ok(());
        }
        let phase = self.phase;
        self.member(generation, id)?.renew(now);
        match phase {
            // Its partitions may belong to another member by now.
            Phase::Assigning { .. } => Err(ResponseError::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    /// Removes members whose session has expired, and ends waits whose deadline has passed.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.expected.retain(|(_, until)| *until > now);
        let before = self.members.len();
        self.members
            .retain(|member| member.waits() || member.expires_at > now);
        if self.members.len() < before {
            self.begin_rebalance(now);
        }
        self.advance(now);
    }

    /// Moves to the next phase if the deadline has passed or every member has joined.
    fn advance(&mut self, now: Instant) {
        match self.phase {
            Phase::Joining { until } if now >= until => self.end_rebalance(now),
            Phase::Joining { .. } => self.end_rebalance_if_complete(now),
            Phase::Assigning { until } if now >= until => {
                self.members.retain(|member| waits(member.syncing.as_ref()));
                self.begin_rebalance(now);
            }
            Phase::Assigning { .. } | Phase::Stable | Phase::Empty => {}
        }
    }

    pub(crate) fn describe(&self) -> Description {
        let described = |member: &Member| MemberDescription {
            id: member.id.clone(),
            client: member.join.client.clone(),
            host: member.join.host.clone(),
            metadata: member.metadata(&self.protocol),
            assignment: member.assignment.clone(),
        };
        Description {
            state: match self.phase {
                Phase::Empty => "Empty",
                Phase::Joining { .. } => "PreparingRebalance",
                Phase::Assigning { .. } => "CompletingRebalance",
                Phase::Stable => "Stable",
            },
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            members: self.members.iter().map(described).collect(),
        }
    }
}

fn supports(member: &Member, protocol: &str) -> bool {
    let mut known = member.join.protocols.iter();
    known.any(|(name, _)| name == protocol)
}
