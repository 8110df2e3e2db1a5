//! The gateway's overhead: gRPC against a direct Invoke of the same function.

use anyhow::Result;

use crate::{
    call,
    settings::Settings,
    stats::Rounds,
    table::Table,
    turns::{CONNECTIONS, direct, grpc, in_turns},
};

/// Measures with each number of connections.
pub(crate) async fn measure(settings: &Settings, table: &mut Table) -> Result<()> {
    let stack = &settings.stack;
    let token = call::token(stack).await?;
    for connections in CONNECTIONS {
        let (direct, grpc) = (direct(stack, &token), grpc(stack, &token));
        let turns = in_turns(settings.rounds, connections, direct, grpc).await?;
        let [mut direct_ms, mut grpc_ms, mut added] = [(); 3].map(|()| Rounds::default());
        let [mut direct_rate, mut grpc_rate, mut share] = [(); 3].map(|()| Rounds::default());
        for (straight, through) in turns {
            direct_ms.add(straight.latencies.p50());
            grpc_ms.add(through.latencies.p50());
            added.add(through.latencies.p50() - straight.latencies.p50());
            direct_rate.add(straight.rate());
            grpc_rate.add(through.rate());
            share.add(through.rate() / straight.rate());
        }
        let at = format!("{connections} connections");
        table.figure(
            &format!("gateway, p50 added at {at}"),
            format!("{added} ms (gRPC {grpc_ms}, direct {direct_ms})"),
        );
        table.figure(
            &format!("gateway, throughput at {at}"),
            format!("{share} of direct (gRPC {grpc_rate:.0}/s, direct {direct_rate:.0}/s)"),
        );
    }
    Ok(())
}
