//! The authorization matrix: every operation of the contract, with every kind of token.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use trichrome_proto::{
    contract::{Access, OPERATIONS, Operation},
    error::ErrorCode,
};
use trichrome_tests::{
    account::{Account, NEW_PASSWORD},
    harness::Suite,
    images::Format,
    reply::text,
    samples::{Subject, good},
    scenario::Scenario,
    stack::Stack,
    token,
    transport::Transport,
};

use crate::pictures::upload;

pub(crate) fn add(suite: &mut Suite) {
    for operation in OPERATIONS {
        let name = format!("authorization::{}", operation.function);
        suite.each(&name, move |run| matrix(run, operation));
    }
    suite.each("authorization::validating_a_bad_token", bad_tokens);
    suite.each(
        "authorization::a_missing_token_is_reported_before_other_errors",
        strangers,
    );
}

/// The credentials to try. The valid ones come last, because that call may delete the subject.
const CREDENTIALS: [Credential; 17] = [
    Credential::None,
    Credential::OtherScheme,
    Credential::Malformed,
    Credential::Expired,
    Credential::WrongKey,
    Credential::Unsigned,
    Credential::OtherIssuer,
    Credential::OtherAudience,
    Credential::IssuerList,
    Credential::Early,
    Credential::Critical,
    Credential::Twice,
    Credential::Deleted,
    Credential::OldPassword,
    Credential::LoggedOut,
    Credential::Anothers,
    Credential::Valid,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Credential {
    None,
    OtherScheme,
    Malformed,
    Expired,
    WrongKey,
    Unsigned,
    OtherIssuer,
    OtherAudience,
    /// The issuer is right, but in a list.
    IssuerList,
    /// Not valid yet.
    Early,
    /// Demands an unknown extension.
    Critical,
    /// A valid token in two headers.
    Twice,
    /// The token of a user who is deleted.
    Deleted,
    /// A token from before a password change.
    OldPassword,
    /// A token from before its user logged out everywhere.
    LoggedOut,
    Anothers,
    Valid,
}

/// Tokens that are refused although they are valid by themselves.
struct Revoked {
    deleted: String,
    old_password: String,
    logged_out: String,
}

static REVOKED: OnceCell<Revoked> = OnceCell::const_new();

/// The tokens, which all tests share: no function has seen their users before, so they need no
/// wait. `revocation` tests how soon a function notices.
async fn revoked(run: &Scenario) -> Result<&'static Revoked> {
    let make = async || -> Result<_> {
        let mut tokens = Vec::new();
        for (function, args) in [
            ("users-delete", json!({})),
            (
                "auth-change-password",
                json!({"new_password": NEW_PASSWORD}),
            ),
            ("auth-revoke", json!({})),
        ] {
            let account = run.shared_account().await?;
            let mut args = args;
            if function == "auth-change-password" {
                args["current_password"] = json!(account.password);
            } else {
                args["user_id"] = json!(account.id);
            }
            let call = run.call_over(Transport::Rest, function, args)?;
            call.by(&account).send().await?.ok().context(function)?;
            tokens.push(account.token);
        }
        let [deleted, old_password, logged_out] = <[String; 3]>::try_from(tokens)
            .map_err(|tokens| anyhow::anyhow!("{} tokens", tokens.len()))?;
        Ok(Revoked {
            deleted,
            old_password,
            logged_out,
        })
    };
    REVOKED.get_or_try_init(make).await
}

impl Credential {
    /// Returns the token, if the credential has one.
    fn token(
        self,
        stack: &Stack,
        owner: &Account,
        other: &Account,
        revoked: &Revoked,
    ) -> Result<Option<String>> {
        let (signer, id) = (&stack.signer, &owner.id);
        Ok(Some(match self {
            Self::None => return Ok(None),
            Self::Malformed => "not.a.token".to_owned(),
            Self::Expired => signer.expired(id)?,
            Self::WrongKey => signer.wrong_key(id)?,
            Self::Unsigned => signer.unsigned(id)?,
            Self::OtherIssuer => signer.with_claim(id, "iss", json!("another"))?,
            Self::OtherAudience => signer.with_claim(id, "aud", json!("another"))?,
            Self::IssuerList => signer.issuer_list(id)?,
            Self::Early => signer.early(id)?,
            Self::Critical => signer.critical(id)?,
            Self::Deleted => revoked.deleted.clone(),
            Self::OldPassword => revoked.old_password.clone(),
            Self::LoggedOut => revoked.logged_out.clone(),
            Self::Anothers => other.token.clone(),
            Self::OtherScheme | Self::Twice | Self::Valid => owner.token.clone(),
        }))
    }

    /// The error that the contract requires; `None` for success.
    fn refusal(self, access: Access) -> Option<ErrorCode> {
        match (access, self) {
            (Access::Public, _) | (_, Self::Valid) => None,
            (Access::User, Self::Anothers) => None,
            (Access::Owner, Self::Anothers) => Some(ErrorCode::PermissionDenied),
            (Access::User | Access::Owner, _) => Some(ErrorCode::Unauthenticated),
        }
    }
}

async fn matrix(run: Scenario, operation: &'static Operation) -> Result<()> {
    let (owner, other) = (run.account().await?, run.account().await?);
    let revoked = revoked(&run).await?;
    let has = |name| operation.input.field(name).is_some();
    let picture_id = if has("picture_id") || has("upload_id") {
        let created = upload(&run, &owner, &Format::Png.tiny(), "the owner's").await?;
        text(&created, "id")?.to_owned()
    } else {
        String::new()
    };
    let subject = Subject {
        account: &owner,
        picture_id: &picture_id,
    };
    let deployed = run.stack().description.is_deployed();
    for credential in CREDENTIALS {
        // MiniStack's API Gateway keeps one value of a header. AWS's keeps all.
        if deployed && (credential, run.transport()) == (Credential::Twice, Transport::Rest) {
            continue;
        }
        // Of a record's repeated header the last one counts (`commands`), and that is valid here.
        if (credential, run.transport()) == (Credential::Twice, Transport::Kafka) {
            continue;
        }
        let args = Value::Object(good(operation, &subject)?);
        let mut call = run.call(operation.function, args)?;
        if let Some(token) = credential.token(run.stack(), &owner, &other, revoked)? {
            call = match credential {
                Credential::OtherScheme => call.authorization(format!("Basic {token}")),
                Credential::Twice => call.token(&token).authorized_twice(),
                _ => call.token(&token),
            };
        }
        let reply = call.send().await?;
        let outcome = match credential.refusal(operation.access) {
            Some(code) => reply.refused(code).map(|_| Value::Null),
            None => reply.ok(),
        };
        adopt(
            &run,
            &outcome.with_context(|| format!("with {credential:?}"))?,
        )?;
    }
    run.all_logged().await
}

/// Registers a user created by the call for deletion.
fn adopt(run: &Scenario, message: &Value) -> Result<()> {
    if let Some(token) = message["access_token"].as_str() {
        run.adopt(&token::subject(token)?);
    } else if message["username"].is_string() {
        run.adopt(text(message, "id")?);
    }
    Ok(())
}

/// Tests the operation that takes the token as its input.
async fn bad_tokens(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let revoked = revoked(&run).await?;
    for credential in CREDENTIALS {
        let token = credential.token(run.stack(), &account, &account, revoked)?;
        let args = json!({"access_token": token.unwrap_or_default()});
        let reply = run.call("auth-validate", args)?.send().await?;
        let good = matches!(
            credential,
            Credential::Valid | Credential::Anothers | Credential::OtherScheme | Credential::Twice
        );
        if good {
            let validated = reply.ok()?;
            ensure!(validated["user_id"] == account.id.as_str(), "{validated}");
        } else {
            let refused = reply.refused(ErrorCode::Unauthenticated);
            refused.with_context(|| format!("with {credential:?}"))?;
        }
    }
    Ok(())
}

/// Without a token, the error is `UNAUTHENTICATED`, even for invalid requests.
async fn strangers(run: Scenario) -> Result<()> {
    for (function, args) in [
        ("pictures-get", json!({"picture_id": "7"})),
        ("pictures-create", json!({"title": "", "base64": "*"})),
        ("users-get", json!({"user_id": "7"})),
        ("analytics-log", json!({"transport": ""})),
    ] {
        let reply = run.call(function, args)?.send().await?;
        reply.refused(ErrorCode::Unauthenticated)?;
    }
    Ok(())
}
