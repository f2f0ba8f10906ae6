//! Names that Windows translates.

/// Language of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English names.
    #[default]
    English,
    /// German names.
    German,
}

/// A built-in local group.
pub(super) struct BuiltinGroup {
    pub(super) rid: u32,
    english: &'static str,
    german: &'static str,
}

impl BuiltinGroup {
    pub(super) fn name(&self, language: Language) -> &'static str {
        match language {
            Language::English => self.english,
            Language::German => self.german,
        }
    }
}

/// The built-in groups by RID.
pub(super) const BUILTIN_GROUPS: [BuiltinGroup; 10] = [
    group(544, "Administrators", "Administratoren"),
    group(545, "Users", "Benutzer"),
    group(546, "Guests", "Gäste"),
    group(547, "Power Users", "Hauptbenutzer"),
    group(551, "Backup Operators", "Sicherungs-Operatoren"),
    group(555, "Remote Desktop Users", "Remotedesktopbenutzer"),
    group(
        556,
        "Network Configuration Operators",
        "Netzwerkkonfigurations-Operatoren",
    ),
    group(559, "Performance Log Users", "Leistungsprotokollbenutzer"),
    group(573, "Event Log Readers", "Ereignisprotokollleser"),
    group(580, "Remote Management Users", "Remoteverwaltungsbenutzer"),
];

const fn group(rid: u32, english: &'static str, german: &'static str) -> BuiltinGroup {
    BuiltinGroup {
        rid,
        english,
        german,
    }
}

pub(super) fn administrator(language: Language) -> &'static str {
    match language {
        Language::English | Language::German => "Administrator",
    }
}

pub(super) fn guest(language: Language) -> &'static str {
    match language {
        Language::English => "Guest",
        Language::German => "Gast",
    }
}
