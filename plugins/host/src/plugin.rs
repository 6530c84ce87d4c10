//! A loaded plugin and its validators.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crm_engine::{Code, Error, FieldReader, Result, Validator};
use crm_plugin_abi::Refusal;
use crm_plugin_abi::raw::{CRM_PLUGIN_OK, CRM_PLUGIN_PANIC, PluginTable};

use crate::allow::{Allowed, read_allowed, shown};
use crate::draft::{DRAFT_API, Said, View};
use crate::register::{Collector, HOST_API, Registered, Registration};
use crate::table::{copy_text, read_plugin_table};
use crate::{Reported, fault, library};

/// A plugin that was loaded.
///
/// Its code stays mapped until the program ends. When it and all its validators are dropped, the
/// plugin is told, by its own `free_userdata` and `deinit`.
pub struct NativePlugin {
    validators: Vec<Arc<NativeValidator>>,
    facts: Arc<Facts>,
}

/// What a plugin says of itself, and whether it can still be trusted.
struct Facts {
    id: String,
    name: String,
    vendor: String,
    version: String,
    disabled: AtomicBool,
    deinit: Option<unsafe extern "C" fn()>,
}

impl Drop for Facts {
    fn drop(&mut self) {
        if let Some(deinit) = self.deinit {
            // SAFETY: `init` succeeded, every validator is gone, and this is called once.
            unsafe { deinit() }
        }
    }
}

/// Loads the plugin in the file at `path`, an absolute path, if `allowed` holds its id and the
/// hash of its file. With an empty list nothing is loaded.
///
/// Each call loads another copy of the plugin, with its own state.
///
/// # Errors
/// [`Code::Plugin`] with the details `plugin`, its id or its file, and `reason`:
///
/// | `reason` | The file |
/// |---|---|
/// | `loading_off` | is not looked at: `allowed` is empty |
/// | `not_absolute`, `unreadable`, `not_a_file`, `too_large` | cannot be read |
/// | `not_allowed` | has a hash that is not allowed |
/// | `not_copied` | cannot be copied to a private place |
/// | `not_a_library` | cannot be mapped |
/// | `no_entry`, `no_table`, `magic` | is not a plugin |
/// | `abi_major`, `abi_minor` | is made for another version of the ABI |
/// | `struct_size`, `unknown_fields`, `invalid_table` | has a table that cannot be read |
/// | `wrong_id` | states another id than the allowed one |
/// | `init_failed`, `panicked` | did not start; `plugin_code` is its own number, if it gave one |
/// | `not_registered` | registered something the host does not take |
pub fn load(path: &Path, allowed: &[Allowed]) -> Result<NativePlugin> {
    let (bytes, ids) = read_allowed(path, allowed)?;
    let file = shown(path);
    let table = library::map(path, &bytes)?;
    // SAFETY: this is what the entry returned.
    let table = unsafe { read_plugin_table(&file, table) }?;
    let text = |text| {
        // SAFETY: the texts of a plugin's table are there as long as the process.
        unsafe { copy_text(text) }.map_err(|_| {
            fault(
                &file,
                "invalid_table",
                "a text of its table is not readable",
            )
        })
    };
    let facts = Facts {
        id: text(table.id)?,
        name: text(table.name)?,
        vendor: text(table.vendor)?,
        version: text(table.version)?,
        disabled: AtomicBool::new(false),
        deinit: None,
    };
    if !ids.contains(&facts.id.as_str()) {
        let message = format!(
            "it is allowed as `{}`, not as `{}`",
            ids.join("`, `"),
            facts.id
        );
        return Err(fault(&facts.id, "wrong_id", message));
    }
    start(facts, &table)
}

/// Runs `init` and takes what it registered.
fn start(mut facts: Facts, table: &PluginTable) -> Result<NativePlugin> {
    let Some(init) = table.init else {
        return Err(fault(&facts.id, "invalid_table", "its table has no `init`"));
    };
    let collector = Collector::open();
    // SAFETY: the host's table and the collector live as long as the process.
    let status = unsafe { init(&raw const HOST_API, collector.context()) };
    let Registered {
        validators,
        error,
        refused,
    } = collector.freeze();
    let failed = |reason, message: &str| {
        Reported::explain(error, message, |message| fault(&facts.id, reason, message))
    };
    match status {
        CRM_PLUGIN_OK => {}
        CRM_PLUGIN_PANIC => return Err(failed("panicked", "it panicked")),
        status => {
            let message = format!("its start failed ({status})");
            return Err(failed("init_failed", &message));
        }
    }
    facts.deinit = table.deinit;
    let facts = Arc::new(facts);
    let validators = validators
        .into_iter()
        .map(|registration| {
            Arc::new(NativeValidator {
                registration,
                facts: Arc::clone(&facts),
            })
        })
        .collect();
    let plugin = NativePlugin { validators, facts };
    match refused {
        None => Ok(plugin),
        Some(status) => {
            let message = format!("a validator of it could not be registered ({status})");
            Err(fault(plugin.id(), "not_registered", message))
        }
    }
}

impl NativePlugin {
    /// The stable name by which the plugin was allowed.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.facts.id
    }

    /// The name shown to people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.facts.name
    }

    /// Who made the plugin.
    #[must_use]
    pub fn vendor(&self) -> &str {
        &self.facts.vendor
    }

    /// The plugin's own version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.facts.version
    }

    /// Whether the plugin has panicked. Its validators then refuse everything they watch: what
    /// cannot be checked does not pass.
    #[must_use]
    pub fn is_disabled(&self) -> bool {
        self.facts.disabled.load(Ordering::Acquire)
    }

    /// The validators of the plugin, in the order of their registration, for the engine. Those
    /// of several calls share their state.
    #[must_use]
    pub fn validators(&self) -> Vec<Box<dyn Validator>> {
        let shared = self.validators.iter().map(Arc::clone);
        shared
            .map(|validator| Box::new(Shared(validator)) as Box<dyn Validator>)
            .collect()
    }
}

/// A validator of a plugin. Its registration goes first: `deinit` comes last.
struct NativeValidator {
    registration: Registration,
    facts: Arc<Facts>,
}

struct Shared(Arc<NativeValidator>);

impl Validator for Shared {
    fn plugin(&self) -> &str {
        &self.0.facts.id
    }

    fn name(&self) -> &str {
        &self.0.registration.name
    }

    fn object(&self) -> &str {
        &self.0.registration.object
    }

    fn watch(&self) -> &[String] {
        &self.0.registration.watch
    }

    fn validate(&self, draft: &dyn FieldReader) -> Result<()> {
        let (registration, disabled) = (&self.0.registration, &self.0.facts.disabled);
        if disabled.load(Ordering::Acquire) {
            return Err(self.failure("is disabled since it panicked"));
        }
        let view = View::new(draft);
        // SAFETY: the plugin registered this function with this userdata, which is not yet
        // freed; the table and the view outlive the call.
        let status = unsafe {
            let data = registration.userdata.data;
            (registration.validate)(data, &raw const DRAFT_API, view.handle())
        };
        let Said { refusals, error } = view.said();
        let failed =
            |message: &str| Reported::explain(error, message, |message| self.failure(&message));
        match status {
            CRM_PLUGIN_OK if refusals.is_empty() => Ok(()),
            CRM_PLUGIN_OK => Err(self.refusal(&refusals)),
            CRM_PLUGIN_PANIC => {
                disabled.store(true, Ordering::Release);
                Err(failed("panicked and is disabled"))
            }
            status => Err(failed(&format!("failed ({status})"))),
        }
    }
}

impl Shared {
    /// The validator could not judge.
    fn failure(&self, message: &str) -> Error {
        let (plugin, name) = (self.plugin(), self.name());
        self.signed(Error::new(
            Code::RuleFailed,
            format!("the validator `{name}` of `{plugin}` {message}"),
        ))
    }

    /// All that is to be said against the change; `field` is the first field at fault.
    fn refusal(&self, refusals: &[Refusal]) -> Error {
        let messages: Vec<&str> = refusals
            .iter()
            .map(|refusal| refusal.message.as_str())
            .collect();
        let error = self.signed(Error::new(Code::Refused, messages.join("; ")));
        let mut fields: Vec<&str> = refusals
            .iter()
            .map(|refusal| refusal.field.as_str())
            .collect();
        fields.retain(|field| !field.is_empty());
        match fields.first() {
            Some(first) => error.field(first).with("fields", fields),
            None => error,
        }
    }

    fn signed(&self, error: Error) -> Error {
        error
            .with("plugin", self.plugin())
            .with("validator", self.name())
    }
}
