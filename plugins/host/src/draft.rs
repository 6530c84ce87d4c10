//! What the host offers to `validate`: reading the draft and refusing it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::c_char;
use std::mem::size_of;
use std::ptr::from_ref;
use std::thread::{self, ThreadId};

use crm_engine::limits::PLUGIN_REFUSALS_MAX;
use crm_engine::{FieldReader, Result};
use crm_plugin_abi::raw::{
    CRM_PLUGIN_EMPTY, CRM_PLUGIN_LIMIT_EXCEEDED, CRM_PLUGIN_MISUSE, CRM_PLUGIN_NULL_ARGUMENT,
    CRM_PLUGIN_OK, DraftApi, DraftHandle, Text,
};
use crm_plugin_abi::{Refusal, read_text};

use crate::{Reported, guarded};

/// The table that every `validate` gets.
pub(crate) static DRAFT_API: DraftApi = DraftApi {
    struct_size: size_of::<DraftApi>() as i32,
    is_creation,
    text,
    decimal,
    integer,
    checkbox,
    refuse,
    set_error,
};

/// A draft during one call of a validator: what it may read, and what it has said so far.
pub(crate) struct View<'a> {
    reader: &'a dyn FieldReader,
    thread: ThreadId,
    texts: RefCell<BTreeMap<(Form, String), Vec<u8>>>,
    said: RefCell<Said>,
}

/// The forms in which a field is read as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Text,
    Decimal,
}

/// What a validator has said.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) refusals: Vec<Refusal>,
    pub(crate) error: Option<Reported>,
}

impl<'a> View<'a> {
    /// A view for a call on this thread.
    pub(crate) fn new(reader: &'a dyn FieldReader) -> View<'a> {
        View {
            reader,
            thread: thread::current().id(),
            texts: RefCell::default(),
            said: RefCell::default(),
        }
    }

    /// What the plugin knows the view by, until the view is dropped.
    pub(crate) fn handle(&self) -> *mut DraftHandle {
        from_ref(self).cast_mut().cast()
    }

    /// What the validator has said.
    pub(crate) fn said(self) -> Said {
        self.said.into_inner()
    }

    /// A field as text that stays where it is until the view is dropped. Each is kept once, so a
    /// view never holds more than the record does, twice.
    fn text(&self, form: Form, field: &str) -> Result<Option<Text>> {
        let key = (form, field.to_owned());
        let mut texts = self.texts.borrow_mut();
        if !texts.contains_key(&key) {
            let text = match form {
                Form::Text => self.reader.text(field)?,
                Form::Decimal => self.reader.decimal(field)?.map(|number| number.to_string()),
            };
            let Some(text) = text else { return Ok(None) };
            let mut bytes = text.into_bytes();
            bytes.push(0);
            texts.insert(key.clone(), bytes);
        }
        Ok(texts.get(&key).map(|bytes| Text {
            data: bytes.as_ptr().cast(),
            len: bytes.len() as i64 - 1,
        }))
    }

    fn refuse(&self, field: &str, message: &str) -> i32 {
        let refusals = &mut self.said.borrow_mut().refusals;
        if refusals.len() == PLUGIN_REFUSALS_MAX {
            return CRM_PLUGIN_LIMIT_EXCEEDED;
        }
        refusals.push(Refusal::new(field, message));
        CRM_PLUGIN_OK
    }
}

/// Answers a call about a draft.
///
/// # Safety
/// `draft` is NULL or a handle whose view lives.
unsafe fn answer(draft: *mut DraftHandle, work: impl FnOnce(&View<'_>) -> Result<i32, i32>) -> i32 {
    guarded(|| {
        // SAFETY: by the caller's word. Only the thread is read before it is known to be ours.
        match unsafe { draft.cast::<View<'_>>().as_ref() } {
            None => CRM_PLUGIN_NULL_ARGUMENT,
            Some(view) if view.thread != thread::current().id() => CRM_PLUGIN_MISUSE,
            Some(view) => work(view).unwrap_or_else(|status| status),
        }
    })
}

/// Answers a call that reads a field.
///
/// # Safety
/// `draft` as for [`answer`]; the text as for [`read_text`]; `out` is NULL or may be written.
unsafe fn read<T>(
    draft: *mut DraftHandle,
    (field, field_len): (*const c_char, i64),
    out: *mut T,
    read: impl FnOnce(&View<'_>, &str) -> Result<Option<T>>,
) -> i32 {
    let work = |view: &View<'_>| {
        if out.is_null() {
            return Err(CRM_PLUGIN_NULL_ARGUMENT);
        }
        // SAFETY: by the caller's word.
        let field = unsafe { read_text(field, field_len) }?;
        match read(view, field) {
            Ok(Some(value)) => {
                // SAFETY: by the caller's word, and it is not NULL.
                unsafe { out.write(value) };
                Ok(CRM_PLUGIN_OK)
            }
            Ok(None) => Ok(CRM_PLUGIN_EMPTY),
            Err(error) => Err(error.code().number()),
        }
    };
    // SAFETY: by the caller's word.
    unsafe { answer(draft, work) }
}

unsafe extern "C" fn is_creation(draft: *mut DraftHandle) -> i32 {
    // SAFETY: the plugin passes the handle it got, during the call.
    unsafe { answer(draft, |view| Ok(view.reader.is_creation().into())) }
}

unsafe extern "C" fn text(
    draft: *mut DraftHandle,
    field: *const c_char,
    field_len: i64,
    out: *mut Text,
) -> i32 {
    // SAFETY: the plugin passes the handle it got, a text and a place for the answer.
    unsafe {
        read(draft, (field, field_len), out, |view, field| {
            view.text(Form::Text, field)
        })
    }
}

unsafe extern "C" fn decimal(
    draft: *mut DraftHandle,
    field: *const c_char,
    field_len: i64,
    out: *mut Text,
) -> i32 {
    // SAFETY: the plugin passes the handle it got, a text and a place for the answer.
    unsafe {
        read(draft, (field, field_len), out, |view, field| {
            view.text(Form::Decimal, field)
        })
    }
}

unsafe extern "C" fn integer(
    draft: *mut DraftHandle,
    field: *const c_char,
    field_len: i64,
    out: *mut i64,
) -> i32 {
    // SAFETY: the plugin passes the handle it got, a text and a place for the answer.
    unsafe {
        read(draft, (field, field_len), out, |view, field| {
            view.reader.integer(field)
        })
    }
}

unsafe extern "C" fn checkbox(
    draft: *mut DraftHandle,
    field: *const c_char,
    field_len: i64,
    out: *mut i32,
) -> i32 {
    let read_checkbox =
        |view: &View<'_>, field: &str| Ok(view.reader.checkbox(field)?.map(i32::from));
    // SAFETY: the plugin passes the handle it got, a text and a place for the answer.
    unsafe { read(draft, (field, field_len), out, read_checkbox) }
}

unsafe extern "C" fn refuse(
    draft: *mut DraftHandle,
    field: *const c_char,
    field_len: i64,
    message: *const c_char,
    message_len: i64,
) -> i32 {
    let work = |view: &View<'_>| {
        // SAFETY: the plugin passes texts that are valid during the call.
        let (field, message) = unsafe {
            (
                read_text(field, field_len)?,
                read_text(message, message_len)?,
            )
        };
        Ok(view.refuse(field, message))
    };
    // SAFETY: the plugin passes the handle it got, during the call.
    unsafe { answer(draft, work) }
}

unsafe extern "C" fn set_error(
    draft: *mut DraftHandle,
    code: i32,
    message: *const c_char,
    message_len: i64,
) -> i32 {
    let work = |view: &View<'_>| {
        // SAFETY: the plugin passes a text that is valid during the call.
        let message = unsafe { read_text(message, message_len) }?.to_owned();
        view.said.borrow_mut().error = Some(Reported { code, message });
        Ok(CRM_PLUGIN_OK)
    };
    // SAFETY: the plugin passes the handle it got, during the call.
    unsafe { answer(draft, work) }
}
