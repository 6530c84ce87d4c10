//! The objects of the test pack (`tests/packs/rights`), as far as rights speak of them.

/// An object.
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) owned: bool,
    pub(super) planned: bool,
    /// The object its records are details of, and the field that tells of which.
    pub(super) parent: Option<(&'static str, &'static str)>,
    /// The fields people fill.
    pub(super) fields: &'static [&'static str],
    /// The fields the engine keeps, each from others of this object or of its details.
    pub(super) kept: &'static [(&'static str, &'static [(&'static str, &'static str)])],
    /// Fields in a section for the group `g0`.
    pub(super) closed: &'static [&'static str],
}

/// The fields every record has.
pub(super) const SYSTEM: [&str; 8] = [
    "id",
    "owner",
    "version",
    "created_at",
    "created_by",
    "updated_at",
    "updated_by",
    "participants",
];

/// The objects that are compared.
pub(super) const SHAPES: [Shape; 4] = [
    Shape {
        name: "kind",
        owned: false,
        planned: false,
        parent: None,
        fields: &["name", "rank"],
        kept: &[],
        closed: &[],
    },
    Shape {
        name: "thing",
        owned: true,
        planned: false,
        parent: None,
        fields: &["title", "size", "stage", "phone", "note", "kind", "helper"],
        kept: &[
            ("double", &[("thing", "size")]),
            ("load", &[("part", "thing"), ("part", "count")]),
        ],
        closed: &["note"],
    },
    Shape {
        name: "part",
        owned: true,
        planned: false,
        parent: Some(("thing", "thing")),
        fields: &["thing", "label", "count"],
        kept: &[],
        closed: &[],
    },
    Shape {
        name: "item",
        owned: true,
        planned: true,
        parent: None,
        fields: &["title", "size", "state", "thing"],
        kept: &[],
        closed: &[],
    },
];

/// The users, of whom rights speak as of any other object without owners.
const USERS: Shape = Shape {
    name: "user",
    owned: false,
    planned: false,
    parent: None,
    fields: &["login", "name"],
    kept: &[],
    closed: &[],
};

/// The object of that name.
pub(super) fn shape(name: &str) -> &'static Shape {
    let found = SHAPES.iter().find(|shape| shape.name == name);
    found.unwrap_or(&USERS)
}

impl Shape {
    /// Every declared field.
    pub(super) fn declared(&self) -> impl Iterator<Item = &'static str> {
        let kept = self.kept.iter().map(|(name, _)| *name);
        self.fields.iter().copied().chain(kept)
    }

    /// Every field a reader meets.
    pub(super) fn all(&self) -> impl Iterator<Item = &'static str> {
        let system = SYSTEM.into_iter();
        let system = system.filter(|name| self.owned || !["owner", "participants"].contains(name));
        system.chain(self.declared())
    }

    /// The fields that have a say in where a field is shown: itself, and those it is kept from.
    pub(super) fn sources(&self, field: &'static str) -> Vec<(&'static str, &'static str)> {
        let kept = self.kept.iter().filter(|(name, _)| *name == field);
        let others = kept.flat_map(|(_, sources)| sources.iter().copied());
        [(self.name, field)].into_iter().chain(others).collect()
    }

    /// Whether a field is declared.
    pub(super) fn has(&self, field: &str) -> bool {
        self.declared().any(|known| known == field)
    }

    /// The object whose rules decide.
    pub(super) fn topmost(&self) -> &'static str {
        self.parent.map_or(self.name, |(parent, _)| parent)
    }
}
