//! The table of handles: what a host holds is a place and a generation, never an address.
//!
//! Nothing in this room dereferences a handle, so a closed, foreign, mistyped or invented one
//! is an error like any other. Everything a host owns stands in this one table.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};

use crm_engine::{Code, Error, Result};

/// Half of the bits above the mark hold the place, rounded down in favour of the generation:
/// 24 of 64 (16 million open handles), 15 of 32 (32,768 open handles).
const SLOT_BITS: u32 = if usize::BITS >= 64 { 24 } else { 15 };
/// Open handles in one process.
const HANDLES_MAX: usize = 1 << SLOT_BITS;
/// Generations count up to here and start again: 2^39 uses of one place, 2^16 on 32 bits.
const GENERATION_MAX: usize = (1 << (usize::BITS - 1 - SLOT_BITS)) - 1;
/// Set in every handle, so that NULL and aligned addresses are never handles.
const MARK: usize = 1;

/// What stands behind a handle. `Opaque` is the type the host sees a pointer to.
pub(crate) trait Handle: Any + Send + Sync {
    /// The incomplete type of the C header.
    type Opaque;
    /// The name of that type, for messages.
    const NAME: &'static str;
}

type Entry = Arc<dyn Any + Send + Sync>;

struct Slot {
    generation: usize,
    entry: Option<Entry>,
}

struct Table {
    slots: Vec<Slot>,
    /// Free places, the one freed longest ago first: a stale handle is caught for longest.
    free: VecDeque<usize>,
}

static TABLE: RwLock<Table> = RwLock::new(Table {
    slots: Vec::new(),
    free: VecDeque::new(),
});

/// Puts a value into the table.
///
/// # Errors
/// [`Code::LimitExceeded`] when every place is taken.
pub(crate) fn insert<T: Handle>(value: T) -> Result<*mut T::Opaque> {
    let mut table = TABLE.write().unwrap_or_else(PoisonError::into_inner);
    let at = match table.free.pop_front() {
        Some(at) => at,
        None if table.slots.len() < HANDLES_MAX => {
            table.slots.push(Slot {
                generation: 0,
                entry: None,
            });
            table.slots.len() - 1
        }
        None => {
            let message = format!("no more than {HANDLES_MAX} handles can be open");
            return Err(Error::new(Code::LimitExceeded, message));
        }
    };
    let slot = &mut table.slots[at];
    slot.entry = Some(Arc::new(value));
    let number = (((slot.generation << SLOT_BITS) | at) << 1) | MARK;
    Ok(std::ptr::without_provenance_mut(number))
}

/// The value behind a handle.
///
/// # Errors
/// [`Code::NullArgument`] and [`Code::BadHandle`].
pub(crate) fn get<T: Handle>(handle: *mut T::Opaque) -> Result<Arc<T>> {
    let (at, generation) = place::<T>(handle)?;
    let table = TABLE.read().unwrap_or_else(PoisonError::into_inner);
    let entry = table
        .slots
        .get(at)
        .filter(|slot| slot.generation == generation)
        .and_then(|slot| slot.entry.clone());
    drop(table);
    entry
        .and_then(|entry| Arc::downcast(entry).ok())
        .ok_or_else(bad::<T>)
}

/// Takes the value out; the handle is bad from now on.
///
/// # Errors
/// [`Code::NullArgument`] and [`Code::BadHandle`]. The table is then unchanged.
pub(crate) fn remove<T: Handle>(handle: *mut T::Opaque) -> Result<Arc<T>> {
    let (at, generation) = place::<T>(handle)?;
    let mut table = TABLE.write().unwrap_or_else(PoisonError::into_inner);
    let slot = table
        .slots
        .get_mut(at)
        .filter(|slot| slot.generation == generation)
        .filter(|slot| slot.entry.as_deref().is_some_and(|entry| entry.is::<T>()))
        .ok_or_else(bad::<T>)?;
    let entry = slot.entry.take();
    slot.generation = if generation == GENERATION_MAX {
        0
    } else {
        generation + 1
    };
    table.free.push_back(at);
    // The value may end here, which can take time: not under the lock.
    drop(table);
    entry
        .and_then(|entry| Arc::downcast(entry).ok())
        .ok_or_else(bad::<T>)
}

/// Every open value of one type.
pub(crate) fn all<T: Handle>() -> Vec<Arc<T>> {
    let table = TABLE.read().unwrap_or_else(PoisonError::into_inner);
    let entries = table.slots.iter().filter_map(|slot| slot.entry.clone());
    entries
        .filter_map(|entry| Arc::downcast(entry).ok())
        .collect()
}

/// How many handles are open.
pub(crate) fn live() -> i64 {
    let table = TABLE.read().unwrap_or_else(PoisonError::into_inner);
    (table.slots.len() - table.free.len()) as i64
}

fn place<T: Handle>(handle: *mut T::Opaque) -> Result<(usize, usize)> {
    if handle.is_null() {
        let message = format!("the {} is NULL", T::NAME);
        return Err(Error::new(Code::NullArgument, message).with("argument", T::NAME));
    }
    let number = handle.addr();
    if number & MARK == 0 {
        return Err(bad::<T>());
    }
    Ok(((number >> 1) & (HANDLES_MAX - 1), number >> (SLOT_BITS + 1)))
}

fn bad<T: Handle>() -> Error {
    Error::new(Code::BadHandle, format!("this is not an open {}", T::NAME))
        .with("expected", T::NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Red(u32);
    struct Blue;
    enum RedOpaque {}
    enum BlueOpaque {}

    impl Handle for Red {
        type Opaque = RedOpaque;
        const NAME: &'static str = "red";
    }
    impl Handle for Blue {
        type Opaque = BlueOpaque;
        const NAME: &'static str = "blue";
    }

    fn code<T>(result: Result<T>) -> Code {
        result.err().expect("an error").code()
    }

    #[test]
    fn a_closed_handle_stays_bad_when_its_place_is_used_again() {
        let mut closed = Vec::new();
        for round in 0..100 {
            let handle = insert(Red(round)).unwrap();
            assert_eq!(get::<Red>(handle).unwrap().0, round);
            assert_eq!(remove::<Red>(handle).unwrap().0, round);
            closed.push(handle);
        }
        for handle in closed {
            assert_eq!(code(get::<Red>(handle)), Code::BadHandle);
            assert_eq!(code(remove::<Red>(handle)), Code::BadHandle);
        }
    }

    #[test]
    fn a_handle_of_another_type_is_bad_and_stays_open() {
        let blue = insert(Blue).unwrap();
        assert_eq!(code(get::<Red>(blue.cast())), Code::BadHandle);
        assert_eq!(code(remove::<Red>(blue.cast())), Code::BadHandle);
        assert!(remove::<Blue>(blue).is_ok());
    }

    #[test]
    fn null_and_invented_handles_are_told_apart() {
        assert_eq!(code(get::<Red>(std::ptr::null_mut())), Code::NullArgument);
        for number in [
            1,
            2,
            7,
            4096,
            usize::MAX,
            usize::MAX - 1,
            1 << (usize::BITS - 1),
        ] {
            let invented = std::ptr::without_provenance_mut(number);
            assert_eq!(code(get::<Blue>(invented)), Code::BadHandle, "{number:x}");
        }
        let local = 5_u64;
        let address = std::ptr::from_ref(&local).cast_mut();
        assert_eq!(code(get::<Red>(address.cast())), Code::BadHandle);
    }

    #[test]
    fn a_value_outlives_its_handle_while_it_is_used() {
        let handle = insert(Red(7)).unwrap();
        let held = get::<Red>(handle).unwrap();
        remove::<Red>(handle).unwrap();
        assert_eq!(held.0, 7);
    }
}
