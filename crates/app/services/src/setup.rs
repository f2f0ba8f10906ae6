//! The first minutes of a server: a one-time address makes the first administrator and the first
//! customer, and shows the recovery key.

use crate::{
    Actor, CustomerError, Internal, Services, SignIn, SignInError, error::refused,
    sessions::check_password,
};
use gw_model::{AdminId, fold};
use gw_store::{AdminRecord, Lane, Tx};
use gw_wire::seal::RecipientKey;
use sha2::Digest as _;

const TOKEN: &str = "setup token";
const RECOVERY_PUBLIC: &str = "recovery public key";
const RECOVERY_CONFIRMED: &str = "recovery key confirmed";
const RECOVERY_PREFIX: &str = "gwr1.";

/// Whether the server waits for its first administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetupState {
    /// There is no administrator yet.
    pub needed: bool,
}

/// What set-up made.
pub struct SetupDone {
    /// The administrator, signed in.
    pub signed_in: SignIn,
    /// Opens the keys inside a backup. Shown once; only its public half is kept.
    pub recovery_key: String,
}

/// Set-up or a change of administrators was refused.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Set-up is over.
    #[error("this server is set up already; sign in")]
    Done,
    /// The token is wrong or was replaced.
    #[error("the set-up address is not valid any more; the server prints a new one when it starts")]
    Token,
    /// The name cannot be used.
    #[error("a name has 1 to 100 characters")]
    Name,
    /// The name is taken.
    #[error("there is an administrator `{name}` already")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The password is too short.
    #[error("a password has at least 12 characters")]
    Weak,
    /// No such administrator.
    #[error("there is no such administrator")]
    NotFound,
    /// Nobody could sign in any more.
    #[error("the last administrator cannot be removed; add another one first")]
    Last,
    /// The recovery key is wrong.
    #[error("this is not the recovery key that was shown at set-up; check for a typing mistake")]
    RecoveryKey,
    /// The first customer.
    #[error(transparent)]
    Customer(#[from] CustomerError),
    /// Our fault.
    #[error(transparent)]
    Inner(#[from] Internal),
}

refused!(SetupError {
    Self::Done => Conflict, "setup_done";
    Self::Token => Forbidden, "setup_token_invalid", "token";
    Self::Name => Invalid, "name_length", "name";
    Self::NameTaken { .. } => Conflict, "name_taken", "name";
    Self::Weak => Invalid, "password_too_short", "password";
    Self::NotFound => NotFound, "admin_not_found";
    Self::Last => Conflict, "admin_last";
    Self::RecoveryKey => Invalid, "recovery_key_wrong", "recovery_key";
    Self::Customer(error) => crate::Refused::kind(error), "customer_refused", "customer_name";
});

impl From<SignInError> for SetupError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Inner(inner) => Self::Inner(inner),
            _ => Self::Weak,
        }
    }
}

impl Services {
    /// Whether the server waits for its first administrator.
    ///
    /// # Errors
    /// The store failed.
    pub async fn setup_state(&self) -> Result<SetupState, Internal> {
        let needed = self.store.read().await?.admin_count().await? == 0;
        Ok(SetupState { needed })
    }

    /// A new one-time token while there is no administrator; it replaces the one before.
    ///
    /// # Errors
    /// The store failed.
    pub async fn setup_token(&self) -> Result<Option<String>, Internal> {
        if !self.setup_state().await?.needed {
            return Ok(None);
        }
        let token = data_encoding::BASE32_NOPAD
            .encode(&self.random::<20>())
            .to_ascii_lowercase();
        let hash = hash(&token);
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                tx.set_setting(TOKEN, &hash).await
            })
            .await?;
        Ok(Some(token))
    }

    /// Makes the first administrator and the first customer, and signs in.
    ///
    /// # Errors
    /// The token is wrong, set-up is over, or a field cannot be used.
    pub async fn set_up(
        &self,
        token: &str,
        name: &str,
        password: &str,
        customer_name: &str,
        source: Option<String>,
    ) -> Result<SetupDone, SetupError> {
        check_name(name)?;
        check_password(password)?;
        crate::customers::check_name(customer_name)?;
        let given = hash(token);
        let mut tx = self.store.read().await?;
        if tx.admin_count().await? > 0 {
            return Err(SetupError::Done);
        }
        if tx.setting(TOKEN).await?.as_deref() != Some(given.as_str()) {
            return Err(SetupError::Token);
        }
        drop(tx);
        let admin = AdminRecord {
            id: self.id(),
            name: name.trim().to_owned(),
            password_hash: self.hash_password(password).await?,
            created_at: self.now(),
        };
        let recovery = RecipientKey::generate().map_err(|error| Internal(Box::new(error)))?;
        let recovery_public = hex::encode(recovery.public());
        let recovery_key = recovery_text(recovery.expose_private());
        let actor = Actor::admin(admin.id, admin.name.clone(), source.clone());
        let row = self.audit_row(&actor, None, "server.set_up", admin.id, "set the server up");
        let first = admin.clone();
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                if tx.admin_count().await? > 0 {
                    return Err(SetupError::Done);
                }
                if tx.setting(TOKEN).await?.as_deref() != Some(given.as_str()) {
                    return Err(SetupError::Token);
                }
                tx.add_admin(&first).await?;
                tx.clear_setting(TOKEN).await?;
                tx.set_setting(RECOVERY_PUBLIC, &recovery_public).await?;
                tx.add_audit(&row).await?;
                Ok(())
            })
            .await?;
        self.create_customer(&actor, customer_name).await?;
        Ok(SetupDone {
            signed_in: self.open_session(&admin, source).await?,
            recovery_key,
        })
    }

    /// Records that the recovery key was written down, by having it typed in.
    ///
    /// # Errors
    /// It is another key.
    pub async fn confirm_recovery_key(&self, actor: &Actor, text: &str) -> Result<(), SetupError> {
        let public = self
            .store
            .read()
            .await?
            .setting(RECOVERY_PUBLIC)
            .await?
            .unwrap_or_default();
        let public = hex::decode(public).unwrap_or_default();
        let private = recovery_bytes(text).ok_or(SetupError::RecoveryKey)?;
        let key =
            RecipientKey::from_parts(&private, &public).map_err(|_| SetupError::RecoveryKey)?;
        if !opens_itself(&key, &public) {
            return Err(SetupError::RecoveryKey);
        }
        let row = self.audit_row(
            actor,
            None,
            "server.recovery_key",
            "",
            "confirmed the recovery key",
        );
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                tx.set_setting(RECOVERY_CONFIRMED, "yes").await?;
                tx.add_audit(&row).await
            })
            .await?;
        Ok(())
    }

    /// Whether the recovery key was confirmed.
    ///
    /// # Errors
    /// The store failed.
    pub async fn recovery_key_confirmed(&self) -> Result<bool, Internal> {
        Ok(self
            .store
            .read()
            .await?
            .setting(RECOVERY_CONFIRMED)
            .await?
            .is_some())
    }

    /// All administrators by name.
    ///
    /// # Errors
    /// The store failed.
    pub async fn admins(&self) -> Result<Vec<AdminRecord>, Internal> {
        Ok(self.store.read().await?.admins().await?)
    }

    /// Adds an administrator.
    ///
    /// # Errors
    /// The name is taken, or name or password cannot be used.
    pub async fn add_admin(
        &self,
        actor: &Actor,
        name: &str,
        password: &str,
    ) -> Result<AdminRecord, SetupError> {
        check_name(name)?;
        check_password(password)?;
        let admin = AdminRecord {
            id: self.id(),
            name: name.trim().to_owned(),
            password_hash: self.hash_password(password).await?,
            created_at: self.now(),
        };
        let row = self.audit_row(
            actor,
            None,
            "admin.create",
            admin.id,
            format!("added administrator {}", admin.name),
        );
        let new = admin.clone();
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                if !tx.add_admin(&new).await? {
                    return Err(SetupError::NameTaken {
                        name: new.name.clone(),
                    });
                }
                tx.add_audit(&row).await?;
                Ok(())
            })
            .await?;
        Ok(admin)
    }

    /// Removes an administrator and their sessions.
    ///
    /// # Errors
    /// There is none, or it is the last one.
    pub async fn remove_admin(&self, actor: &Actor, id: AdminId) -> Result<(), SetupError> {
        let row = self.audit_row(actor, None, "admin.remove", id, "removed an administrator");
        self.store
            .write(Lane::Agents, async move |tx: &mut Tx| {
                if !tx.remove_admin(id).await? {
                    return Err(SetupError::NotFound);
                }
                if tx.admin_count().await? == 0 {
                    return Err(SetupError::Last);
                }
                tx.add_audit(&row).await?;
                Ok(())
            })
            .await
    }
}

fn check_name(name: &str) -> Result<(), SetupError> {
    let length = name.trim().chars().count();
    if length == 0 || length > 100 || fold(name).is_empty() {
        Err(SetupError::Name)
    } else {
        Ok(())
    }
}

fn hash(token: &str) -> String {
    hex::encode(sha2::Sha256::digest(token.trim().as_bytes()))
}

/// Groups of five, easy to write down.
pub(crate) fn recovery_text(private: &[u8]) -> String {
    let body = data_encoding::BASE32_NOPAD.encode(private);
    let groups: Vec<&str> = body
        .as_bytes()
        .chunks(5)
        .filter_map(|part| std::str::from_utf8(part).ok())
        .collect();
    format!("{RECOVERY_PREFIX}{}", groups.join("-"))
}

pub(crate) fn recovery_bytes(text: &str) -> Option<Vec<u8>> {
    let plain: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .collect();
    let body = plain.get(RECOVERY_PREFIX.len()..)?;
    plain
        .get(..RECOVERY_PREFIX.len())
        .filter(|prefix| prefix.eq_ignore_ascii_case(RECOVERY_PREFIX))?;
    data_encoding::BASE32_NOPAD
        .decode(body.to_ascii_uppercase().as_bytes())
        .ok()
}

/// What is sealed to the public half must open with the private half.
fn opens_itself(key: &RecipientKey, public: &[u8]) -> bool {
    let context = gw_wire::seal::SealContext {
        purpose: gw_wire::seal::Purpose::Escrow,
        customer: gw_model::CustomerId(uuid::Uuid::nil()),
        device: gw_model::DeviceId(uuid::Uuid::nil()),
        order: None,
    };
    gw_wire::seal::seal(public, &context, b"check", b"check")
        .and_then(|sealed| key.open(&context, b"check", &sealed))
        .is_ok_and(|plain| plain == b"check")
}
