//! Values on their way into and out of SQL, the same for both databases.
//!
//! Everything is one of four column types: 64-bit integer, text, bytes, 16-byte id. Times are
//! microseconds since 1970 UTC, truth values 0 and 1, words and documents are text.

use crate::StoreError;
use chrono::{DateTime, Utc};
use gw_model::{
    AdminId, AgentId, AuditId, BatchId, CustomerId, DeviceId, DirectoryId, EventCode, Guid, JobId,
    LicenceId, ObjectId, OrderId, ProfileId, PskId, RunId, RunbookId, TranslationId,
};
use gw_secdesc::Sid;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::Row as _;
use uuid::Uuid;

/// A bound parameter. A null carries its type, which PostgreSQL wants to know.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
    Id(Option<Uuid>),
}

/// A list of bound parameters, from values that know how to become one.
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::value::Value::from($value)),*] };
}
pub(crate) use args;

/// An enum stored as its serde word.
pub(crate) struct Word<T>(pub(crate) T);
/// A value stored as a JSON document.
pub(crate) struct Doc<T>(pub(crate) T);

macro_rules! bind {
    ($($type:ty => $variant:ident($value:ident) $convert:expr;)*) => {$(
        impl From<$type> for Value {
            fn from($value: $type) -> Self { Self::$variant(Some($convert)) }
        }
        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self {
                Self::$variant(value.map(|$value| $convert))
            }
        }
    )*};
}
bind! {
    i64 => Int(v) v;
    i32 => Int(v) i64::from(v);
    u16 => Int(v) i64::from(v);
    u32 => Int(v) i64::from(v);
    bool => Int(v) i64::from(v);
    DateTime<Utc> => Int(v) v.timestamp_micros();
    String => Text(v) v;
    &str => Text(v) v.to_owned();
    &String => Text(v) v.clone();
    Vec<u8> => Bytes(v) v;
    &[u8] => Bytes(v) v.to_vec();
    Uuid => Id(v) v;
    Guid => Id(v) v.0;
    Sid => Text(v) v.to_string();
    &Sid => Text(v) v.to_string();
    EventCode => Int(v) i64::from(v.0);
}

impl<T: Serialize> From<Word<T>> for Value {
    fn from(word: Word<T>) -> Self {
        match serde_json::to_value(word.0) {
            Ok(serde_json::Value::String(text)) => Self::Text(Some(text)),
            Ok(serde_json::Value::Null) => Self::Text(None),
            // Not reachable for the unit enums stored here; the CHECK would refuse it.
            Ok(other) => Self::Text(Some(other.to_string())),
            Err(_) => Self::Text(None),
        }
    }
}
impl<T: Serialize> From<Doc<T>> for Value {
    fn from(doc: Doc<T>) -> Self {
        Self::Text(serde_json::to_string(&doc.0).ok())
    }
}

/// A row of either database.
pub(crate) enum Row {
    Sqlite(sqlx::sqlite::SqliteRow),
    Postgres(sqlx::postgres::PgRow),
}

impl Row {
    /// Reads the columns from left to right.
    pub(crate) fn columns(&self) -> Columns<'_> {
        Columns { row: self, next: 0 }
    }

    /// The first column.
    pub(crate) fn first<T: Column>(&self) -> Result<T, StoreError> {
        self.columns().take()
    }
}

/// A cursor over the columns of a row.
pub(crate) struct Columns<'r> {
    row: &'r Row,
    next: usize,
}

impl Columns<'_> {
    /// The next column.
    pub(crate) fn take<T: Column>(&mut self) -> Result<T, StoreError> {
        let at = self.next;
        self.next += 1;
        T::read(self.row, at)
    }

    /// The next column, an enum stored as its word.
    pub(crate) fn word<T: DeserializeOwned>(&mut self) -> Result<T, StoreError> {
        let at = self.next;
        let text: String = self.take()?;
        serde_json::from_value(serde_json::Value::String(text))
            .map_err(|error| StoreError::content(at, error))
    }

    /// The next column, an enum stored as its word, or null.
    pub(crate) fn word_if_any<T: DeserializeOwned>(&mut self) -> Result<Option<T>, StoreError> {
        let at = self.next;
        let text: Option<String> = self.take()?;
        text.map(|text| serde_json::from_value(serde_json::Value::String(text)))
            .transpose()
            .map_err(|error| StoreError::content(at, error))
    }

    /// The next column, a JSON document.
    pub(crate) fn doc<T: DeserializeOwned>(&mut self) -> Result<T, StoreError> {
        let at = self.next;
        let text: String = self.take()?;
        serde_json::from_str(&text).map_err(|error| StoreError::content(at, error))
    }

    /// The next column, a JSON document or null.
    pub(crate) fn doc_if_any<T: DeserializeOwned>(&mut self) -> Result<Option<T>, StoreError> {
        let at = self.next;
        let text: Option<String> = self.take()?;
        text.map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|error| StoreError::content(at, error))
    }
}

/// A type that a column can be read as.
pub(crate) trait Column: Sized {
    fn read(row: &Row, at: usize) -> Result<Self, StoreError>;
}

macro_rules! raw {
    ($($type:ty),*) => {$(
        impl Column for $type {
            fn read(row: &Row, at: usize) -> Result<Self, StoreError> {
                match row {
                    Row::Sqlite(row) => row.try_get(at),
                    Row::Postgres(row) => row.try_get(at),
                }
                .map_err(|source| StoreError::Column { at, source })
            }
        }
        impl Column for Option<$type> {
            fn read(row: &Row, at: usize) -> Result<Self, StoreError> {
                match row {
                    Row::Sqlite(row) => row.try_get(at),
                    Row::Postgres(row) => row.try_get(at),
                }
                .map_err(|source| StoreError::Column { at, source })
            }
        }
    )*};
}
raw!(i64, String, Vec<u8>, Uuid);

macro_rules! made {
    ($($type:ty, $raw:ty, |$value:ident, $at:ident| $make:expr;)*) => {$(
        impl Column for $type {
            fn read(row: &Row, $at: usize) -> Result<Self, StoreError> {
                let $value = <$raw>::read(row, $at)?;
                $make
            }
        }
        impl Column for Option<$type> {
            fn read(row: &Row, $at: usize) -> Result<Self, StoreError> {
                match Option::<$raw>::read(row, $at)? {
                    Some($value) => $make.map(Some),
                    None => Ok(None),
                }
            }
        }
    )*};
}
made! {
    bool, i64, |v, _at| Ok::<bool, StoreError>(v != 0);
    i32, i64, |v, at| i32::try_from(v).map_err(|error| StoreError::content(at, error));
    DateTime<Utc>, i64, |v, at| DateTime::from_timestamp_micros(v)
        .ok_or_else(|| StoreError::content(at, OutOfRange(v)));
    Guid, Uuid, |v, _at| Ok::<Guid, StoreError>(Guid(v));
    Sid, String, |v, at| v.parse::<Sid>().map_err(|error| StoreError::content(at, error));
}

/// A time outside of what a calendar can show.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not a time")]
struct OutOfRange(i64);

macro_rules! ids {
    ($($name:ident),*) => {$(
        bind! { $name => Id(v) v.0; }
        made! { $name, Uuid, |v, _at| Ok::<$name, StoreError>($name(v)); }
    )*};
}
ids!(
    AdminId,
    AgentId,
    AuditId,
    BatchId,
    CustomerId,
    DeviceId,
    DirectoryId,
    JobId,
    LicenceId,
    ObjectId,
    OrderId,
    ProfileId,
    PskId,
    RunId,
    RunbookId,
    TranslationId
);
