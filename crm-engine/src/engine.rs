//! A store that is open: schema, rules and facts kept at hand, sessions opened from it.

use std::borrow::Cow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LockResult, PoisonError, RwLock};

use chrono::{DateTime, Utc};

use crate::access::{Register, Window};
use crate::card::Cards;
use crate::clock::{Clock, SystemClock};
use crate::error::{Code, Error, Result};
use crate::expr;
use crate::facts::{Facts, FactsCache};
use crate::ids::{ObjectId, RecordId, Sequence};
use crate::index;
use crate::journal::Cause;
use crate::kept::Kept;
use crate::limits::TRANSACTION_BYTES_MAX;
use crate::pack::{self, Pack, Preset};
use crate::plugin::{Validator, ValidatorSet};
use crate::policy::Actor;
use crate::schema::system::USER;
use crate::schema::{self, Field, Schema};
use crate::script::CompiledRules;
use crate::store::{CommitSequence, Read, Snapshot, Store, StoreOptions, Txn};
use crate::value::Value;
use crate::watch::{Batch, Deed, Opening, Then, Watch};
use crate::write::{Circumstances, Door, Input, RuleBook, Rules};

/// How a store is opened.
///
/// ```
/// use crm_engine::{Engine, Options};
/// let engine = Engine::in_memory(Options::default()).unwrap();
/// assert!(engine.schema().unwrap().object("user").is_ok());
/// ```
pub struct Options {
    /// The source of time.
    pub clock: Arc<dyn Clock>,
    /// Validators of native plugins the host has loaded; they run on every write.
    pub validators: Vec<Box<dyn Validator>>,
    /// Install the standard pack into a new store, and give it a first user: `admin`.
    pub standard_pack: bool,
    /// The presets of rights that a new store with the standard pack begins with.
    pub presets: Vec<Preset>,
    /// Options of the store below.
    pub store: StoreOptions,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            clock: Arc::new(SystemClock),
            validators: Vec::new(),
            standard_pack: true,
            presets: vec![Preset::Departments],
            store: StoreOptions::default(),
        }
    }
}

/// An open store. Cheap to clone; clones share the store. Safe to use from many threads.
///
/// ```
/// use crm_engine::{Code, Engine, Options};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("shop.crm");
/// let engine = Engine::create(&path, Options::default())?;
/// engine.close()?;
/// let engine = Engine::open(&path, Options::default())?;
/// let second = Engine::open(&path, Options::default());
/// assert_eq!(second.err().map(|error| error.code()), Some(Code::InUse));
/// # Ok::<(), crm_engine::Error>(())
/// ```
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    facts: FactsCache,
    cards: Cards,
    watch: Watch,
    validators: Arc<ValidatorSet>,
    live: RwLock<Option<Arc<Live>>>,
    newest: RwLock<Option<Newest>>,
    sessions: Arc<Register>,
    /// Counts what this engine has committed.
    commits: Arc<AtomicU64>,
    closed: AtomicBool,
}

/// On whose behalf something is done, and in which session: the position of its login, 0 without
/// one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct By {
    pub(crate) actor: Actor,
    pub(crate) session: Sequence,
}

impl From<Actor> for By {
    fn from(actor: Actor) -> By {
        By {
            actor,
            session: Sequence(0),
        }
    }
}

/// Schema and facts as of one commit, so that its readers look neither up. It holds no snapshot,
/// which would keep the pages of a state nobody reads any more.
struct Newest {
    sequence: CommitSequence,
    schema: Arc<Schema>,
    facts: Arc<Facts>,
}

/// What belongs to one schema version.
struct Live {
    schema: Arc<Schema>,
    rules: Rules,
    kept: Arc<Kept>,
}

/// One consistent view for a reader: data, schema and rights of the same moment.
pub(crate) struct View {
    pub(crate) snapshot: Snapshot,
    pub(crate) schema: Arc<Schema>,
    pub(crate) facts: Arc<Facts>,
}

impl View {
    /// A value of a field as an actor may see it; see [`Facts::shown`].
    pub(crate) fn shown<'v>(
        &self,
        actor: Actor,
        field: &Field,
        value: &'v Value,
    ) -> Result<Cow<'v, Value>> {
        self.facts
            .shown(&self.snapshot, &self.schema, actor, field, value)
    }
}

impl Engine {
    /// Creates a store at `path`, with the standard pack, the preset `departments` of rights and
    /// one admin, who logs in as `admin`, unless the options say otherwise.
    ///
    /// # Errors
    /// When a file exists there already, or cannot be written. Nothing is left behind.
    pub fn create(path: impl AsRef<Path>, options: Options) -> Result<Engine> {
        let path = path.as_ref();
        let store = Store::create(path, &options.store)?;
        Engine::new(store, options).inspect_err(|_| {
            // The half-made store is of no use to anybody; the first error is the one to tell.
            let _ = std::fs::remove_file(path);
        })
    }

    /// Opens the store at `path`.
    ///
    /// # Errors
    /// [`Code::NotAStore`], [`Code::Damaged`], [`Code::InUse`], [`Code::StoreVersion`],
    /// [`Code::Io`]. The file is left as it was.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Engine> {
        Engine::over(Store::open(path.as_ref(), &options.store)?, options)
    }

    /// A store in memory that ends with its last handle.
    ///
    /// # Errors
    /// When the standard pack cannot be installed, which is a defect.
    pub fn in_memory(options: Options) -> Result<Engine> {
        Engine::new(Store::memory(), options)
    }

    fn new(store: Store, options: Options) -> Result<Engine> {
        let kernel = Schema::kernel();
        store.write(|txn| schema::store(txn, &Schema::default(), &kernel))?;
        let presets = options.standard_pack.then(|| options.presets.clone());
        let engine = Engine::over(store, options)?;
        if let Some(presets) = presets {
            engine.install(Actor::System, &Pack::standard()?)?;
            for preset in presets {
                engine.install(Actor::System, &preset.pack()?)?;
            }
            engine.create_admin()?;
        }
        Ok(engine)
    }

    /// The first user of a new store.
    fn create_admin(&self) -> Result<()> {
        self.transact(Actor::System, &Cause::Person, "store.create", |door| {
            let users = door.schema().by_id(USER).map(Arc::clone);
            let users = users.ok_or_else(|| Error::internal("the schema has no users"))?;
            let admin = [
                ("login", "admin"),
                ("name", "Administrator"),
                ("kind", "admin"),
            ];
            let admin = Input::from_pairs(&users, admin)?;
            door.create(&users, admin).map(drop)
        })
    }

    fn over(store: Store, options: Options) -> Result<Engine> {
        let engine = Engine(Arc::new(Inner {
            store,
            clock: options.clock,
            facts: FactsCache::new(expr::judge),
            cards: Cards::default(),
            watch: Watch::default(),
            validators: Arc::new(ValidatorSet::new(options.validators)),
            live: RwLock::new(None),
            newest: RwLock::new(None),
            sessions: Arc::default(),
            commits: Arc::default(),
            closed: AtomicBool::new(false),
        }));
        // A store that cannot be read is refused now, not at the first question.
        engine.view()?;
        Ok(engine)
    }

    /// The schema in force.
    ///
    /// # Errors
    /// [`Code::Closed`], or what prevents reading the store.
    pub fn schema(&self) -> Result<Arc<Schema>> {
        Ok(self.view()?.schema)
    }

    /// Closes the store; a call on any of its sessions is then refused with [`Code::Closed`].
    /// Rows that are being read keep their snapshot until they are dropped.
    ///
    /// # Errors
    /// What the store has to say while closing. It is closed all the same.
    pub fn close(&self) -> Result<()> {
        self.write_down();
        match self.0.closed.swap(true, Ordering::AcqRel) {
            true => Ok(()),
            false => self.0.store.close(),
        }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.0.clock.now()
    }

    /// The cards prepared for those who asked for one.
    pub(crate) fn cards(&self) -> &Cards {
        &self.0.cards
    }

    /// The sessions that are open.
    pub(crate) fn sessions(&self) -> &Arc<Register> {
        &self.0.sessions
    }

    /// Moves on with every commit of this engine, so that what goes on for long notices.
    pub(crate) fn commits(&self) -> &Arc<AtomicU64> {
        &self.0.commits
    }

    /// The newest consistent view.
    pub(crate) fn view(&self) -> Result<View> {
        self.check_open()?;
        let snapshot = self.0.store.snapshot()?;
        if let Some(newest) = recover(self.0.newest.read()).as_ref()
            && newest.sequence == snapshot.sequence()
        {
            return Ok(View {
                snapshot,
                schema: Arc::clone(&newest.schema),
                facts: Arc::clone(&newest.facts),
            });
        }
        let live = self.live(&snapshot, true)?;
        let schema = Arc::clone(&live.schema);
        let facts = self.0.facts.of_snapshot(&snapshot, &schema)?;
        *recover(self.0.newest.write()) = Some(Newest {
            sequence: snapshot.sequence(),
            schema: Arc::clone(&schema),
            facts: Arc::clone(&facts),
        });
        Ok(View {
            snapshot,
            schema,
            facts,
        })
    }

    /// Runs `body` in one transaction through the door. The body may be run again from the
    /// start, so it must not leave anything behind outside the transaction.
    pub(crate) fn transact<R>(
        &self,
        by: impl Into<By>,
        cause: &Cause,
        action: &str,
        mut body: impl FnMut(&mut Door<'_>) -> Result<R>,
    ) -> Result<R> {
        let by = by.into();
        self.check_open()?;
        let mut watched = self.0.watch.take();
        let result = self.write(|txn| {
            watched.begin();
            let live = self.live(txn, false)?;
            let result = self.with_door(txn, &live, by, cause, action, &mut body)?;
            put_watched(txn, &mut watched)?;
            Ok(result)
        });
        match &result {
            Ok(_) => watched.settle(),
            Err(error) => {
                drop(watched);
                self.refused(by.actor, error);
            }
        }
        result
    }

    /// Counts a record that a user opens.
    ///
    /// # Errors
    /// [`Code::LimitExceeded`] beyond a limit of his that says stop.
    pub(crate) fn opened(
        &self,
        view: &View,
        actor: Actor,
        object: ObjectId,
        id: RecordId,
    ) -> Result<()> {
        let Actor::User(user) = actor else {
            return Ok(());
        };
        let opening = Opening {
            user,
            at: self.now(),
            object,
            id,
            limit: view.facts.opens(user),
        };
        if self.0.watch.open(&opening, &view.snapshot)? == Then::WriteDown {
            self.write_down();
        }
        Ok(())
    }

    /// Counts what else a user does.
    pub(crate) fn count(&self, actor: Actor, deed: Deed) {
        if let Actor::User(user) = actor
            && self.0.watch.count(user, self.now(), deed) == Then::WriteDown
        {
            self.write_down();
        }
    }

    /// Counts a refusal.
    pub(crate) fn refused(&self, actor: Actor, error: &Error) {
        if error.code() == Code::Denied {
            self.count(actor, Deed::Refused);
        }
    }

    /// Writes down what users did, in a transaction of its own. Within another one it waits for the
    /// end of that; what the storage does not take is lost, as it is in a crash.
    pub(crate) fn write_down(&self) {
        loop {
            let mut watched = self.0.watch.take();
            if watched.is_empty() {
                return;
            }
            let written = self.0.store.write(|txn| {
                watched.begin();
                watched.put(txn)
            });
            let more = watched.is_full();
            match written {
                Ok(()) => watched.settle(),
                Err(error) if error.code() == Code::Reentrant => return,
                Err(_) => watched.give_up(),
            }
            if !more {
                return;
            }
        }
    }

    fn write<R>(&self, body: impl FnMut(&mut Txn) -> Result<R>) -> Result<R> {
        self.check_open()?;
        let result = self.0.store.write(body)?;
        self.0.commits.fetch_add(1, Ordering::Release);
        Ok(result)
    }

    /// Installs a pack in one transaction: declarations, roles and rules together.
    pub(crate) fn install(&self, by: impl Into<By>, pack: &Pack) -> Result<pack::Installed> {
        let by = by.into();
        let action = "pack.install";
        let installed = self.write(|txn| {
            let before = self.live(txn, false)?;
            let Some(prepared) = pack::prepare(txn, &before.schema, pack)? else {
                return Ok(pack::Installed::already(pack));
            };
            schema::store(txn, &before.schema, &prepared.schema)?;
            prepared.store(txn)?;
            let live = self.load(txn, prepared.schema.clone())?;
            let cause = Cause::Install(pack.name().to_owned());
            let mut body = |door: &mut Door<'_>| prepared.apply(door);
            self.with_door(txn, &live, by, &cause, action, &mut body)
        })?;
        // The new schema is read once, by whoever made it, not by every write until the next read.
        self.view()?;
        Ok(installed)
    }

    /// Changes the schema in one transaction: the schema that `change` makes of the present one,
    /// everything derived from records by it, and the journal entry. Rules must agree with it.
    /// `change` may be run again from the start.
    pub(crate) fn alter(
        &self,
        by: impl Into<By>,
        action: &str,
        mut change: impl FnMut(&dyn Read, &Schema, &Facts) -> Result<Schema>,
    ) -> Result<()> {
        let by = by.into();
        self.write(|txn| {
            let before = self.live(txn, false)?;
            let facts = self.0.facts.of_transaction(txn, &before.schema)?;
            check_access(&facts, by.actor, || self.now())?;
            let next = Arc::new(change(txn, &before.schema, &facts)?);
            if next.is_same_as(&before.schema) {
                return Ok(());
            }
            schema::store(txn, &before.schema, &next)?;
            for object in next.objects() {
                if let Some(former) = before.schema.by_id(object.id) {
                    index::renew(txn, former, object)?;
                }
            }
            let live = self.load(txn, next).map_err(needed_by_a_rule)?;
            let mut body = |door: &mut Door<'_>| {
                door.note();
                door.renew_kept(&before.schema)
            };
            self.with_door(txn, &live, by, &Cause::Person, action, &mut body)
        })
        .inspect_err(|error| self.refused(by.actor, error))?;
        self.view().map(drop)
    }

    /// Runs a step of work on what is derived from records, in a transaction of its own that tells
    /// of nothing: it changes neither records nor schema.
    pub(crate) fn derive<R>(
        &self,
        by: impl Into<By>,
        mut step: impl FnMut(&mut Txn, &Schema, &Facts) -> Result<R>,
    ) -> Result<R> {
        let by = by.into();
        let derived = self.write(|txn| {
            let live = self.live(txn, false)?;
            let facts = self.0.facts.of_transaction(txn, &live.schema)?;
            check_access(&facts, by.actor, || self.now())?;
            step(txn, &live.schema, &facts)
        });
        derived.inspect_err(|error| self.refused(by.actor, error))
    }

    fn with_door<R>(
        &self,
        txn: &mut Txn,
        live: &Live,
        by: By,
        cause: &Cause,
        action: &str,
        body: &mut dyn FnMut(&mut Door<'_>) -> Result<R>,
    ) -> Result<R> {
        let facts = self.0.facts.of_transaction(txn, &live.schema)?;
        check_access(&facts, by.actor, || self.now())?;
        let around = Circumstances {
            schema: Arc::clone(&live.schema),
            facts,
            rules: &live.rules,
            kept: Arc::clone(&live.kept),
            actor: by.actor,
            now: self.now(),
            cause: cause.clone(),
            action,
        };
        let mut door = Door::open(txn, around)?;
        door.in_session(by.session);
        let result = body(&mut door)?;
        door.finish()?;
        Ok(result)
    }

    /// Schema and rules as of `read`. What a published snapshot agrees with is kept at hand;
    /// what a transaction has changed is used for that transaction only.
    fn live(&self, read: &dyn Read, published: bool) -> Result<Arc<Live>> {
        let version = schema::stored_version(read)?;
        let kept = recover(self.0.live.read()).clone();
        if let Some(live) = kept.filter(|live| live.schema.version() == version) {
            return Ok(live);
        }
        let live = Arc::new(self.load(read, Arc::new(schema::load(read)?))?);
        if published {
            *recover(self.0.live.write()) = Some(Arc::clone(&live));
        }
        Ok(live)
    }

    fn load(&self, read: &dyn Read, schema: Arc<Schema>) -> Result<Live> {
        let scripts = CompiledRules::compile(&schema, &pack::rule_sources(read)?)?;
        let books: Vec<Arc<dyn RuleBook>> =
            vec![Arc::new(scripts), Arc::clone(&self.0.validators) as _];
        Ok(Live {
            kept: Arc::new(Kept::compile(&schema)?),
            schema,
            rules: Rules::new(books),
        })
    }

    fn check_open(&self) -> Result<()> {
        match self.0.closed.load(Ordering::Acquire) {
            true => Err(Error::new(Code::Closed, "the store is closed")),
            false => Ok(()),
        }
    }
}

/// Writes down what users did, along with a transaction that changes something and has room left.
fn put_watched(txn: &mut Txn, watched: &mut Batch<'_>) -> Result<()> {
    let room = 1..=TRANSACTION_BYTES_MAX / 2;
    match watched.is_empty() || !room.contains(&txn.bytes()) {
        true => Ok(()),
        false => watched.put(txn),
    }
}

/// The value behind a lock, also after a thread panicked while holding it: what is kept behind
/// the locks of an engine is replaced in one step.
fn recover<T>(lock: LockResult<T>) -> T {
    lock.unwrap_or_else(PoisonError::into_inner)
}

/// A rule that compiled before the schema was changed, and does not any more, stands against the
/// change.
fn needed_by_a_rule(error: Error) -> Error {
    match error.code() {
        Code::Pack => {
            let text = format!("a rule stands against it: {}", error.message());
            let refusal = Error::new(Code::StillReferenced, text);
            let details = error.details().iter();
            details.fold(refusal, |refusal, (name, value)| {
                refusal.with(name, value.clone())
            })
        }
        _ => error,
    }
}

/// A user whose access was closed, or is not open at this moment, is refused at his next call,
/// open sessions or not (C64, C66). Whether that may change by the mere passing of time.
pub(crate) fn check_access(
    facts: &Facts,
    actor: Actor,
    now: impl FnOnce() -> DateTime<Utc>,
) -> Result<bool> {
    let Actor::User(user) = actor else {
        return Ok(false);
    };
    let window = Window::of(facts.organisation.user(user));
    match window.against(now) {
        Some(_) => Err(access_closed()),
        None => Ok(window.is_timed()),
    }
}

/// The one answer to whoever has no access at present, for whatever reason.
fn access_closed() -> Error {
    Error::new(Code::Denied, "the access of this user is closed")
}
