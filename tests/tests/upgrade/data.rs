//! Data that version 0.1 stores and later versions find.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::sleep;
use trichrome_proto::{contract::by_function, error::ErrorCode};
use trichrome_tests::{
    account::{PASSWORD, unused_name},
    clients::kafka::Record,
    images::{Format, Picture},
    reply::{list, text},
    scenario::Scenario,
    stack::Stack,
    stored::Amount,
    token,
    transport::Transport,
    wait::{SOON, eventually},
};
use uuid::Uuid;

/// Time allowed for derivatives on a busy machine.
const DERIVED: Duration = Duration::from_secs(120);

/// The title of the picture whose command waits while the stack is down.
const WAITING: &str = "waited";

/// What was stored.
#[derive(Default, Serialize, Deserialize)]
struct Ledger {
    users: Vec<User>,
}

/// A user with one picture.
#[derive(Serialize, Deserialize)]
struct User {
    /// The transport of all of its calls.
    transport: String,
    id: String,
    username: String,
    /// Issued by version 0.1.
    token: String,
    picture_id: String,
    title: String,
    /// The idempotency key with which the picture was created.
    key: String,
    /// The trace of the call that created it.
    trace: Uuid,
}

impl Ledger {
    fn path(stack: &Stack) -> PathBuf {
        stack.description.state.join("upgrade.json")
    }

    fn read(run: &Scenario) -> Result<Self> {
        let text = fs::read_to_string(Self::path(run.stack())).context("run the step `seed`")?;
        Ok(serde_json::from_str(&text)?)
    }

    fn write(&self, run: &Scenario) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        Ok(fs::write(Self::path(run.stack()), text)?)
    }
}

impl User {
    fn transport(&self) -> Result<Transport> {
        let found = Transport::ALL
            .into_iter()
            .find(|transport| transport.name() == self.transport);
        found.context("an unknown transport")
    }

    /// The picture: of every format, one of them as large as they may be.
    fn picture(transport: Transport) -> Picture {
        match transport {
            Transport::Rest => Format::Jpeg.photo(),
            Transport::FacadeRest => Format::Png.photo(),
            Transport::FacadeGrpc => Format::Gif.photo(),
            Transport::FacadeEvents => Format::Webp.photo(),
            Transport::Grpc => Format::Avif.photo(),
            Transport::Kafka => Format::Jpeg.grown(2 * 1024 * 1024),
        }
    }
}

/// A successful call with this token.
async fn call(
    run: &Scenario,
    transport: Transport,
    token: &str,
    function: &str,
    args: Value,
) -> Result<Value> {
    let call = run.call_over(transport, function, args)?.token(token);
    call.send().await?.ok()
}

/// Logs in.
async fn log_in(run: &Scenario, user: &User) -> Result<String> {
    let args = json!({"username": user.username, "password": PASSWORD});
    let answer = run.call_over(user.transport()?, "auth-login", args)?;
    let answer = answer.send().await?.ok()?;
    Ok(text(&answer, "access_token")?.to_owned())
}

/// Signs up over each transport, stores a picture, and logs calls. On a stack of version 0.1.
pub(crate) async fn seed(run: Scenario) -> Result<()> {
    let mut ledger = Ledger::default();
    for transport in Transport::ALL {
        let username = unused_name();
        let args = json!({"username": username, "password": PASSWORD});
        let answer = run.call_over(transport, "auth-signup", args)?;
        let answer = answer.send().await?.ok()?;
        let token = text(&answer, "access_token")?.to_owned();
        let picture = User::picture(transport);
        let title = format!("of {transport}");
        let (key, trace) = (Uuid::new_v4().to_string(), Uuid::new_v4());
        let args = json!({"title": title, "base64": picture.base64()});
        let create = run.call_over(transport, "pictures-create", args)?;
        let create = create.token(&token).key(&key).trace(trace);
        let created = create.send().await?.ok()?;
        let picture_id = text(&created, "id")?.to_owned();
        let read = json!({"picture_id": picture_id});
        let read = call(&run, transport, &token, "pictures-get", read).await?;
        ensure!(read["base64"] == picture.base64(), "other bytes came back");
        ledger.users.push(User {
            transport: transport.name().to_owned(),
            id: token::subject(&token)?,
            username,
            token,
            picture_id,
            title,
            key,
            trace,
        });
    }
    logged(&run, &ledger).await?;
    ledger.write(&run)
}

/// Waits for the call logs, in the table of version 0.1.
async fn logged(run: &Scenario, ledger: &Ledger) -> Result<()> {
    const COUNT: &str = "SELECT count(*) FROM call_logs WHERE trace_id = ANY($1)";
    let traces: Vec<_> = ledger.users.iter().map(|user| user.trace).collect();
    eventually(SOON, async || {
        let count = sqlx::query_scalar(COUNT).bind(&traces);
        let logged: i64 = count.fetch_one(&run.stack().postgres).await?;
        ensure!(usize::try_from(logged)? == traces.len(), "{logged} logged");
        Ok(())
    })
    .await
}

/// Sends a command that no gateway serves yet.
pub(crate) async fn leave_a_command(run: Scenario) -> Result<()> {
    let ledger = Ledger::read(&run)?;
    let user = ledger.users.first().context("no users")?;
    let operation = by_function("pictures-create").context("no such operation")?;
    let args = json!({"title": WAITING, "base64": Format::Png.tiny().base64()});
    let event_id = Uuid::new_v4().to_string();
    let record = Record::named_by_key(operation, &event_id, &args).token(&user.token);
    run.stack().kafka.produce(&record).await?;
    Ok(())
}

/// Finds all of it. On an upgraded stack.
pub(crate) async fn survived(run: Scenario) -> Result<()> {
    let ledger = Ledger::read(&run)?;
    ensure!(ledger.users.len() == Transport::ALL.len(), "missing users");
    for user in &ledger.users {
        let what = || format!("the user of {}", user.transport);
        tokens_and_pictures(&run, user).await.with_context(what)?;
        repeated_create(&run, user).await.with_context(what)?;
        call_logs(&run, user).await.with_context(what)?;
        passwords(&run, user).await.with_context(what)?;
    }
    let [first, .., last] = &ledger.users[..] else {
        anyhow::bail!("too few users");
    };
    waiting_command(&run, first).await?;
    expiry(&run, first).await?;
    revocation(&run, last).await
}

/// The token of version 0.1 reads the picture over each transport, byte for byte.
async fn tokens_and_pictures(run: &Scenario, user: &User) -> Result<()> {
    let picture = User::picture(user.transport()?);
    for transport in Transport::ALL {
        let read = json!({"picture_id": user.picture_id});
        let read = call(run, transport, &user.token, "pictures-get", read).await?;
        ensure!(read["base64"] == picture.base64(), "other bytes came back");
        ensure!(read["title"] == user.title.as_str(), "{}", read["title"]);
        let listed = call(run, transport, &user.token, "pictures-list", json!({})).await?;
        let found = list(&listed, "pictures")?;
        let found = found
            .iter()
            .filter(|one| one["id"] == user.picture_id.as_str());
        ensure!(found.count() == 1, "the picture isn't listed once");
    }
    Ok(())
}

/// The idempotency key still names the picture.
async fn repeated_create(run: &Scenario, user: &User) -> Result<()> {
    let transport = user.transport()?;
    let picture = User::picture(transport);
    let args = json!({"title": user.title, "base64": picture.base64()});
    let create = run.call_over(transport, "pictures-create", args)?;
    let create = create.token(&user.token).key(&user.key);
    let repeated = create.send().await?.ok()?;
    ensure!(
        repeated["id"] == user.picture_id.as_str(),
        "a repeated create stored another picture"
    );
    Ok(())
}

/// The log of the call that stored the picture is read.
async fn call_logs(run: &Scenario, user: &User) -> Result<()> {
    let own = json!({"own": true, "method": "CreateUserPicture", "totals": true});
    let logs = call(run, Transport::Rest, &user.token, "analytics-get", own).await?;
    let trace = user.trace.simple().to_string();
    let found = list(&logs, "logs")?;
    let found = found
        .iter()
        .filter(|entry| entry["trace_id"] == trace.as_str());
    ensure!(found.count() == 1, "the call log of {trace} isn't there");
    let calls = logs["totals"]["calls"].as_u64().unwrap_or_default();
    ensure!(calls > 0, "no totals: {}", logs["totals"]);
    Ok(())
}

async fn passwords(run: &Scenario, user: &User) -> Result<()> {
    let token = log_in(run, user).await?;
    ensure!(token::subject(&token)? == user.id, "another user");
    let args = json!({"username": user.username, "password": "something else entirely"});
    let wrong = run.call_over(user.transport()?, "auth-login", args)?;
    wrong.send().await?.refused(ErrorCode::Unauthenticated)?;
    Ok(())
}

/// The command that waited has had one effect.
async fn waiting_command(run: &Scenario, user: &User) -> Result<()> {
    eventually(SOON, async || {
        let listed = call(
            run,
            Transport::Rest,
            &user.token,
            "pictures-list",
            json!({}),
        );
        let listed = listed.await?;
        let found = list(&listed, "pictures")?;
        let found = found.iter().filter(|one| one["title"] == WAITING).count();
        ensure!(found == 1, "{found} pictures of the waiting command");
        Ok(())
    })
    .await
}

/// A token of version 0.1's form works until it expires.
async fn expiry(run: &Scenario, user: &User) -> Result<()> {
    const LIFE: u64 = 4;
    // Clocks may differ by five seconds.
    const LEEWAY: u64 = 5;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let signer = &run.stack().signer;
    let token = signer.with_claim(&user.id, "exp", json!(now + LIFE))?;
    call(run, Transport::Rest, &token, "pictures-list", json!({})).await?;
    sleep(Duration::from_secs(LIFE + LEEWAY + 1)).await;
    let late = run.call_over(Transport::Rest, "pictures-list", json!({}))?;
    let late = late.token(&token).send().await?;
    late.refused(ErrorCode::Unauthenticated)?;
    Ok(())
}

/// A token of version 0.1 can be revoked, and the user deleted with all that is stored.
async fn revocation(run: &Scenario, user: &User) -> Result<()> {
    let token = log_in(run, user).await?;
    call(run, Transport::Rest, &token, "auth-revoke", json!({})).await?;
    let args = json!({"access_token": user.token});
    let old = run.call_over(Transport::Rest, "auth-validate", args)?;
    old.send().await?.refused(ErrorCode::Unauthenticated)?;
    let token = log_in(run, user).await?;
    let args = json!({"user_id": user.id});
    call(run, Transport::Rest, &token, "users-delete", args).await?;
    let stored = &run.stack().stored;
    eventually(SOON, async || {
        let left = stored.amount(&user.id).await?;
        ensure!(
            (left.objects, left.rows) == (Amount::NOTHING.objects, Amount::NOTHING.rows),
            "left of a deleted user: {left:?}"
        );
        Ok(())
    })
    .await?;
    ensure!(!stored.has_name(&user.username).await?, "the name is taken");
    Ok(())
}

/// After a backfill, old pictures have derivatives and are in the index.
pub(crate) async fn backfilled(run: Scenario) -> Result<()> {
    let ledger = Ledger::read(&run)?;
    // The last user is deleted.
    for user in ledger.users.iter().take(ledger.users.len() - 1) {
        let token = log_in(&run, user).await?;
        let read = json!({"picture_id": user.picture_id});
        let read = eventually(DERIVED, async || {
            let args = read.clone();
            let read = call(&run, Transport::Rest, &token, "pictures-get", args).await?;
            ensure!(read["state"] == "ready", "{}", read["state"]);
            Ok(read)
        })
        .await
        .with_context(|| user.title.clone())?;
        let thumbnail = text(&read["links"], "thumbnail")?;
        if User::picture(user.transport()?).format == Format::Avif {
            // It has no derivatives.
            ensure!(thumbnail.is_empty(), "{thumbnail}");
            continue;
        }
        let thumbnail = run.stack().http.get(thumbnail).await?;
        ensure!(thumbnail.status == 200, "{}", thumbnail.status);
        ensure!(thumbnail.header("content-type") == "image/webp");
        let month = &text(&read, "created_at")?[..7];
        let args = json!({"order": "created", "month": month});
        let index = call(&run, Transport::Rest, &token, "pictures-index", args).await?;
        ensure!(
            index.to_string().contains(&user.picture_id),
            "the index lacks {}",
            user.title
        );
    }
    Ok(())
}
