//! Values as they are read: shared with the engine, not copied.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use redb::OwnedAccessGuard;

/// A value as read from a store. It derefs to `[u8]` and does not borrow from what it was read from.
///
/// Nothing is copied: bytes read from a file stay in the page they were found in. Such a page
/// stays pinned for as long as the value is held, even when its snapshot has expired, so a value
/// that is to be kept is best taken as [`into_vec`](Bytes::into_vec).
///
/// ```
/// use crm_engine::store::Bytes;
/// let bytes = Bytes::from(b"roof".to_vec());
/// assert_eq!(bytes, *b"roof");
/// assert_eq!(bytes.into_vec(), b"roof");
/// ```
pub struct Bytes(Place);

enum Place {
    /// In a batch or in the memory engine.
    Shared(Arc<[u8]>),
    /// In a page of redb; the guard keeps the page and its read transaction.
    Page(OwnedAccessGuard<&'static [u8]>),
}

impl Bytes {
    pub(super) fn from_page(guard: OwnedAccessGuard<&'static [u8]>) -> Bytes {
        Bytes(Place::Page(guard))
    }

    /// The bytes as a vector of their own.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        self.to_vec()
    }
}

impl From<Arc<[u8]>> for Bytes {
    fn from(bytes: Arc<[u8]>) -> Bytes {
        Bytes(Place::Shared(bytes))
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Bytes {
        Bytes(Place::Shared(bytes.into()))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Place::Shared(bytes) => bytes,
            Place::Page(guard) => guard.value(),
        }
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Bytes) -> bool {
        **self == **other
    }
}

impl Eq for Bytes {}

impl PartialEq<[u8]> for Bytes {
    fn eq(&self, other: &[u8]) -> bool {
        **self == *other
    }
}

impl<const N: usize> PartialEq<[u8; N]> for Bytes {
    fn eq(&self, other: &[u8; N]) -> bool {
        **self == *other
    }
}
