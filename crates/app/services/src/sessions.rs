//! Signing in and out. Passwords are argon2id hashes; a session is a random token of which only
//! the hash is stored; wrong passwords are slowed down per name and per source.

use crate::{Actor, Internal, Services, error::refused};
use argon2::{
    Argon2, Params,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use chrono::{DateTime, TimeDelta, Utc};
use gw_model::AdminId;
use gw_store::{AdminRecord, Lane, Tx};
use serde::Serialize;
use sha2::Digest as _;
use std::{collections::BTreeMap, sync::Mutex};
use zeroize::Zeroizing;

/// How long a session lasts.
const SESSION: TimeDelta = TimeDelta::hours(12);
/// Wrong passwords per name or source before waiting begins.
const FREE_TRIES: u32 = 5;
/// Names and sources remembered at most; older ones are forgotten first.
const REMEMBERED: usize = 10_000;

/// A session as its holder sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionView {
    /// Who.
    pub admin: AdminId,
    /// Their name.
    pub name: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

/// A new session. The token is shown once; keep it like a password.
#[derive(Clone)]
pub struct SignIn {
    /// What to present from now on.
    pub token: String,
    /// The session.
    pub session: SessionView,
}

/// Signing in was refused.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Deliberately does not say which of the two.
    #[error("the name or the password is wrong")]
    Wrong,
    /// Too many wrong passwords.
    #[error("too many wrong passwords; try again in {after} seconds")]
    Throttled {
        /// Seconds to wait.
        after: u64,
    },
    /// The new password is too short.
    #[error("a password has at least 12 characters")]
    Weak,
    /// Our fault.
    #[error(transparent)]
    Inner(#[from] Internal),
}

refused!(SignInError {
    Self::Wrong => Unknown, "wrong_credentials";
    Self::Throttled { after } => Throttled { after: *after }, "too_many_attempts";
    Self::Weak => Invalid, "password_too_short", "new";
});

impl Services {
    /// Signs in.
    ///
    /// # Errors
    /// Wrong name or password, or too many of them.
    pub async fn sign_in(
        &self,
        name: &str,
        password: &str,
        source: Option<String>,
    ) -> Result<SignIn, SignInError> {
        let now = self.now();
        let keys = [
            format!("name {}", gw_model::fold(name)),
            format!("from {}", source.as_deref().unwrap_or("-")),
        ];
        self.throttle.check(&keys, now)?;
        let held = self.store.read().await?.admin_by_name(name).await?;
        let stored = held.as_ref().map(|admin| admin.password_hash.clone());
        let given = Zeroizing::new(password.to_owned());
        // Work as long for an unknown name as for a known one.
        let fits = blocking(move || match stored {
            Some(stored) => verify(&given, &stored),
            None => {
                let _ = hash(&given, &[0; 16]);
                false
            }
        })
        .await;
        let Some(admin) = held.filter(|_| fits) else {
            self.throttle.failed(&keys, now);
            let actor = Actor {
                admin: None,
                name: "nobody".into(),
                source,
            };
            let row = self.audit_row(&actor, None, "session.refused", "", "a sign-in was refused");
            self.store
                .write(Lane::Agents, async move |tx: &mut Tx| {
                    tx.add_audit(&row).await
                })
                .await?;
            return Err(SignInError::Wrong);
        };
        self.throttle.succeeded(&keys);
        Ok(self.open_session(&admin, source).await?)
    }

    /// Opens a session for somebody who has proven who they are.
    pub(crate) async fn open_session(
        &self,
        admin: &AdminRecord,
        source: Option<String>,
    ) -> Result<SignIn, Internal> {
        let token = data_encoding::BASE32_NOPAD
            .encode(&self.random::<32>())
            .to_ascii_lowercase();
        let (now, hash) = (self.now(), token_hash(&token));
        let expires_at = now + SESSION;
        let actor = Actor::admin(admin.id, admin.name.clone(), source);
        let row = self.audit_row(&actor, None, "session.open", admin.id, "signed in");
        let id = admin.id;
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                tx.add_session(&hash, id, now, expires_at).await?;
                tx.add_audit(&row).await
            })
            .await?;
        let session = SessionView {
            admin: admin.id,
            name: admin.name.clone(),
            created_at: now,
            expires_at,
        };
        Ok(SignIn { token, session })
    }

    /// The session of a token, if there is one.
    ///
    /// # Errors
    /// The store failed.
    pub async fn session(&self, token: &str) -> Result<Option<SessionView>, Internal> {
        let held = self
            .store
            .read()
            .await?
            .session(&token_hash(token), self.now())
            .await?;
        Ok(held.map(|held| SessionView {
            admin: held.admin,
            name: held.admin_name,
            created_at: held.created_at,
            expires_at: held.expires_at,
        }))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The store failed.
    pub async fn sign_out(&self, token: &str) -> Result<(), Internal> {
        let hash = token_hash(token);
        Ok(self
            .store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                tx.remove_session(&hash).await
            })
            .await?)
    }

    /// Gives oneself another password. All of one's sessions end, but for the one that asks.
    ///
    /// # Errors
    /// The current password is wrong, or the new one too short.
    pub async fn change_password(
        &self,
        actor: &Actor,
        token: &str,
        current: &str,
        new: &str,
    ) -> Result<(), SignInError> {
        check_password(new)?;
        let now = self.now();
        let keys = [format!("name {}", gw_model::fold(&actor.name))];
        self.throttle.check(&keys, now)?;
        let held = self.store.read().await?.admin_by_name(&actor.name).await?;
        let held = held.ok_or(SignInError::Wrong)?;
        let (given, stored) = (
            Zeroizing::new(current.to_owned()),
            held.password_hash.clone(),
        );
        if !blocking(move || verify(&given, &stored)).await {
            self.throttle.failed(&keys, now);
            return Err(SignInError::Wrong);
        }
        let hashed = self.hash_password(new).await?;
        let row = self.audit_row(
            actor,
            None,
            "admin.password",
            held.id,
            "changed their password",
        );
        let (id, keep) = (held.id, token_hash(token));
        let session = self.store.read().await?.session(&keep, now).await?;
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                tx.set_admin_password(id, &hashed).await?;
                if let Some(session) = &session {
                    tx.add_session(&keep, id, session.created_at, session.expires_at)
                        .await?;
                }
                tx.add_audit(&row).await
            })
            .await?;
        Ok(())
    }

    /// Hashes a password, off the async threads.
    pub(crate) async fn hash_password(&self, password: &str) -> Result<String, Internal> {
        let (given, salt) = (Zeroizing::new(password.to_owned()), self.random::<16>());
        blocking(move || hash(&given, &salt))
            .await
            .map_err(|error| Internal(Box::new(error)))
    }
}

/// Refuses passwords that are too short to resist guessing.
pub(crate) fn check_password(password: &str) -> Result<(), SignInError> {
    if password.chars().count() < 12 {
        Err(SignInError::Weak)
    } else {
        Ok(())
    }
}

fn hasher() -> Argon2<'static> {
    // OWASP's second recommendation for argon2id: 19 MiB, two passes, one lane. Also what keeps
    // an idle server small.
    let params = Params::new(19_456, 2, 1, None).unwrap_or_default();
    Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
}

fn hash(password: &str, salt: &[u8]) -> Result<String, argon2::password_hash::Error> {
    hasher()
        .hash_password_with_salt(password.as_bytes(), salt)
        .map(|hash: PasswordHash| hash.to_string())
}

fn verify(password: &str, stored: &str) -> bool {
    PasswordHash::new(stored)
        .is_ok_and(|hash| hasher().verify_password(password.as_bytes(), &hash).is_ok())
}

/// Runs expensive work off the async threads. The work itself cannot fail to come back unless it
/// panics; then the process is in no state to go on with this request.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn token_hash(token: &str) -> Vec<u8> {
    sha2::Sha256::digest(token.as_bytes()).to_vec()
}

/// Counts wrong passwords per name and per source.
#[derive(Default)]
pub(crate) struct Throttle(Mutex<BTreeMap<String, (u32, DateTime<Utc>)>>);

impl Throttle {
    fn check(&self, keys: &[String], now: DateTime<Utc>) -> Result<(), SignInError> {
        let held = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let until = keys
            .iter()
            .filter_map(|key| held.get(key))
            .filter(|(n, _)| *n >= FREE_TRIES);
        match until.map(|(n, last)| *last + wait(*n)).max() {
            Some(until) if until > now => {
                let after = u64::try_from((until - now).num_seconds())
                    .unwrap_or(0)
                    .max(1);
                Err(SignInError::Throttled { after })
            }
            _ => Ok(()),
        }
    }

    fn failed(&self, keys: &[String], now: DateTime<Utc>) {
        let mut held = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        for key in keys {
            let entry = held.entry(key.clone()).or_insert((0, now));
            *entry = (entry.0 + 1, now);
        }
        if held.len() > REMEMBERED {
            held.retain(|_, (_, last)| now - *last < TimeDelta::minutes(15));
        }
        while held.len() > REMEMBERED {
            held.pop_first();
        }
    }

    fn succeeded(&self, keys: &[String]) {
        let mut held = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        for key in keys {
            held.remove(key);
        }
    }
}

/// Doubles from 2 s to 15 minutes.
fn wait(failures: u32) -> TimeDelta {
    let exponent = failures.saturating_sub(FREE_TRIES).min(9) + 1;
    TimeDelta::seconds((1_i64 << exponent).min(900))
}
