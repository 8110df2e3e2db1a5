//! Which Kafka requests are answered, and by whom.

use rama::{
    Layer as _, Service as _,
    layer::{MapErrLayer, MapStateLayer},
};
use tansu_broker::{
    Error,
    coordinator::group::administrator::Controller,
    service::{coordinator, storage},
};
use tansu_sans_io::{ApiKey as _, FetchRequest, MetadataRequest};
use tansu_service::{
    BytesFrameLayer, BytesFrameService, FrameRequestLayer, FrameRouteBuilder, FrameRouteService,
    TcpBytesLayer, TcpBytesService, TcpContext, TcpContextLayer, TcpContextService,
};

use crate::{fetch::Fetch, metadata::Metadata, store::Store, versions::Versions};

/// Serves one connection.
pub type Connection = TcpContextService<TcpBytesService<BytesFrameService<Versions>, ()>>;

/// The answers to all requests, over this store.
pub fn connection(
    cluster: &str,
    store: &Store,
    groups: &Controller<Store>,
) -> Result<Connection, Error> {
    let ours = [fetch, metadata];
    let tansus = [
        storage::create_topics,
        storage::delete_groups,
        storage::delete_topics,
        storage::describe_cluster,
        storage::describe_configs,
        storage::describe_groups,
        storage::find_coordinator,
        storage::init_producer_id,
        storage::list_groups,
        storage::list_offsets,
        storage::produce,
    ];
    let builder = FrameRouteService::<(), Error>::builder();
    let builder = ours
        .iter()
        .try_fold(builder, |builder, route| route(builder, store.clone()))?;
    let builder = tansus
        .iter()
        .try_fold(builder, |builder, route| route(builder, store.clone()))?;
    let router = coordinator::services(builder, groups.clone())?.build()?;
    Ok((
        TcpContextLayer::new(TcpContext::default().cluster_id(Some(cluster.to_owned()))),
        TcpBytesLayer::default(),
        BytesFrameLayer::default(),
    )
        .into_layer(Versions(router)))
}

type Builder = FrameRouteBuilder<(), Error>;

fn fetch(builder: Builder, store: Store) -> Result<Builder, Error> {
    let service = (
        MapErrLayer::new(Error::from),
        MapStateLayer::new(|_| store),
        FrameRequestLayer::<FetchRequest>::new(),
    )
        .into_layer(Fetch);
    Ok(builder.with_route(FetchRequest::KEY, service.boxed())?)
}

fn metadata(builder: Builder, store: Store) -> Result<Builder, Error> {
    let service = (
        MapErrLayer::new(Error::from),
        MapStateLayer::new(|_| store),
        FrameRequestLayer::<MetadataRequest>::new(),
    )
        .into_layer(Metadata);
    Ok(builder.with_route(MetadataRequest::KEY, service.boxed())?)
}
