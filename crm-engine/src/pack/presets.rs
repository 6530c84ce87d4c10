//! Presets of rights: packs of roles that come with the engine and can be combined.

use serde::{Deserialize, Serialize};

use super::Pack;
use crate::error::{Error, Result};

/// The presets as they are compiled in, by name.
const PRESETS: &[(&str, &[(&str, &str)])] = include!("../../packs/presets.rs");

/// A set of roles that comes with the engine. A store may have several.
///
/// ```
/// use crm_engine::{Engine, Options, Preset};
/// use serde_json::json;
///
/// let options = Options { presets: vec![Preset::Levels], ..Options::default() };
/// let host = Engine::in_memory(options)?.system();
/// host.create("user", &json!({"login": "klara", "name": "Klara", "roles": ["level1"]}))?;
/// // Those that are left can be added at any time.
/// host.call("preset.install", &json!({"name": "open"}), &mut |_| true)?;
/// # Ok::<(), crm_engine::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Everybody reads everything and works with what is his.
    Open,
    /// Own records, the own department, other departments, with the recommended bans.
    Departments,
    /// Admins, administration and employees.
    ThreeLevel,
    /// Access levels 1, 2 and 3, and rights to look only.
    Levels,
}

impl Preset {
    /// Every preset.
    pub const ALL: [Preset; 4] = [
        Preset::Open,
        Preset::Departments,
        Preset::ThreeLevel,
        Preset::Levels,
    ];

    /// The name of the preset.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Preset::Open => "open",
            Preset::Departments => "departments",
            Preset::ThreeLevel => "three_level",
            Preset::Levels => "levels",
        }
    }

    /// The preset of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Preset> {
        Preset::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// The pack that holds it, called `preset_` and its name.
    ///
    /// # Errors
    /// None that a test would have let through.
    pub fn pack(self) -> Result<Pack> {
        let files = PRESETS.iter().find(|(name, _)| *name == self.name());
        let (_, files) = files.ok_or_else(|| Error::internal("a preset without its files"))?;
        Pack::from_files(files.iter().copied())
    }
}
