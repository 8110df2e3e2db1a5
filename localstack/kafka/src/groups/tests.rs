//! Tests of the group state machine with a paused clock.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use tokio::{
    task::{JoinHandle, yield_now},
    time::{Instant, advance},
};

use super::{Groups, Join, Joined, Refused, group::MAX_MEMBERS};

const GROUP: &str = "readers";
const SESSION: Duration = Duration::from_secs(10);
const REBALANCE: Duration = Duration::from_secs(60);

fn groups() -> Arc<Groups> {
    let groups = Arc::new(Groups::default());
    let watched = Arc::clone(&groups);
    tokio::spawn(async move { watched.watch().await });
    groups
}

fn join_request(member: &str) -> Join {
    Join {
        member: member.to_owned(),
        session: SESSION,
        rebalance: REBALANCE,
        protocol_type: "consumer".to_owned(),
        protocols: vec![("range".to_owned(), Bytes::from_static(b"topics"))],
        client: "client".to_owned(),
        ..Join::default()
    }
}

/// A join that runs in the background.
async fn joining(groups: &Arc<Groups>, join: Join) -> JoinHandle<Result<Joined, Refused>> {
    let groups = Arc::clone(groups);
    let task = tokio::spawn(async move { groups.join(GROUP, join).await });
    settle().await;
    task
}

/// Lets tasks run without advancing the clock.
async fn settle() {
    for _ in 0..8 {
        yield_now().await;
    }
}

fn assignment(member: &str, of: &'static [u8]) -> (String, Bytes) {
    (member.to_owned(), Bytes::from_static(of))
}

/// A stable group of two: the leader and the other member.
async fn two(groups: &Arc<Groups>) -> (Joined, Joined) {
    let first = groups.join(GROUP, join_request("")).await.unwrap();
    assert_eq!((first.generation, &first.leader), (1, &first.member));
    let second = joining(groups, join_request("")).await;
    assert!(!second.is_finished(), "the first has not joined again");
    let beat = groups.heartbeat(GROUP, 1, &first.member);
    assert_eq!(beat, Err(ResponseError::RebalanceInProgress));
    let first = groups
        .join(GROUP, join_request(&first.member))
        .await
        .unwrap();
    let second = second.await.unwrap().unwrap();
    assert_eq!((first.generation, second.generation), (2, 2));
    assert_eq!((first.members.len(), second.members.len()), (2, 0));
    assert_eq!(second.leader, first.member);
    let waiting = {
        let (groups, member) = (Arc::clone(groups), second.member.clone());
        tokio::spawn(async move { groups.sync(GROUP, 2, &member, Vec::new()).await })
    };
    settle().await;
    assert!(!waiting.is_finished(), "the leader has not dealt yet");
    let assignments = vec![
        assignment(&first.member, b"one"),
        assignment(&second.member, b"two"),
    ];
    let own = groups.sync(GROUP, 2, &first.member, assignments).await;
    assert_eq!(own.unwrap(), "one");
    assert_eq!(waiting.await.unwrap().unwrap(), "two");
    assert_eq!(groups.describe(GROUP).unwrap().state, "Stable");
    (first, second)
}

#[tokio::test(start_paused = true)]
async fn every_member_gets_its_assignment_from_the_leader() {
    let groups = groups();
    let (first, second) = two(&groups).await;
    for member in [&first.member, &second.member] {
        assert_eq!(groups.heartbeat(GROUP, 2, member), Ok(()));
        assert_eq!(groups.check_commit(GROUP, 2, member), Ok(()));
        let old = groups.check_commit(GROUP, 1, member);
        assert_eq!(old, Err(ResponseError::IllegalGeneration));
        let old = groups.heartbeat(GROUP, 1, member);
        assert_eq!(old, Err(ResponseError::IllegalGeneration));
    }
    let unknown = groups.heartbeat(GROUP, 2, "nobody");
    assert_eq!(unknown, Err(ResponseError::UnknownMemberId));
    let again = groups.sync(GROUP, 2, &second.member, Vec::new()).await;
    assert_eq!(again.unwrap(), "two", "asked again");
}

#[tokio::test(start_paused = true)]
async fn a_dead_member_is_replaced_after_its_session() {
    let groups = groups();
    let alone = groups.join(GROUP, join_request("")).await.unwrap();
    let assignments = vec![assignment(&alone.member, b"all")];
    groups
        .sync(GROUP, 1, &alone.member, assignments)
        .await
        .unwrap();
    // It is killed, and its replacement joins at once.
    let begun = Instant::now();
    let next = joining(&groups, join_request("")).await;
    let next = next.await.unwrap().unwrap();
    assert!(begun.elapsed() >= SESSION, "{:?}", begun.elapsed());
    assert!(begun.elapsed() < SESSION + Duration::from_millis(200));
    assert_eq!(next.generation, 2);
    assert_eq!(next.leader, next.member, "no other member can lead");
    assert_eq!(next.members.len(), 1);
    let assignments = vec![assignment(&next.member, b"all")];
    let all = groups.sync(GROUP, 2, &next.member, assignments).await;
    assert_eq!(all.unwrap(), "all");
    let ghost = groups.heartbeat(GROUP, 1, &alone.member);
    assert_eq!(ghost, Err(ResponseError::UnknownMemberId));
    let ghost = groups.check_commit(GROUP, 1, &alone.member);
    assert_eq!(ghost, Err(ResponseError::UnknownMemberId));
}

#[tokio::test(start_paused = true)]
async fn the_others_rebalance_when_a_member_expires() {
    let groups = groups();
    let (leader, other) = two(&groups).await;
    for _ in 0..4 {
        advance(SESSION / 3).await;
        settle().await;
        if groups.heartbeat(GROUP, 2, &other.member).is_err() {
            break;
        }
    }
    let heartbeat = groups.heartbeat(GROUP, 2, &other.member);
    assert_eq!(heartbeat, Err(ResponseError::RebalanceInProgress));
    let missed = groups.heartbeat(GROUP, 2, &leader.member);
    assert_eq!(missed, Err(ResponseError::UnknownMemberId));
    let alone = groups
        .join(GROUP, join_request(&other.member))
        .await
        .unwrap();
    assert_eq!((alone.generation, &alone.leader), (3, &other.member));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_dies_before_assigning_is_replaced() {
    let groups = groups();
    let first = groups.join(GROUP, join_request("")).await.unwrap();
    let second = joining(&groups, join_request("")).await;
    groups
        .join(GROUP, join_request(&first.member))
        .await
        .unwrap();
    let second = second.await.unwrap().unwrap();
    let begun = Instant::now();
    let refused = groups.sync(GROUP, 2, &second.member, Vec::new()).await;
    assert_eq!(refused, Err(ResponseError::RebalanceInProgress));
    assert!(begun.elapsed() >= SESSION);
    let next = groups
        .join(GROUP, join_request(&second.member))
        .await
        .unwrap();
    assert_eq!((next.generation, &next.leader), (3, &second.member));
}

#[tokio::test(start_paused = true)]
async fn a_member_that_does_not_rejoin_in_time_is_removed() {
    let groups = groups();
    let (first, second) = two(&groups).await;
    let third = joining(&groups, join_request("")).await;
    let again = joining(&groups, join_request(&second.member)).await;
    // The first sends heartbeats, but doesn't join.
    let begun = Instant::now();
    while groups.heartbeat(GROUP, 2, &first.member) == Err(ResponseError::RebalanceInProgress) {
        advance(SESSION / 5).await;
        settle().await;
        assert!(begun.elapsed() < REBALANCE * 2, "for ever");
    }
    assert!(begun.elapsed() >= REBALANCE);
    let (third, again) = (third.await.unwrap().unwrap(), again.await.unwrap().unwrap());
    assert_eq!((third.generation, again.generation), (3, 3));
    assert_eq!(third.leader, again.member, "the oldest that is left");
    let late = groups
        .join(GROUP, join_request(&first.member))
        .await
        .unwrap_err();
    assert_eq!(late.error, ResponseError::UnknownMemberId);
}

#[tokio::test(start_paused = true)]
async fn a_connection_lost_while_joining_does_not_delay_others_for_long() {
    let groups = groups();
    let (first, second) = two(&groups).await;
    let gone = joining(&groups, join_request(&second.member)).await;
    gone.abort();
    settle().await;
    let begun = Instant::now();
    let alone = groups
        .join(GROUP, join_request(&first.member))
        .await
        .unwrap();
    assert_eq!((alone.generation, alone.members.len()), (3, 1));
    assert!(begun.elapsed() <= SESSION + Duration::from_millis(200));
}

#[tokio::test(start_paused = true)]
async fn leaving_takes_effect_at_once() {
    let groups = groups();
    let (first, second) = two(&groups).await;
    let begun = Instant::now();
    assert_eq!(groups.leave(GROUP, &first.member), Ok(()));
    let twice = groups.leave(GROUP, &first.member);
    assert_eq!(twice, Err(ResponseError::UnknownMemberId));
    let alone = groups
        .join(GROUP, join_request(&second.member))
        .await
        .unwrap();
    assert_eq!((alone.generation, &alone.leader), (3, &second.member));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(groups.leave(GROUP, &second.member), Ok(()));
    assert!(groups.describe(GROUP).is_none());
    // The group is empty, so a client that isn't a member may commit.
    assert_eq!(groups.check_commit(GROUP, -1, ""), Ok(()));
    let past = groups.check_commit(GROUP, 3, &second.member);
    assert_eq!(past, Err(ResponseError::IllegalGeneration));
}

#[tokio::test(start_paused = true)]
async fn a_new_member_gets_an_id_first_which_expires() {
    let groups = groups();
    let first = Join {
        needs_id: true,
        ..join_request("")
    };
    let refused = groups.join(GROUP, first.clone()).await.unwrap_err();
    assert_eq!(refused.error, ResponseError::MemberIdRequired);
    let ghost = groups.join(GROUP, first).await.unwrap_err();
    assert_ne!(ghost.member, refused.member);
    let begun = Instant::now();
    let joined = groups
        .join(GROUP, join_request(&refused.member))
        .await
        .unwrap();
    assert_eq!(joined.member, refused.member);
    assert!(begun.elapsed() >= SESSION, "the ghost might have come");
    let late = groups
        .join(GROUP, join_request(&ghost.member))
        .await
        .unwrap_err();
    assert_eq!(late.error, ResponseError::UnknownMemberId);
}

#[tokio::test(start_paused = true)]
async fn commits_are_refused_while_partitions_are_assigned() {
    let groups = groups();
    let alone = groups.join(GROUP, join_request("")).await.unwrap();
    let early = groups.check_commit(GROUP, 1, &alone.member);
    assert_eq!(early, Err(ResponseError::RebalanceInProgress));
    groups
        .sync(GROUP, 1, &alone.member, Vec::new())
        .await
        .unwrap();
    assert_eq!(groups.check_commit(GROUP, 1, &alone.member), Ok(()));
    let outside = groups.check_commit(GROUP, -1, "");
    assert_eq!(outside, Err(ResponseError::UnknownMemberId));
}

#[tokio::test(start_paused = true)]
async fn incompatible_members_are_refused() {
    let groups = groups();
    groups.join(GROUP, join_request("")).await.unwrap();
    let refusal = async |join| groups.join(GROUP, join).await.unwrap_err().error;
    let other = Join {
        protocols: vec![("sticky".to_owned(), Bytes::new())],
        ..join_request("")
    };
    assert_eq!(
        refusal(other).await,
        ResponseError::InconsistentGroupProtocol
    );
    let other = Join {
        protocol_type: "connect".to_owned(),
        ..join_request("")
    };
    assert_eq!(
        refusal(other).await,
        ResponseError::InconsistentGroupProtocol
    );
    let none = Join {
        protocols: Vec::new(),
        ..join_request("")
    };
    assert_eq!(
        refusal(none).await,
        ResponseError::InconsistentGroupProtocol
    );
    let hasty = Join {
        session: Duration::from_millis(1),
        ..join_request("")
    };
    assert_eq!(refusal(hasty).await, ResponseError::InvalidSessionTimeout);
    let stranger = join_request("stranger");
    assert_eq!(refusal(stranger).await, ResponseError::UnknownMemberId);
}

#[tokio::test(start_paused = true)]
async fn the_number_of_members_is_limited() {
    let groups = groups();
    for _ in 0..MAX_MEMBERS {
        let newcomer = Join {
            needs_id: true,
            ..join_request("")
        };
        let refused = groups.join(GROUP, newcomer).await.unwrap_err();
        assert_eq!(refused.error, ResponseError::MemberIdRequired);
    }
    let one_more = groups.join(GROUP, join_request("")).await.unwrap_err();
    assert_eq!(one_more.error, ResponseError::GroupMaxSizeReached);
    // None of them joined, so there is room again.
    advance(SESSION).await;
    settle().await;
    groups.join(GROUP, join_request("")).await.unwrap();
}
