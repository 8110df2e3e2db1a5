//! The groups' rules, on a clock that stands still until everybody waits.

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

fn wish(member: &str) -> Join {
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

/// A join that goes on beside the test.
async fn joining(groups: &Arc<Groups>, join: Join) -> JoinHandle<Result<Joined, Refused>> {
    let groups = Arc::clone(groups);
    let task = tokio::spawn(async move { groups.join(GROUP, join).await });
    settle().await;
    task
}

/// Lets everything happen that needs no time.
async fn settle() {
    for _ in 0..8 {
        yield_now().await;
    }
}

fn share(member: &str, of: &'static [u8]) -> (String, Bytes) {
    (member.to_owned(), Bytes::from_static(of))
}

/// Two members in a stable group: the leader's place, and the other's.
async fn two(groups: &Arc<Groups>) -> (Joined, Joined) {
    let first = groups.join(GROUP, wish("")).await.unwrap();
    assert_eq!((first.generation, &first.leader), (1, &first.member));
    let second = joining(groups, wish("")).await;
    assert!(!second.is_finished(), "the first has not joined again");
    let beat = groups.heartbeat(GROUP, 1, &first.member);
    assert_eq!(beat, Err(ResponseError::RebalanceInProgress));
    let first = groups.join(GROUP, wish(&first.member)).await.unwrap();
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
    let shares = vec![share(&first.member, b"one"), share(&second.member, b"two")];
    let own = groups.sync(GROUP, 2, &first.member, shares).await;
    assert_eq!(own.unwrap(), "one");
    assert_eq!(waiting.await.unwrap().unwrap(), "two");
    assert_eq!(groups.describe(GROUP).unwrap().state, "Stable");
    (first, second)
}

#[tokio::test(start_paused = true)]
async fn the_leader_deals_and_each_gets_its_share() {
    let groups = groups();
    let (first, second) = two(&groups).await;
    for member in [&first.member, &second.member] {
        assert_eq!(groups.heartbeat(GROUP, 2, member), Ok(()));
        assert_eq!(groups.may_commit(GROUP, 2, member), Ok(()));
        let old = groups.may_commit(GROUP, 1, member);
        assert_eq!(old, Err(ResponseError::IllegalGeneration));
        let old = groups.heartbeat(GROUP, 1, member);
        assert_eq!(old, Err(ResponseError::IllegalGeneration));
    }
    let nobody = groups.heartbeat(GROUP, 2, "nobody");
    assert_eq!(nobody, Err(ResponseError::UnknownMemberId));
    let again = groups.sync(GROUP, 2, &second.member, Vec::new()).await;
    assert_eq!(again.unwrap(), "two", "asked again");
}

#[tokio::test(start_paused = true)]
async fn a_dead_member_is_replaced_after_its_session() {
    let groups = groups();
    let alone = groups.join(GROUP, wish("")).await.unwrap();
    let shares = vec![share(&alone.member, b"all")];
    groups.sync(GROUP, 1, &alone.member, shares).await.unwrap();
    // It is killed, and its successor comes at once.
    let begun = Instant::now();
    let next = joining(&groups, wish("")).await;
    let next = next.await.unwrap().unwrap();
    assert!(begun.elapsed() >= SESSION, "{:?}", begun.elapsed());
    assert!(begun.elapsed() < SESSION + Duration::from_millis(200));
    assert_eq!(next.generation, 2);
    assert_eq!(next.leader, next.member, "nobody else is there to lead");
    assert_eq!(next.members.len(), 1);
    let shares = vec![share(&next.member, b"all")];
    let all = groups.sync(GROUP, 2, &next.member, shares).await;
    assert_eq!(all.unwrap(), "all");
    let ghost = groups.heartbeat(GROUP, 1, &alone.member);
    assert_eq!(ghost, Err(ResponseError::UnknownMemberId));
    let ghost = groups.may_commit(GROUP, 1, &alone.member);
    assert_eq!(ghost, Err(ResponseError::UnknownMemberId));
}

#[tokio::test(start_paused = true)]
async fn the_others_are_told_when_one_is_missed() {
    let groups = groups();
    let (leader, other) = two(&groups).await;
    for _ in 0..4 {
        advance(SESSION / 3).await;
        settle().await;
        if groups.heartbeat(GROUP, 2, &other.member).is_err() {
            break;
        }
    }
    let told = groups.heartbeat(GROUP, 2, &other.member);
    assert_eq!(told, Err(ResponseError::RebalanceInProgress));
    let missed = groups.heartbeat(GROUP, 2, &leader.member);
    assert_eq!(missed, Err(ResponseError::UnknownMemberId));
    let alone = groups.join(GROUP, wish(&other.member)).await.unwrap();
    assert_eq!((alone.generation, &alone.leader), (3, &other.member));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_dies_before_it_deals_is_replaced() {
    let groups = groups();
    let first = groups.join(GROUP, wish("")).await.unwrap();
    let second = joining(&groups, wish("")).await;
    groups.join(GROUP, wish(&first.member)).await.unwrap();
    let second = second.await.unwrap().unwrap();
    let begun = Instant::now();
    let refused = groups.sync(GROUP, 2, &second.member, Vec::new()).await;
    assert_eq!(refused, Err(ResponseError::RebalanceInProgress));
    assert!(begun.elapsed() >= SESSION);
    let next = groups.join(GROUP, wish(&second.member)).await.unwrap();
    assert_eq!((next.generation, &next.leader), (3, &second.member));
}

#[tokio::test(start_paused = true)]
async fn who_does_not_join_again_in_time_is_out() {
    let groups = groups();
    let (first, second) = two(&groups).await;
    let third = joining(&groups, wish("")).await;
    let again = joining(&groups, wish(&second.member)).await;
    // The first is alive, but does not join.
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
    let late = groups.join(GROUP, wish(&first.member)).await.unwrap_err();
    assert_eq!(late.error, ResponseError::UnknownMemberId);
}

#[tokio::test(start_paused = true)]
async fn a_connection_lost_while_joining_holds_nobody_up_for_long() {
    let groups = groups();
    let (first, second) = two(&groups).await;
    let gone = joining(&groups, wish(&second.member)).await;
    gone.abort();
    settle().await;
    let begun = Instant::now();
    let alone = groups.join(GROUP, wish(&first.member)).await.unwrap();
    assert_eq!((alone.generation, alone.members.len()), (3, 1));
    assert!(begun.elapsed() <= SESSION + Duration::from_millis(200));
}

#[tokio::test(start_paused = true)]
async fn leaving_needs_no_timeout() {
    let groups = groups();
    let (first, second) = two(&groups).await;
    let begun = Instant::now();
    assert_eq!(groups.leave(GROUP, &first.member), Ok(()));
    let twice = groups.leave(GROUP, &first.member);
    assert_eq!(twice, Err(ResponseError::UnknownMemberId));
    let alone = groups.join(GROUP, wish(&second.member)).await.unwrap();
    assert_eq!((alone.generation, &alone.leader), (3, &second.member));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(groups.leave(GROUP, &second.member), Ok(()));
    assert!(groups.describe(GROUP).is_none());
    // Nobody is in: who has offsets to commit and no place may.
    assert_eq!(groups.may_commit(GROUP, -1, ""), Ok(()));
    let past = groups.may_commit(GROUP, 3, &second.member);
    assert_eq!(past, Err(ResponseError::IllegalGeneration));
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_gets_its_id_first_and_is_not_awaited_for_ever() {
    let groups = groups();
    let first = Join {
        id_first: true,
        ..wish("")
    };
    let refused = groups.join(GROUP, first.clone()).await.unwrap_err();
    assert_eq!(refused.error, ResponseError::MemberIdRequired);
    let ghost = groups.join(GROUP, first).await.unwrap_err();
    assert_ne!(ghost.member, refused.member);
    let begun = Instant::now();
    let joined = groups.join(GROUP, wish(&refused.member)).await.unwrap();
    assert_eq!(joined.member, refused.member);
    assert!(begun.elapsed() >= SESSION, "the ghost might have come");
    let late = groups.join(GROUP, wish(&ghost.member)).await.unwrap_err();
    assert_eq!(late.error, ResponseError::UnknownMemberId);
}

#[tokio::test(start_paused = true)]
async fn commits_wait_while_shares_are_dealt() {
    let groups = groups();
    let alone = groups.join(GROUP, wish("")).await.unwrap();
    let early = groups.may_commit(GROUP, 1, &alone.member);
    assert_eq!(early, Err(ResponseError::RebalanceInProgress));
    groups
        .sync(GROUP, 1, &alone.member, Vec::new())
        .await
        .unwrap();
    assert_eq!(groups.may_commit(GROUP, 1, &alone.member), Ok(()));
    let outside = groups.may_commit(GROUP, -1, "");
    assert_eq!(outside, Err(ResponseError::UnknownMemberId));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_shared_is_refused() {
    let groups = groups();
    groups.join(GROUP, wish("")).await.unwrap();
    let refusal = async |join| groups.join(GROUP, join).await.unwrap_err().error;
    let other = Join {
        protocols: vec![("sticky".to_owned(), Bytes::new())],
        ..wish("")
    };
    assert_eq!(
        refusal(other).await,
        ResponseError::InconsistentGroupProtocol
    );
    let other = Join {
        protocol_type: "connect".to_owned(),
        ..wish("")
    };
    assert_eq!(
        refusal(other).await,
        ResponseError::InconsistentGroupProtocol
    );
    let none = Join {
        protocols: Vec::new(),
        ..wish("")
    };
    assert_eq!(
        refusal(none).await,
        ResponseError::InconsistentGroupProtocol
    );
    let hasty = Join {
        session: Duration::from_millis(1),
        ..wish("")
    };
    assert_eq!(refusal(hasty).await, ResponseError::InvalidSessionTimeout);
    let stranger = wish("stranger");
    assert_eq!(refusal(stranger).await, ResponseError::UnknownMemberId);
}

#[tokio::test(start_paused = true)]
async fn a_group_is_bounded() {
    let groups = groups();
    for _ in 0..MAX_MEMBERS {
        let newcomer = Join {
            id_first: true,
            ..wish("")
        };
        let refused = groups.join(GROUP, newcomer).await.unwrap_err();
        assert_eq!(refused.error, ResponseError::MemberIdRequired);
    }
    let one_more = groups.join(GROUP, wish("")).await.unwrap_err();
    assert_eq!(one_more.error, ResponseError::GroupMaxSizeReached);
    // None of them came: there is room again.
    advance(SESSION).await;
    settle().await;
    groups.join(GROUP, wish("")).await.unwrap();
}
