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
    /// Fill fields that are empty; never change what is filled (C50).
    Fill,
    /// Delete.
    Delete,
    /// Change the owner (C49, C81).
    Transfer,
    /// Change whom it is shared with (C76).
    Share,
    /// Give what its owner does to somebody else: plan for others (C47).
    Assign,
    /// Take data in from files (C156).
    Import,
    /// Take data out in bulk (C51).
    Export,
    /// Change many records at once (C49).
    Bulk,
    /// Change fields of the object (C38).
    ManageFields,
    /// Change sections of the object (C38).
    ManageSections,
    /// Change the rest of what the object is made of: labels, questionnaires, measures (C58).
    Configure,
    /// Read the journal (C69).
    Audit,
    /// Approve.
    Approve,
}

impl Action {
    /// Every action.
    pub const ALL: [Action; 16] = [
        Action::View,
        Action::Create,
        Action::Edit,
        Action::Fill,
        Action::Delete,
        Action::Transfer,
        Action::Share,
        Action::Assign,
        Action::Import,
        Action::Export,
        Action::Bulk,
        Action::ManageFields,
        Action::ManageSections,
        Action::Configure,
        Action::Audit,
        Action::Approve,
    ];

    /// The name as it stands in grants.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Action::View => "view",
            Action::Create => "create",
            Action::Edit => "edit",
            Action::Fill => "fill",
            Action::Delete => "delete",
            Action::Transfer => "transfer",
            Action::Share => "share",
            Action::Assign => "assign",
            Action::Import => "import",
            Action::Export => "export",
            Action::Bulk => "bulk",
            Action::ManageFields => "manage_fields",
            Action::ManageSections => "manage_sections",
            Action::Configure => "configure",
            Action::Audit => "audit",
            Action::Approve => "approve",
        }
    }

    /// The action of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Action> {
        Action::ALL.into_iter().find(|action| action.name() == name)
    }
}

impl Action {
    /// Whether it changes what an object is made of: never for employees (C38, C58).
    #[must_use]
    pub(crate) const fn shapes(self) -> bool {
        matches!(
            self,
            Action::ManageFields | Action::ManageSections | Action::Configure
        )
    }

    /// The actions of which one must be permitted on the object whose rights hold for `object`.
    ///
    /// Details are part of their parent (C2, C45): who may change it may change, add and take
    /// away its details, and who may only add records or fill what is empty may add details (C50).
    #[must_use]
    pub(crate) fn needed(self, object: &Object) -> &'static [Action] {
        match self {
            Action::Create if object.is_detail() => &[Action::Create, Action::Edit, Action::Fill],
            Action::Delete if object.is_detail() => &[Action::Edit],
            other => Action::ALL[other as usize..=other as usize].as_ref(),
        }
    }
}

/// A set of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ActionSet(u32);

impl ActionSet {
    /// Whether the action is in the set.
    #[must_use]
    pub(crate) const fn contains(self, action: Action) -> bool {
        self.0 & (1 << action as u8) != 0
    }

    /// The actions in the set.
    pub(crate) fn iter(self) -> impl Iterator<Item = Action> {
        let all = Action::ALL.into_iter();
        all.filter(move |action| self.contains(*action))
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

/// For whose records an action is granted or banned. Later scopes are not always wider than
/// earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Records the user owns.
    Own,
    /// Records the user is a participant of (C76).
    Shared,
    /// Records of the user and of those he supervises (C55).
    Supervised,
    /// Records of everybody in the user's department.
    Department,
    /// Records of everybody in the user's department and in those below it.
    Subtree,
    /// Records of users outside the user's department, or of those in named departments (C43).
    Foreign,
    /// All records, also those without an owner.
    All,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 7] = [
        Scope::Own,
        Scope::Shared,
        Scope::Supervised,
        Scope::Department,
        Scope::Subtree,
        Scope::Foreign,
        Scope::All,
    ];

    /// The name as it stands in grants.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Scope::Own => "own",
            Scope::Shared => "shared",
            Scope::Supervised => "supervised",
            Scope::Department => "department",
            Scope::Subtree => "subtree",
            Scope::Foreign => "foreign",
            Scope::All => "all",
        }
    }

    /// The scope of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.name() == name)
    }

    /// Whether a ban with this scope reaches what the user himself owns.
    #[must_use]
    pub(crate) const fn bans_own(self) -> bool {
        matches!(self, Scope::Own | Scope::Shared | Scope::All)
    }
}
