//! The kinds of events.

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal, $text:literal;)*) => {
        /// What the journal tells of besides changes of records (C69). Numbers and names never
        /// change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum EventKind { $($(#[doc = $doc])* $name,)* }

        impl EventKind {
            /// Every kind, in the order of its number.
            pub const ALL: &[EventKind] = &[$(EventKind::$name,)*];

            /// The name as it stands in JSON.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(EventKind::$name => $text,)* }
            }

            pub(super) const fn number(self) -> u8 {
                match self { $(EventKind::$name => $number,)* }
            }
        }
    };
}

kinds! {
    /// A session was opened.
    Login = 1, "login";
    /// A session was not opened; the detail tells why.
    LoginRefused = 2, "login_refused";
    /// A session was ended.
    Logout = 3, "logout";
    /// A call was refused for lack of rights.
    Refused = 4, "refused";
    /// Data were copied out.
    Export = 5, "export";
    /// A password was set or taken away.
    PasswordChanged = 6, "password_changed";
    /// The secret of a second factor was set or taken away.
    SecondFactorChanged = 7, "second_factor_changed";
    /// A user has sessions from different places at once (C65).
    ParallelSessions = 8, "parallel_sessions";
    /// Old entries of the journal were cut off (C70).
    JournalCut = 9, "journal_cut";
    /// A user opened more records in an hour than his role lets pass without a word (C78).
    Alarm = 10, "alarm";
}

impl EventKind {
    pub(super) fn by_number(number: u8) -> Option<EventKind> {
        EventKind::ALL
            .iter()
            .copied()
            .find(|kind| kind.number() == number)
    }
}
