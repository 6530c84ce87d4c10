//! The objects of the test pack (`tests/packs/rights`), as far as rights speak of them.

/// An object.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) owned: bool,
    pub(crate) planned: bool,
    /// The object its records are details of, and the field that tells of which.
    pub(crate) parent: Option<(&'static str, &'static str)>,
    /// The fields people fill.
    pub(crate) fields: &'static [&'static str],
    /// The fields the engine keeps, each from others of this object or of its details.
    pub(crate) kept: &'static [(&'static str, &'static [(&'static str, &'static str)])],
}

/// The fields every record has.
pub(crate) const SYSTEM: [&str; 8] = [
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
pub(crate) const SHAPES: [Shape; 4] = [
    Shape {
        name: "kind",
        owned: false,
        planned: false,
        parent: None,
        fields: &["name", "rank"],
        kept: &[],
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
    },
    Shape {
        name: "part",
        owned: true,
        planned: false,
        parent: Some(("thing", "thing")),
        fields: &["thing", "label", "count"],
        kept: &[],
    },
    Shape {
        name: "item",
        owned: true,
        planned: true,
        parent: None,
        fields: &["title", "size", "state", "thing"],
        kept: &[],
    },
];

/// Objects that are named elsewhere: of most, only the fields that rules name there.
const OTHERS: [Shape; 5] = [
    other("user", false, &["login", "name"]),
    other("company", true, &["name", "revenue", "phone", "industry"]),
    other("contact", true, &["name", "phone", "email", "company"]),
    other(
        "deal",
        true,
        &["title", "stage", "amount", "close_date", "company"],
    ),
    other("task", true, &["title", "due", "company"]),
];

const fn other(name: &'static str, owned: bool, fields: &'static [&'static str]) -> Shape {
    Shape {
        name,
        owned,
        planned: false,
        parent: None,
        fields,
        kept: &[],
    }
}

/// The object of that name, if there is one.
pub(crate) fn known(name: &str) -> Option<&'static Shape> {
    let all = SHAPES.iter().chain(&OTHERS);
    all.into_iter().find(|shape| shape.name == name)
}

/// The object of that name; of those that do not exist, one without owners.
pub(crate) fn shape(name: &str) -> &'static Shape {
    known(name).unwrap_or(&OTHERS[0])
}

impl Shape {
    /// Every declared field.
    pub(crate) fn declared(&self) -> impl Iterator<Item = &'static str> {
        let kept = self.kept.iter().map(|(name, _)| *name);
        self.fields.iter().copied().chain(kept)
    }

    /// Every field a reader meets.
    pub(crate) fn all(&self) -> impl Iterator<Item = &'static str> {
        let system = SYSTEM.into_iter();
        let system = system.filter(|name| self.owned || !["owner", "participants"].contains(name));
        system.chain(self.declared())
    }

    /// The fields that have a say in where a field is shown: itself, and those it is kept from.
    pub(crate) fn sources(&self, field: &'static str) -> Vec<(&'static str, &'static str)> {
        let kept = self.kept.iter().filter(|(name, _)| *name == field);
        let others = kept.flat_map(|(_, sources)| sources.iter().copied());
        [(self.name, field)].into_iter().chain(others).collect()
    }

    /// Whether a field is declared.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.declared().any(|known| known == field)
    }

    /// The object whose rules decide.
    pub(crate) fn topmost(&self) -> &'static str {
        self.parent.map_or(self.name, |(parent, _)| parent)
    }
}
