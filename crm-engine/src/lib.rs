//! An embeddable CRM engine: customers, rights and a sales process in one library.
//!
//! A store is opened as an [`Engine`]; a user logs in and gets a [`Session`]; what he may see
//! and do is decided at every call. Objects, rights and rules are data: packs declare them. The
//! map of the source is `ARCHITECTURE.md`.
//!
//! ```
//! use crm_engine::{Engine, Options};
//! use serde_json::json;
//!
//! let engine = Engine::in_memory(Options::default())?;
//! let host = engine.system();
//! host.create("user", &json!({"login": "anna", "name": "Anna", "roles": ["agent"]}))?;
//! let anna = engine.login("anna")?;
//! anna.create("company", &json!({"name": "Vega", "legal_form": "legal_entity", "employees": 12}))?;
//!
//! let mut statement = anna.prepare("SELECT name, employees FROM company ORDER BY name")?;
//! let mut rows = statement.run()?;
//! assert_eq!(rows.next()?.unwrap()[0].to_string(), "Vega");
//! # Ok::<(), crm_engine::Error>(())
//! ```
#![forbid(unsafe_code)]

mod access;
mod backup;
mod bulk;
mod card;
mod clock;
mod completeness;
mod configure;
mod duplicates;
mod engine;
mod error;
mod exchange;
mod expr;
mod facts;
mod feed;
mod history;
mod ids;
mod index;
mod intake;
mod journal;
mod kept;
pub mod limits;
mod merge;
mod operation;
mod pack;
mod picture;
mod plugin;
mod policy;
mod progress;
mod query;
mod report;
mod review;
mod schema;
mod script;
mod search;
mod session;
pub mod store;
mod tabular;
mod timeline;
mod transfer;
mod undo;
pub mod value;
mod verify;
mod watch;
mod write;

pub use access::{Login, Origin};
pub use backup::BackupReport;
pub use bulk::{BulkRefusal, BulkReport, BulkUpdate};
pub use card::{
    Card, CardField, CardLink, CardRequest, CardRow, CardRows, CardSection, LastTouch, Ownership,
    Person,
};
pub use clock::{Clock, ManualClock, SystemClock};
pub use completeness::Filled;
pub use duplicates::{DuplicateMatch, DuplicateReport};
pub use engine::{Engine, Options};
pub use error::{Code, Error, Result};
pub use exchange::{
    ColumnRule, ExportFormat, ExportJob, ExportReport, Fault, FaultGroup, FaultKind, ImportJob,
    ImportReport, OnDuplicateRow, OnUnknown,
};
pub use feed::{FeedChange, FeedPage};
pub use history::Moment;
pub use ids::{ChoiceId, FieldId, ObjectId, RecordId, Sequence, UserId, Version};
pub use intake::{Accepted, InterestState};
pub use journal::{ChangeKind, EventKind};
pub use merge::{Merge, MergeReport, Moved};
pub use pack::{
    GrantDeclaration, Installed, Manifest, OpensOver, Pack, PackVersion, Preset, RoleDeclaration,
};
pub use plugin::{FieldReader, Validator};
pub use policy::{Action, Actor, Scope};
pub use progress::Progress;
pub use query::{Column, Params, Rows};
pub use report::{
    Chart, ChartDeclaration, ChartKind, ColumnDeclaration, DescribedParameter, Drill, DrillRequest,
    Funnel, FunnelStage, KeyDeclaration, ListingDeclaration, ParameterDeclaration, PartDeclaration,
    Periodicity, Report, ReportAudience, ReportDeclaration, ReportDescription, ReportFile,
    ReportForm, ReportInfo, ReportRequest, Table, TableColumn, WordDeclaration, Words,
    WrittenReport, funnel_svg,
};
pub use review::{
    Affected, Because, EffectiveRights, EffectiveRule, Explanation, MatchedRule, PolicyChange,
    RightsPage, RightsRequest, RoleLevel, RolesHeld, RuleWords, WhatIf, WhatIfReport, WhoCan,
    WhoCanPage, WhoCanUser,
};
pub use schema::{
    Accept, AcceptDeclaration, Arranged, CardPart, CardPartDeclaration, Cells, Choice,
    ChoiceDeclaration, Compared, Comparison, ComparisonDeclaration, Completeness,
    CompletenessDeclaration, Conversion, ConversionDeclaration, DuplicateDeclaration,
    DuplicateRule, EventDeclaration, EventParts, Field, FieldChange, FieldDeclaration, FieldPart,
    HiddenDuplicates, Interest, InterestDeclaration, LabelOf, Labels, Likeness, List,
    ListDeclaration, Log, LogDeclaration, Object, ObjectDeclaration, OnDelete, Period, Rollup,
    RollupDeclaration, Schema, Section, SectionChange, SectionDeclaration, SectionPart, SortKey,
    StageKind, Together, TogetherDeclaration, Total, TotalDeclaration, TotalPart,
};
pub use script::{
    FunctionDoc, RuleEvent, RuleKind, RuleSource, script_functions, script_functions_markdown,
};
pub use search::{Hit, How, SearchPage, SearchRequest};
pub use session::{
    Created, JournalChange, JournalCut, JournalEntry, JournalPage, JournalRequest, OnDuplicate,
    OpenSession, OpenedPage, OpenedRecord, OpenedRequest, SeenRecord, Session, Statement,
    TimelineRequest, TotpSecret, WatchPage, WatchRequest, WatchedHour,
};
pub use timeline::{ChangedField, EntryKind, TimelineEntry, TimelineFilter, TimelinePage};
pub use transfer::{Transfer, TransferCount, TransferReport};
pub use undo::{RevertOutcome, RevertUser, RevertUserReport, Reverted, RevertedRecord, Undone};
pub use value::{Currency, Money, Value, ValueType};
pub use verify::VerifyReport;
pub use write::{Door, Input};
