//! Rules of admission.
