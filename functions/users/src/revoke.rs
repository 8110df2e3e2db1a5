//! Changing a password and revoking tokens.
//!
//! A user's tokens carry the user's generation, which grows with each revocation. Both of the
//! user's items hold it: a token is checked against the user's item, and a login reads it together
//! with the hash, so that an old password never gets a token of the new generation.

use std::net::IpAddr;

use crate::{Account, Error, Users, store::Revocation, users::throttled_name};

/// The caller, by a token whose signature was verified. Whether it still counts is checked here.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// The token's user.
    pub user_id: &'a str,
    /// The token's generation.
    pub token_generation: u64,
    /// A repeated call with the same key has the same result, although the first one revoked the
    /// token.
    pub idempotency_key: Option<&'a str>,
    /// The caller's address, if it is known.
    pub address: Option<IpAddr>,
}

/// What the caller's token says of a revocation.
enum Standing {
    /// The token counts.
    Counts(Account),
    /// An earlier delivery of the same call revoked the token.
    Repeated(Account),
}

impl Users {
    /// Whether a token of this generation counts: its user exists and hasn't revoked it.
    ///
    /// # Errors
    /// The store's failures.
    pub async fn token_counts(&self, user_id: &str, generation: u64) -> Result<bool, Error> {
        let record = self.store.get(user_id).await?;
        Ok(record.is_some_and(|record| !record.deleting && generation >= record.generation))
    }

    /// Whether the caller may revoke tokens or delete the user: the token counts, or the call is a
    /// repeated one, or it continues a deletion.
    ///
    /// # Errors
    /// The store's failures.
    pub async fn may_revoke(&self, caller: Caller<'_>) -> Result<bool, Error> {
        let Some(record) = self.store.get(caller.user_id).await? else {
            let Some(key) = caller.idempotency_key else {
                return Ok(false);
            };
            let known = self.store.deleted_by(caller.user_id).await?;
            return Ok(known.as_deref() == Some(key));
        };
        let repeated = caller.idempotency_key.is_some()
            && caller.idempotency_key == record.revoked_by.as_deref();
        Ok(repeated || caller.token_generation >= record.generation)
    }

    /// Sets a new password and revokes all tokens. Returns the user with the generation of new
    /// tokens.
    ///
    /// # Errors
    /// [`Error::Revoked`], [`Error::WrongPassword`], [`Error::Throttled`], [`Error::Conflict`] and
    /// the store's failures.
    pub async fn change_password(
        &self,
        caller: Caller<'_>,
        current: String,
        new: String,
    ) -> Result<Account, Error> {
        let (account, repeated) = match self.standing(caller).await? {
            Standing::Counts(account) => (account, false),
            Standing::Repeated(account) => (account, true),
        };
        let name = throttled_name(&account.user.username);
        let attempt = self.throttle.admit(&name, caller.address).await?;
        // Without an owner, the user is deleted at the same time.
        let owner = self.store.owner(&account.user.username).await?;
        let owner = owner.ok_or(Error::Conflict)?;
        let expected = if repeated { new.clone() } else { current };
        let stored = owner.password_hash;
        let matches = self.passwords.verify(expected, Some(stored.clone()));
        if !matches.await? {
            attempt.failed();
            return Err(match repeated {
                true => Error::Revoked,
                false => Error::WrongPassword,
            });
        }
        attempt.succeeded().await;
        if repeated {
            return Ok(account);
        }
        let hash = self.passwords.hash(new).await?;
        let passwords = Some((stored.as_str(), hash.as_str()));
        self.next_generation(caller, account, passwords).await
    }

    /// Revokes all of the caller's tokens.
    ///
    /// # Errors
    /// [`Error::Revoked`], [`Error::Conflict`] and the store's failures.
    pub async fn revoke_tokens(&self, caller: Caller<'_>) -> Result<(), Error> {
        match self.standing(caller).await? {
            Standing::Repeated(_) => Ok(()),
            Standing::Counts(account) => {
                self.next_generation(caller, account, None).await?;
                Ok(())
            }
        }
    }

    async fn standing(&self, caller: Caller<'_>) -> Result<Standing, Error> {
        let record = self.store.get(caller.user_id).await?;
        let record = record.filter(|record| !record.deleting);
        let record = record.ok_or(Error::Revoked)?;
        let account = Account {
            user: record.user,
            generation: record.generation,
        };
        if caller.token_generation >= account.generation {
            Ok(Standing::Counts(account))
        } else if caller.idempotency_key.is_some()
            && caller.idempotency_key == record.revoked_by.as_deref()
        {
            Ok(Standing::Repeated(account))
        } else {
            Err(Error::Revoked)
        }
    }

    async fn next_generation(
        &self,
        caller: Caller<'_>,
        account: Account,
        passwords: Option<(&str, &str)>,
    ) -> Result<Account, Error> {
        let generation = account.generation.saturating_add(1);
        let revocation = Revocation {
            user: &account.user,
            generation,
            passwords,
            idempotency_key: caller.idempotency_key,
        };
        self.store.revoke(&revocation).await?;
        Ok(Account {
            generation,
            ..account
        })
    }
}

#[cfg(test)]
mod tests;
