//! User Experience tab (A-109…A-113).

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A screen that the device's owner may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialog {
    /// The runbook may be started.
    Available,
    /// It starts soon.
    Starting,
    /// It runs.
    InProgress,
    /// It ended well.
    Complete,
    /// The server cannot be reached.
    ServiceUnavailable,
    /// Shown at sign-in during the run.
    LegalNotice,
    /// Asks for the target credential ahead of an offline join.
    CacheCredentials,
}

/// The wording of one dialog in one language; empty fields fall back to ours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Texts {
    /// Heading.
    pub title: String,
    /// Text.
    pub body: String,
    /// A link that is shown as text and as a QR code.
    pub help_url: Option<String>,
}

/// The tab.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UserExperience {
    /// Whose migration it is.
    pub company_name: String,
    /// SHA-256 of a logo.
    pub logo: Option<String>,
    /// Whom to ask.
    pub support_contact: String,
    /// Further instructions.
    pub instructions: String,
    /// Language tag (`de-CH`, or `default`) → dialog → wording.
    pub texts: BTreeMap<String, BTreeMap<Dialog, Texts>>,
}
