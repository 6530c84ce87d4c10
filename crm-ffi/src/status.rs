//! Status: what a call returns.
//!
//! 0 is success, a positive status is an outcome that is no error, a negative one an error.

/// Done.
pub const CRM_OK: i32 = 0;
/// `crm_step` found a row.
pub const CRM_ROW: i32 = 1;
/// `crm_step` found no further row.
pub const CRM_DONE: i32 = 2;
/// `crm_get`: no such record, or none that the session may see. Which of the two is not told.
pub const CRM_NOT_FOUND: i32 = 3;
/// The column holds no value; the number written is 0.
pub const CRM_NULL: i32 = 4;

/// What a progress callback returns to go on.
pub const CRM_CONTINUE: i32 = 1;
/// What a progress callback returns to end the work with CRM_ERROR_CANCELLED.
pub const CRM_STOP: i32 = 0;
