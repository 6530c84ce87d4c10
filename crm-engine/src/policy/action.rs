//! The actions that can be granted and the scopes they are granted for.

use serde::{Deserialize, Serialize};

use crate::schema::Object;

/// What somebody does with records of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Action {
    /// See: get, list, count, sort, search.
    View,
    /// Create.
    Create,
    /// Change fields.
    Edit,
    /// Delete.
    Delete,
    /// Change the owner (C49, C81).
    Transfer,
    /// Take data in from files (C156).
    Import,
    /// Take data out in bulk (C51).
    Export,
    /// Change many records at once (C49).
    Bulk,
    /// Change what the object is made of: its fields and sections (C38).
    Configure,
    /// Change whom a record is shared with (C76).
    Share,
}

impl Action {
    /// Every action.
    pub const ALL: [Action; 10] = [
        Action::View,
        Action::Create,
        Action::Edit,
        Action::Delete,
        Action::Transfer,
        Action::Import,
        Action::Export,
        Action::Bulk,
        Action::Configure,
        Action::Share,
    ];

    /// The name as it stands in grants.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Action::View => "view",
            Action::Create => "create",
            Action::Edit => "edit",
            Action::Delete => "delete",
            Action::Transfer => "transfer",
            Action::Import => "import",
            Action::Export => "export",
            Action::Bulk => "bulk",
            Action::Configure => "configure",
            Action::Share => "share",
        }
    }

    /// The action of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Action> {
        Action::ALL.into_iter().find(|action| action.name() == name)
    }
}

/// A set of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ActionSet(u32);

impl ActionSet {
    /// Whether one of the actions of `other` is in the set.
    #[must_use]
    pub(crate) const fn meets(self, other: ActionSet) -> bool {
        self.0 & other.0 != 0
    }

    /// The actions of which one must be granted on the object whose rights hold for `object`.
    ///
    /// Details are part of their parent (C2, C45): who may change it may change, add and take
    /// away its details, and who may only add records may add details (C50).
    #[must_use]
    pub(crate) fn needed(object: &Object, action: Action) -> ActionSet {
        let needed: &[Action] = match action {
            Action::Create if object.is_detail() => &[Action::Create, Action::Edit],
            Action::Delete if object.is_detail() => &[Action::Edit],
            _ => &[action],
        };
        needed.iter().copied().collect()
    }
}

impl FromIterator<Action> for ActionSet {
    fn from_iter<I: IntoIterator<Item = Action>>(actions: I) -> ActionSet {
        ActionSet(
            actions
                .into_iter()
                .fold(0, |set, action| set | (1 << action as u8)),
        )
    }
}

/// For whose records an action is granted. Later scopes are not always wider than earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Records the user owns.
    Own,
    /// Records of the user and of everybody below him, at any depth.
    Supervised,
    /// Records of everybody in the user's department.
    Department,
    /// All records, also those without an owner.
    All,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 4] = [Scope::Own, Scope::Supervised, Scope::Department, Scope::All];

    /// The name as it stands in grants.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Scope::Own => "own",
            Scope::Supervised => "supervised",
            Scope::Department => "department",
            Scope::All => "all",
        }
    }

    /// The scope of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.name() == name)
    }
}
