//! Keyset paging, the same for every list.

use serde::Serialize;

/// Which page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ask {
    /// The `next` of the page before; none for the first.
    pub after: Option<String>,
    /// How many rows; 100 unless told, at most 1,000.
    pub limit: Option<u32>,
    /// Words to look for, as typed.
    pub search: Option<String>,
}

impl Ask {
    /// The number of rows to read.
    #[must_use]
    pub fn rows(&self) -> i64 {
        i64::from(self.limit.unwrap_or(100).clamp(1, 1_000))
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// What to pass as `after` for the next page; none at the end.
    pub next: Option<String>,
    /// How many rows there are in all, where counting is cheap.
    pub total: Option<i64>,
}

impl<T> Page<T> {
    /// A page out of up to `rows + 1` items; the extra one only tells that there is more.
    pub(crate) fn cut(mut items: Vec<T>, rows: i64, key: impl Fn(&T) -> String) -> Self {
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        let more = items.len() > rows;
        items.truncate(rows);
        let next = if more { items.last().map(key) } else { None };
        Self {
            items,
            next,
            total: None,
        }
    }

    /// The same page with its rows changed.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(f).collect(),
            next: self.next,
            total: self.total,
        }
    }
}

/// Where a page begins, as text: 32 hexadecimal digits of an id, then the sort key.
pub(crate) struct Cursor;

impl Cursor {
    pub(crate) fn text(key: &str, id: uuid::Uuid) -> String {
        format!("{}{key}", id.simple())
    }

    /// A cursor that cannot be read begins at the start, like none.
    pub(crate) fn read(ask: &Ask) -> Option<gw_store::After> {
        let text = ask.after.as_deref()?;
        let (id, key) = text.split_at_checked(32)?;
        Some(gw_store::After {
            id: uuid::Uuid::try_parse(id).ok()?,
            key: key.to_owned(),
        })
    }

    /// A cursor that is an id alone.
    pub(crate) fn id<T: From<uuid::Uuid>>(ask: &Ask) -> Option<T> {
        Self::read(ask).map(|after| T::from(after.id))
    }
}
