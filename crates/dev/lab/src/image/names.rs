//! Names people and programs give to files: spaces, quotes, other scripts.

use super::content::Rng;
use super::spec::Language;

const STEMS: &[&str] = &[
    "Report",
    "Budget 2024",
    "it's final",
    "Müller & Söhne",
    "résumé (copy)",
    "Счёт-фактура",
    "отчёт за май",
    "見積書",
    "会議メモ",
    "عرض الأسعار",
    "תקציב",
    "प्रस्ताव",
    "e\u{301}te\u{301}",
    "notes #1",
    "100% done",
    "semi;colon, comma",
    "~$draft",
    "a.b.c",
    "[brackets] {braces}",
    "back`tick ^ caret",
    "🚀 launch",
    "UPPER lower",
    "ẞtraße",
    "İstanbul ılık",
];
const EXTENSIONS: &[&str] = &[
    "docx", "xlsx", "pdf", "txt", "jpg", "png", "lnk", "ini", "log", "dat", "db", "json", "url",
    "pst", "one",
];

/// A file name, unique by its number.
pub(super) fn file(rng: &mut Rng, number: usize) -> String {
    format!("{} {number}.{}", rng.pick(STEMS), rng.pick(EXTENSIONS))
}

/// A folder name, unique by its number.
pub(super) fn folder(rng: &mut Rng, number: usize) -> String {
    format!("{} {number:02}", rng.pick(STEMS))
}

/// The compatibility junctions of a profile: name and target below the profile folder.
/// Windows localises the names; the folders they lead to keep their English ones on disk.
pub(super) fn profile_junctions(language: Language) -> &'static [(&'static str, &'static str)] {
    match language {
        Language::En => &[
            ("Application Data", "AppData\\Roaming"),
            ("Local Settings", "AppData\\Local"),
            ("My Documents", "Documents"),
            (
                "Start Menu",
                "AppData\\Roaming\\Microsoft\\Windows\\Start Menu",
            ),
            ("SendTo", "AppData\\Roaming\\Microsoft\\Windows\\SendTo"),
            ("Documents\\My Pictures", "Pictures"),
            ("AppData\\Local\\Application Data", "AppData\\Local"),
        ],
        Language::De => &[
            ("Anwendungsdaten", "AppData\\Roaming"),
            ("Lokale Einstellungen", "AppData\\Local"),
            ("Eigene Dateien", "Documents"),
            (
                "Startmenü",
                "AppData\\Roaming\\Microsoft\\Windows\\Start Menu",
            ),
            ("SendTo", "AppData\\Roaming\\Microsoft\\Windows\\SendTo"),
            ("Documents\\Eigene Bilder", "Pictures"),
            ("AppData\\Local\\Anwendungsdaten", "AppData\\Local"),
        ],
    }
}

/// Junctions in the root of the volume: name and target.
pub(super) fn root_junctions(language: Language) -> &'static [(&'static str, &'static str)] {
    match language {
        Language::En => &[("Documents and Settings", "C:\\Users")],
        Language::De => &[
            ("Documents and Settings", "C:\\Users"),
            ("Dokumente und Einstellungen", "C:\\Users"),
            ("Programme", "C:\\Program Files"),
        ],
    }
}

/// Display names that `desktop.ini` gives to Users, Documents, Pictures, Downloads.
pub(super) fn display(language: Language, folder: &str) -> &'static str {
    match (language, folder) {
        (Language::De, "Users") => "Benutzer",
        (Language::De, "Documents") => "Dokumente",
        (Language::De, "Pictures") => "Bilder",
        (Language::De, "Desktop") => "Schreibtisch",
        (Language::De, _) => "Ordner",
        (Language::En, "Users") => "Users",
        (Language::En, "Documents") => "Documents",
        (Language::En, "Pictures") => "Pictures",
        (Language::En, "Desktop") => "Desktop",
        (Language::En, _) => "Folder",
    }
}
