//! One consumer group, as a state machine: every message brings the time with it, and
//! answers that have to wait are sent later.
//!
//! A round begins when a member comes, leaves, changes or is missed. All members join
//! ([`Phase::Joining`]), which makes a new generation with a leader; the leader sends each
//! member's share ([`Phase::Sharing`]); until the next round members send heartbeats
//! ([`Phase::Stable`]). Follows Kafka's `GroupCoordinator` (3.x), without static members.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use tokio::{sync::oneshot, time::Instant};
use uuid::Uuid;

/// Members of one group, at most.
pub(super) const MAX_MEMBERS: usize = 64;

/// Shortest and longest session that a member may ask for. Kafka's own bounds are 6 s and
/// 30 min, and its configuration can move them.
const SESSION: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(500)..=Duration::from_secs(30 * 60);

/// Longest wait for the members to join again, whatever they ask for.
const MAX_REBALANCE: Duration = Duration::from_secs(30 * 60);

/// A way to share partitions that a member knows, and what it says under it.
pub(crate) type Protocol = (String, Bytes);

/// A member's wish to be in the group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Join {
    /// Empty at first; then what the group called it.
    pub(crate) member: String,
    /// Whether a newcomer gets its id first and joins with it then (KIP-394), so that one
    /// that never sees the answer leaves no ghost behind.
    pub(crate) id_first: bool,
    /// Missed after this time without a sign of life.
    pub(crate) session: Duration,
    /// How long it may take to join again.
    pub(crate) rebalance: Duration,
    pub(crate) protocol_type: String,
    /// Best first.
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) client: String,
    pub(crate) host: String,
}

/// A place in a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Joined {
    pub(crate) generation: i32,
    pub(crate) protocol: String,
    pub(crate) leader: String,
    pub(crate) member: String,
    /// All members and what each says, for the leader; for the others none.
    pub(crate) members: Vec<(String, Bytes)>,
}

/// Why a member is not in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) error: ResponseError,
    /// What it is to call itself, where it was to have an id first.
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

/// What there is to say of a group.
#[derive(Debug)]
pub(crate) struct Description {
    /// Kafka's word for the phase.
    pub(crate) state: &'static str,
    pub(crate) protocol_type: String,
    pub(crate) protocol: String,
    pub(crate) members: Vec<MemberDescription>,
}

/// What there is to say of a member.
#[derive(Debug)]
pub(crate) struct MemberDescription {
    pub(crate) id: String,
    pub(crate) client: String,
    pub(crate) host: String,
    pub(crate) metadata: Bytes,
    pub(crate) share: Bytes,
}

type JoinAnswer = oneshot::Sender<Result<Joined, Refused>>;
type SyncAnswer = oneshot::Sender<Result<Bytes, ResponseError>>;

#[derive(Debug)]
struct Member {
    id: String,
    wish: Join,
    share: Bytes,
    missed_at: Instant,
    joining: Option<JoinAnswer>,
    syncing: Option<SyncAnswer>,
}

impl Member {
    fn alive(&mut self, now: Instant) {
        self.missed_at = now + self.wish.session;
    }

    /// Whether it waits for the round, at the other end of a connection that still stands.
    fn has_joined(&self) -> bool {
        waits(self.joining.as_ref())
    }

    fn waits(&self) -> bool {
        self.has_joined() || waits(self.syncing.as_ref())
    }

    fn metadata(&self, protocol: &str) -> Bytes {
        let known = self
            .wish
            .protocols
            .iter()
            .find(|(name, _)| name == protocol);
        known.map(|(_, said)| said.clone()).unwrap_or_default()
    }
}

fn waits<T>(answer: Option<&oneshot::Sender<T>>) -> bool {
    answer.is_some_and(|answer| !answer.is_closed())
}

/// Whoever asked may have gone meanwhile, and needs no answer then.
fn send<T>(answer: oneshot::Sender<T>, what: T) {
    let _ = answer.send(what);
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Nobody is in.
    #[default]
    Empty,
    /// Members join; who has not by then is out.
    Joining { until: Instant },
    /// The leader is asked for the shares; who has not asked for its share by then is out.
    Sharing { until: Instant },
    /// Each has its share.
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
    /// In the order in which they came.
    members: Vec<Member>,
    /// Newcomers that were given an id, and until when they may join with it.
    expected: Vec<(String, Instant)>,
}

impl Group {
    /// Whether there is nothing to remember.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.expected.is_empty()
    }

    pub(crate) fn join(&mut self, join: Join, answer: JoinAnswer, now: Instant) {
        if let Err(error) = self.acceptable(&join) {
            return send(answer, Err(error.into()));
        }
        if join.member.is_empty() {
            let id = format!("{}-{}", join.client, Uuid::new_v4());
            if join.id_first {
                self.expected.push((id.clone(), now + join.session));
                let error = ResponseError::MemberIdRequired;
                return send(answer, Err(Refused { error, member: id }));
            }
            return self.admit(id, join, answer, now);
        }
        if let Some(place) = self.expected.iter().position(|(id, _)| *id == join.member) {
            self.expected.remove(place);
            return self.admit(join.member.clone(), join, answer, now);
        }
        let Some(place) = self.place(&join.member) else {
            return send(answer, Err(ResponseError::UnknownMemberId.into()));
        };
        let leads = join.member == self.leader;
        let member = &mut self.members[place];
        let same = member.wish.protocols == join.protocols;
        member.wish = join;
        member.alive(now);
        match self.phase {
            // It did not hear the answer to its last join, and asks again.
            Phase::Sharing { .. } if same => send(answer, Ok(self.joined(place))),
            Phase::Stable if same && !leads => send(answer, Ok(self.joined(place))),
            _ => {
                member.joining = Some(answer);
                self.begin_round(now);
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
            .any(|(name, _)| others().all(|other| knows(other, name)));
        let other_type = others().next().is_some() && join.protocol_type != self.protocol_type;
        if !shared || other_type {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        if join.member.is_empty() && self.members.len() + self.expected.len() >= MAX_MEMBERS {
            return Err(ResponseError::GroupMaxSizeReached);
        }
        Ok(())
    }

    fn admit(&mut self, id: String, join: Join, answer: JoinAnswer, now: Instant) {
        if self.members.is_empty() {
            self.protocol_type.clone_from(&join.protocol_type);
        }
        self.members.push(Member {
            id,
            missed_at: now + join.session,
            wish: join,
            share: Bytes::new(),
            joining: Some(answer),
            syncing: None,
        });
        self.begin_round(now);
    }

    fn place(&self, id: &str) -> Option<usize> {
        self.members.iter().position(|member| member.id == id)
    }

    /// The member of this generation.
    fn member(&mut self, generation: i32, id: &str) -> Result<&mut Member, ResponseError> {
        let place = self.place(id).ok_or(ResponseError::UnknownMemberId)?;
        if generation != self.generation {
            return Err(ResponseError::IllegalGeneration);
        }
        Ok(&mut self.members[place])
    }

    /// The longest that any member may take to join again.
    fn patience(&self) -> Duration {
        let longest = self
            .members
            .iter()
            .map(|member| member.wish.rebalance)
            .max();
        longest.unwrap_or_default().min(MAX_REBALANCE)
    }

    /// Has all members join again, unless they are asked to already.
    fn begin_round(&mut self, now: Instant) {
        if !matches!(self.phase, Phase::Joining { .. }) {
            for member in &mut self.members {
                member.share.clear();
                if let Some(answer) = member.syncing.take() {
                    send(answer, Err(ResponseError::RebalanceInProgress));
                }
            }
            let until = now + self.patience();
            self.phase = Phase::Joining { until };
        }
        self.end_round_if_complete(now);
    }

    fn end_round_if_complete(&mut self, now: Instant) {
        if self.expected.is_empty() && self.members.iter().all(Member::has_joined) {
            self.end_round(now);
        }
    }

    /// Makes a new generation of those who have joined.
    fn end_round(&mut self, now: Instant) {
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
        let until = now + self.patience();
        self.phase = Phase::Sharing { until };
        for place in 0..self.members.len() {
            let joined = self.joined(place);
            let member = &mut self.members[place];
            member.alive(now);
            if let Some(answer) = member.joining.take() {
                send(answer, Ok(joined));
            }
        }
    }

    /// The protocol that most members like best, of those that all know.
    fn choose(&self) -> String {
        let known_to_all = |name: &str| self.members.iter().all(|member| knows(member, name));
        let mut votes: Vec<(&str, usize)> = Vec::new();
        for member in &self.members {
            let mut names = member.wish.protocols.iter().map(|(name, _)| &**name);
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
        let said = |member: &Member| (member.id.clone(), member.metadata(&self.protocol));
        Joined {
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            member: id.clone(),
            members: if *id == self.leader {
                self.members.iter().map(said).collect()
            } else {
                Vec::new()
            },
        }
    }

    pub(crate) fn sync(
        &mut self,
        generation: i32,
        id: &str,
        shares: Vec<(String, Bytes)>,
        answer: SyncAnswer,
        now: Instant,
    ) {
        let (phase, leads) = (self.phase, self.leader == id);
        let member = match self.member(generation, id) {
            Ok(member) => member,
            Err(error) => return send(answer, Err(error)),
        };
        member.alive(now);
        match phase {
            Phase::Empty | Phase::Joining { .. } => {
                send(answer, Err(ResponseError::RebalanceInProgress));
            }
            Phase::Stable => send(answer, Ok(member.share.clone())),
            Phase::Sharing { .. } => {
                member.syncing = Some(answer);
                if leads {
                    self.hand_out(shares, now);
                }
            }
        }
    }

    fn hand_out(&mut self, mut shares: Vec<(String, Bytes)>, now: Instant) {
        for member in &mut self.members {
            if let Some(place) = shares.iter().position(|(id, _)| *id == member.id) {
                member.share = shares.swap_remove(place).1;
            }
            if let Some(answer) = member.syncing.take() {
                member.alive(now);
                send(answer, Ok(member.share.clone()));
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
        self.member(generation, id)?.alive(now);
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
            if let Some(answer) = member.joining {
                send(answer, Err(ResponseError::UnknownMemberId.into()));
            }
            if let Some(answer) = member.syncing {
                send(answer, Err(ResponseError::UnknownMemberId));
            }
            self.begin_round(now);
        }
        self.look(now);
        Ok(())
    }

    pub(crate) fn may_commit(
        &mut self,
        generation: i32,
        id: &str,
        now: Instant,
    ) -> Result<(), ResponseError> {
        if generation < 0 && self.members.is_empty() {
            return Ok(());
        }
        let phase = self.phase;
        self.member(generation, id)?.alive(now);
        match phase {
            // The shares are being dealt anew: what it read may be another's by now.
            Phase::Sharing { .. } => Err(ResponseError::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    /// Misses who gave no sign of life, and ends waits that were long enough.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.expected.retain(|(_, until)| *until > now);
        let before = self.members.len();
        self.members
            .retain(|member| member.waits() || member.missed_at > now);
        if self.members.len() < before {
            self.begin_round(now);
        }
        self.look(now);
    }

    /// What time, or somebody's leaving, may have brought about.
    fn look(&mut self, now: Instant) {
        match self.phase {
            Phase::Joining { until } if now >= until => self.end_round(now),
            Phase::Joining { .. } => self.end_round_if_complete(now),
            Phase::Sharing { until } if now >= until => {
                self.members.retain(|member| waits(member.syncing.as_ref()));
                self.begin_round(now);
            }
            Phase::Sharing { .. } | Phase::Stable | Phase::Empty => {}
        }
    }

    pub(crate) fn describe(&self) -> Description {
        let described = |member: &Member| MemberDescription {
            id: member.id.clone(),
            client: member.wish.client.clone(),
            host: member.wish.host.clone(),
            metadata: member.metadata(&self.protocol),
            share: member.share.clone(),
        };
        Description {
            state: match self.phase {
                Phase::Empty => "Empty",
                Phase::Joining { .. } => "PreparingRebalance",
                Phase::Sharing { .. } => "CompletingRebalance",
                Phase::Stable => "Stable",
            },
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            members: self.members.iter().map(described).collect(),
        }
    }
}

fn knows(member: &Member, protocol: &str) -> bool {
    let mut known = member.wish.protocols.iter();
    known.any(|(name, _)| name == protocol)
}
