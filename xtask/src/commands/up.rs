//! `cargo xtask up`.

use std::{path::Path, time::Instant};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::{
    builds,
    deploy::{self, Target},
    observe::Observe,
    progress::say,
    stack::{self, Cache, Ports, Reload, Stack, Supervisor},
    tools::{self, ApacheKafka},
};

#[derive(Args)]
pub(crate) struct Options {
    /// Start Prometheus with the project's rules too, and keep every trace for
    /// `cargo xtask trace`
    #[arg(long)]
    observe: bool,
    /// Don't build and replace programs when files are saved
    #[arg(long)]
    no_watch: bool,
    /// The broker: the repository's own, or Apache Kafka, which needs Java 17 and Maven
    #[arg(long, value_enum, default_value_t)]
    kafka: Broker,
    /// Keep responses in a cache of two nodes, with Valkey or Redis
    #[arg(long, conflicts_with = "deployed")]
    cache: bool,
    /// Deploy template.yaml through CloudFormation and use the deployed functions, on a local AWS
    /// that starts empty and is deleted at the end
    #[arg(long)]
    deployed: bool,
    /// Deploy to another AWS: an address such as LocalStack's, or `aws` for AWS itself, as
    /// the AWS variables say
    #[arg(long, requires = "deployed", value_name = "URL|aws")]
    endpoint: Option<String>,
    /// A parameter of template.yaml; can be repeated
    #[arg(long, requires = "deployed", value_name = "NAME=VALUE")]
    parameter: Vec<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Broker {
    #[default]
    Embedded,
    Apache,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let started = Instant::now();
    let target = Target::from_endpoint(options.endpoint.as_deref())?;
    let name = if options.deployed {
        target.stack()
    } else {
        "up"
    };
    let Some(lock) = Stack::lock(name)? else {
        if options.deployed {
            return again(&target, &options.parameter);
        }
        bail!("it is running already: use it, or stop it with `cargo xtask down`");
    };
    // Before anything is installed or built, so that what is missing or taken is reported at once.
    let apache = (options.kafka == Broker::Apache)
        .then(ApacheKafka::find)
        .transpose()?;
    let ports = Ports::fixed()?;
    let observe = options
        .observe
        .then(|| Observe::fixed(&ports))
        .transpose()?;
    if observe.is_some() {
        Observe::install()?;
    }
    let cache = options.cache.then(Cache::fixed).transpose()?;
    if options.deployed && !matches!(target, Target::Local { .. }) {
        tools::install()?;
        deploy::check(&target)?;
    }
    // Before the build, so that files saved during the build aren't missed.
    let reload = (!options.no_watch && !options.deployed)
        .then(Reload::begin)
        .transpose()?;
    if let Some(apache) = &apache {
        apache.install()?;
    }
    stack::set_up(builds::programs)?;
    if matches!(target, Target::Local { .. }) && options.deployed {
        // The local AWS starts empty, so the other stores must not know earlier users.
        Stack::wipe(name, &lock)?;
    }
    let mut stack = Stack::new(name, Ports::fixed()?, lock)?
        .with_observe(observe)
        .with_cache(cache);
    if let Some(apache) = apache {
        stack = stack.with_apache(apache, false)?;
    }
    if options.deployed {
        tools::install_deploy()?;
        stack = stack.deployed_to(target, options.parameter.clone());
    }
    let mut supervisor = Supervisor::start(stack)?;
    summary(supervisor.stack(), started);
    if let Some(observe) = observe {
        say(observe.summary());
    }
    if let Some(reload) = reload {
        supervisor.reload_on_change(reload);
        say(
            "\nWhat you save is built, and the functions and servers that it changes are replaced.",
        );
    }
    supervisor.watch(|| false)
}

/// Updates the deployment of a running `up --deployed`.
fn again(target: &Target, parameters: &[String]) -> Result<()> {
    stack::set_up(builds::programs)?;
    stack::deploy_again(target, parameters)?;
    say("deployed again; the running gateway goes on with it");
    Ok(())
}

fn summary(stack: &Stack, started: Instant) {
    let ports = stack.ports;
    let root = crate::workspace::root();
    let relative = |path: &Path| {
        path.strip_prefix(root)
            .unwrap_or(path)
            .display()
            .to_string()
    };
    say(format!(
        r#"
Trichrome is up, after {seconds} s. Ctrl-C stops it.

  web app   http://localhost:{gateway}/
  gateway   http://localhost:{gateway}   (/rest, /grpc and /events; /docs)
  operator  http://localhost:{admin}   (/metrics, /readyz, /debug/pprof)
  REST      http://{rest}
  gRPC      localhost:{grpc}
  Kafka     localhost:{kafka}
  logs      {logs}   (cargo xtask logs gateway -f)

Lines to paste, for a user over REST, its token over gRPC, and again over Kafka:

curl -sS {rest}/signup -H 'content-type: application/json' -d '{user}'
{buf} curl --protocol grpc --http2-prior-knowledge -d '{user}' http://localhost:{grpc}/auth.Auth/Login
(sleep 1; echo 'login:{user}' | kcat -P -b localhost:{kafka} -t auth -K:) & kcat -C -q -b localhost:{kafka} -t results -o end -c 1"#,
        seconds = started.elapsed().as_secs(),
        gateway = ports.gateway,
        admin = ports.admin,
        rest = stack.description().rest_url.trim_start_matches("http://"),
        grpc = ports.grpc,
        kafka = ports.kafka,
        logs = relative(&stack.logs),
        user = r#"{"username":"ada","password":"correct horse"}"#,
        buf = relative(&crate::tools::node_program("buf")),
    ));
}
