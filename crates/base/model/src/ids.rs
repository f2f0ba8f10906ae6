//! One newtype per kind of thing. The text form carries a prefix (`dev_0190…`), so that an id
//! pasted into a ticket says what it names and cannot be used in the wrong place.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// The text is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an id of the form {prefix}_<32 hex digits>")]
pub struct IdError {
    /// The prefix that was expected.
    pub prefix: &'static str,
    /// What was given.
    pub text: String,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The prefix of the text form.
            pub const PREFIX: &'static str = $prefix;
        }
        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}_{}", $prefix, self.0.simple())
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let wrong = || IdError { prefix: $prefix, text: text.chars().take(64).collect() };
                let hex = text
                    .strip_prefix($prefix)
                    .and_then(|rest| rest.strip_prefix('_'))
                    .ok_or_else(wrong)?;
                if hex.len() != 32 {
                    return Err(wrong());
                }
                Uuid::try_parse(hex).map(Self).map_err(|_| wrong())
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// A customer environment.
    CustomerId = "cus";
    /// A connection to a directory.
    DirectoryId = "dir";
    /// An imported user, group or computer.
    ObjectId = "obj";
    /// A sync profile.
    ProfileId = "prf";
    /// A pair of the translation table.
    TranslationId = "tra";
    /// A runbook (all its versions).
    RunbookId = "rbk";
    /// A batch.
    BatchId = "bat";
    /// Our own row for a machine.
    DeviceId = "dev";
    /// One enrolment of an agent on a device.
    AgentId = "agt";
    /// One runbook on one device.
    RunId = "run";
    /// A signed order to a device.
    OrderId = "ord";
    /// A pre-shared key.
    PskId = "psk";
    /// A licence.
    LicenceId = "lic";
    /// A background job.
    JobId = "job";
    /// An administrator of the console.
    AdminId = "adm";
    /// A row of the audit trail.
    AuditId = "aud";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips_and_refuses_other_kinds() {
        let id = DeviceId(Uuid::from_u128(7));
        let text = id.to_string();
        assert_eq!(text, "dev_00000000000000000000000000000007");
        assert_eq!(text.parse::<DeviceId>(), Ok(id));
        assert!(text.parse::<RunId>().is_err());
        for bad in ["", "dev_", "dev_7", "dev_0000000000000000000000000000000g"] {
            assert!(bad.parse::<DeviceId>().is_err(), "{bad}");
        }
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{text}\""));
    }
}
