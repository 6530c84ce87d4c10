//! Every bound of the engine, with its unit in its name. Equal in debug and release builds.

/// The largest record id: 2^53 - 1, exact in JSON and JavaScript.
pub const RECORD_ID_MAX: u64 = (1 << 53) - 1;

// Store: equal on every engine, so that a base can move between them.

/// The longest key of the store.
pub const KEY_BYTES_MAX: usize = 1_024;
/// The largest value of the store.
pub const VALUE_BYTES_MAX: usize = 95 * 1_024;
/// The largest transaction: the sum of its keys and values.
pub const TRANSACTION_BYTES_MAX: usize = 8 * 1_024 * 1_024;
/// How long one snapshot may be read before it expires: a held snapshot pins pages.
pub const READER_AGE_SECONDS_MAX: u64 = 300;
/// How many bytes concurrent transactions may gather for one durable commit.
pub const GROUP_BYTES_MAX: usize = 32 * 1_024 * 1_024;
/// Keys and values one transaction of a copy of the store takes.
pub const COPY_BATCH_BYTES_MAX: usize = TRANSACTION_BYTES_MAX / 2;
/// How often a transaction runs while other writers keep changing what it reads.
pub const COMMIT_ATTEMPTS_MAX: usize = 16;
/// Memory for pages of the store's file, unless the host asks for another amount.
pub const STORE_CACHE_BYTES: usize = 256 * 1_024 * 1_024;

// Schema.

/// Objects in one store.
pub const OBJECTS_MAX: usize = 1_000;
/// Fields of one object, deleted ones included.
pub const FIELDS_PER_OBJECT_MAX: usize = 1_000;
/// Choices (stages) of one field, retired ones included.
pub const CHOICES_PER_FIELD_MAX: usize = 1_000;
/// Sorted lists offered by one object.
pub const SORTS_PER_OBJECT_MAX: usize = 32;
/// Records that get their entries of a list in one transaction, when it is added to a running
/// store.
pub const LIST_BATCH_RECORDS_MAX: usize = 500;
/// Entries that go in one transaction, when a list is taken away.
pub const LIST_BATCH_ENTRIES_MAX: usize = 2_000;
/// The size at which such a transaction ends: room stays for the entries of the last record.
pub const LIST_BATCH_BYTES_MAX: usize = TRANSACTION_BYTES_MAX / 2;
/// Sections of one object.
pub const SECTIONS_PER_OBJECT_MAX: usize = 100;
/// Languages of one label.
pub const LABEL_LANGUAGES_MAX: usize = 64;
/// The longest label of an object, field, choice or section in one language.
pub const LABEL_BYTES_MAX: usize = 512;
/// Fields and periods one total groups by.
pub const TOTAL_PARTS_MAX: usize = 4;
/// Fields one total sums.
pub const TOTAL_SUMS_MAX: usize = 8;
/// The longest text by which totals tell records apart: queries that meet a longer one read the
/// records instead.
pub const TOTAL_TEXT_BYTES_MAX: usize = 128;
/// Groups of a choice that share one entry of a total.
pub const TOTAL_GROUPS_TOGETHER: u32 = 32;
/// Duplicate rules, lists for completeness and groups of unique fields of one object, of each.
pub const PARTS_PER_OBJECT_MAX: usize = 32;
/// Rows shown in one part of a card.
pub const CARD_PART_ROWS_MAX: u16 = 1_000;
/// Prepared cards kept at hand: one for each actor and object.
pub const CARDS_PREPARED_MAX: usize = 10_000;
/// The longest API name of an object, field, choice, role or operation.
pub const NAME_BYTES_MAX: usize = 64;

// Values and records.

/// The longest text of one field.
pub const TEXT_BYTES_MAX: usize = 32 * 1_024;
/// The longest number in a digits field.
pub const DIGITS_BYTES_MAX: usize = 64;
/// The longest e-mail address (RFC 5321, errata 1690).
pub const EMAIL_BYTES_MAX: usize = 254;
/// The longest phone number, extension included.
pub const PHONE_BYTES_MAX: usize = 128;
/// How much of a text takes part in sorting; what lies behind it does not change the order.
pub const SORT_TEXT_BYTES_MAX: usize = 192;
/// The most members of a tag field or choice set.
pub const SET_MEMBERS_MAX: usize = 256;

/// How many kept fields may follow one from another: formulas, rollups, converted amounts.
pub const KEPT_DEPTH_MAX: usize = 32;
/// Records one rollup counts.
pub const ROLLUP_RECORDS_MAX: usize = 1_000_000;

// Queries.

/// The longest query or condition.
pub const QUERY_BYTES_MAX: usize = 64 * 1_024;
/// Names, words, operators and brackets in one query or condition: what can nest.
pub const QUERY_WORDS_MAX: usize = 2_000;
/// The longest pattern of a `LIKE`.
pub const PATTERN_BYTES_MAX: usize = 1_024;
/// How deep a condition may nest.
pub const EXPRESSION_DEPTH_MAX: usize = 64;
/// How many references one dotted path may follow.
pub const PATH_STEPS_MAX: usize = 4;
/// The longest period of so many days from today.
pub const PERIOD_DAYS_MAX: u32 = 36_600;
/// Rows one query may touch before it is stopped.
pub const QUERY_ROWS_TOUCHED_MAX: u64 = 50_000_000;
/// Entries of lists that are counted to choose how a query finds its records.
pub const QUERY_PROBE_ENTRIES_MAX: u64 = 1_000;
/// Ids that a query gathers of one part of a list, to see which of them stand in another part.
pub const QUERY_COMMON_IDS_MAX: usize = 50_000;
/// Stays one record may have in a log.
pub const LOG_STAYS_MAX: u64 = 65_535;
/// Rows one query may sort where no list offers its order.
pub const QUERY_SORT_ROWS_MAX: usize = 250_000;
/// Different values one sub-select may give.
pub const SUBSELECT_VALUES_MAX: usize = 1_000_000;
/// Places of a total that a query gets one by one for each owner; beyond that it reads them all.
pub const TOTAL_PLACES_MAX: usize = 64;
/// Values one query may keep to count how many differ, of all its groups.
pub const QUERY_DISTINCT_VALUES_MAX: usize = 1_000_000;
/// Rows one sub-select among the columns may give for a record.
pub const QUERY_CHILD_ROWS_MAX: usize = 1_000;
/// How deep queries stand in one another, the outermost counted.
pub const QUERY_LEVELS_MAX: usize = 4;
/// The longest cursor of a query.
pub const CURSOR_BYTES_MAX: usize = 64 * 1_024;
/// Rows the operation `select` gives at once.
pub const SELECT_ROWS_MAX: usize = 10_000;
/// Groups one query may produce; rows that must differ are groups too.
pub const QUERY_GROUPS_MAX: usize = 100_000;

// Reports.

/// Parts, keys, columns and parameters of one report, of each.
pub const REPORT_PARTS_MAX: usize = 64;
/// Users whose work one report is asked about.
pub const REPORT_LEVEL_USERS_MAX: usize = 500;
/// Stored reports of one store.
pub const REPORTS_MAX: usize = 100_000;
/// Records that a list, or what is behind a figure, gives where no number is asked for.
pub const REPORT_LIST_ROWS: usize = 100;
/// Records that a list, or what is behind a figure, gives at once.
pub const REPORT_LIST_ROWS_MAX: usize = 1_000;

// Duplicates.

/// How much of a normal form records are found by; the whole of it is then compared.
pub const MATCH_FORM_BYTES_MAX: usize = 192;
/// Words of a text by whose beginnings records are found.
pub const MATCH_WORDS_MAX: usize = 8;
/// Characters of two texts whose likeness is measured.
pub const FUZZY_CHARACTERS_MAX: usize = 256;
/// Records one duplicate rule looks at for one record, seen and unseen ones apart.
pub const DUPLICATE_CANDIDATES_MAX: usize = 1_000;
/// Duplicates of one record that are told, seen and unseen ones apart.
pub const DUPLICATES_TOLD_MAX: usize = 100;
/// Details of one record whose further values are compared.
pub const FURTHER_VALUES_MAX: usize = 1_000;

// Bulk changes.

/// Records one bulk change may select.
pub const BULK_RECORDS_MAX: usize = 1_000_000;
/// Records one transaction of a bulk change takes: what selects no more is all or nothing.
pub const BULK_BATCH_RECORDS_MAX: usize = 1_000;
/// The size at which a transaction of a bulk change ends: room stays for the last record's rules.
pub const BULK_BATCH_BYTES_MAX: usize = TRANSACTION_BYTES_MAX / 2;
/// Refusals of a bulk change that are told in full; further ones are counted.
pub const BULK_REFUSALS_TOLD_MAX: usize = 100;

// Intake.

/// Interests of one client that are read to find the newest open one.
pub const INTERESTS_READ_MAX: usize = 1_000;
/// Interests of one client that are told.
pub const INTERESTS_TOLD_MAX: usize = 100;

// Timelines.

/// Entries of one page of a timeline.
pub const TIMELINE_PAGE_MAX: usize = 1_000;
/// Entries one page of a timeline may look at before it is stopped.
pub const TIMELINE_ENTRIES_TOUCHED_MAX: u64 = 10_000_000;
/// Kinds one filter of a timeline may name.
pub const TIMELINE_KINDS_MAX: usize = 100;
// Search.

/// The longest text searched for.
pub const SEARCH_TEXT_BYTES_MAX: usize = 1_024;
/// Words and numbers of one text searched for.
pub const SEARCH_WORDS_MAX: usize = 16;
/// Hits one search may ask for.
pub const SEARCH_HITS_MAX: usize = 1_000;
/// Words of one field that search finds it by; those behind them are not found.
pub const SEARCH_WORDS_PER_FIELD_MAX: usize = 256;
/// How much of a word search looks at.
pub const SEARCH_WORD_BYTES_MAX: usize = 64;
/// How many digits of a phone number search finds it by: E.164 has 15.
pub const SEARCH_PHONE_DIGITS_MAX: usize = 20;
/// How much of a title's sort key takes part in the order of hits.
pub const SEARCH_TITLE_BYTES_MAX: usize = 64;
/// Index entries, of those the caller may see, that one search looks at.
pub const SEARCH_POSTINGS_MAX: u64 = 100_000;
/// Records, of those the caller may see, that one search reads.
pub const SEARCH_RECORDS_MAX: u64 = 10_000;

// Rules.

/// How deep one write may cause further writes through automations.
pub const RULE_DEPTH_MAX: usize = 8;
/// Records one write may touch through automations.
pub const RULE_WRITES_MAX: usize = 1_000;
/// Elementary steps of one rule call.
pub const SCRIPT_STEPS_MAX: u64 = 1_000_000;
/// Running time of one rule call.
pub const SCRIPT_MILLISECONDS_MAX: u64 = 250;
/// Memory a rule may gather in strings, arrays and maps, as counted by the engine.
pub const SCRIPT_BYTES_MAX: usize = 8 * 1_024 * 1_024;
/// The longest string a rule may build.
pub const SCRIPT_STRING_BYTES_MAX: usize = 256 * 1_024;
/// The longest array a rule may build, nested ones counted. Low, because rhai measures an array
/// anew at every push.
pub const SCRIPT_ARRAY_ITEMS_MAX: usize = 1_000;
/// The largest map a rule may build.
pub const SCRIPT_MAP_ITEMS_MAX: usize = 1_000;
/// The longest text of a rule.
pub const SCRIPT_TEXT_BYTES_MAX: usize = 64 * 1_024;
/// Functions of its own, closures included, that a rule may have.
pub const SCRIPT_FUNCTIONS_MAX: usize = 64;
/// Variables that one function of a rule may have.
pub const SCRIPT_VARIABLES_MAX: usize = 128;
/// How deep calls inside a rule may nest. With the next two it keeps a script within the 2 MiB
/// of a thread's stack in debug builds too.
pub const SCRIPT_CALL_DEPTH_MAX: usize = 16;
/// How deep expressions inside a rule may nest.
pub const SCRIPT_EXPRESSION_DEPTH_MAX: usize = 64;
/// How deep expressions inside a function of a rule may nest.
pub const SCRIPT_FUNCTION_EXPRESSION_DEPTH_MAX: usize = 32;

// Import.

/// The largest file taken by one import.
pub const IMPORT_BYTES_MAX: u64 = 4 * 1_024 * 1_024 * 1_024;
/// The longest record of an imported file, over as many lines as its quoted cells have.
pub const IMPORT_RECORD_BYTES_MAX: usize = 1_024 * 1_024;
/// Rows stored in one transaction of an import.
pub const IMPORT_BATCH_ROWS_MAX: usize = 2_000;
/// The size at which a transaction of an import ends: room stays for the last row's rules.
pub const IMPORT_BATCH_BYTES_MAX: usize = TRANSACTION_BYTES_MAX / 2;
/// Records one column of an import can be matched against.
pub const IMPORT_LOOKUP_RECORDS_MAX: usize = 5_000_000;
/// Rows that may wait for rows further down which they refer to.
pub const IMPORT_WAITING_ROWS_MAX: usize = 100_000;
/// How often waiting rows are tried again: how deep rows may refer to rows further down.
pub const IMPORT_WAITING_ROUNDS_MAX: usize = 64;
/// Faults an import keeps in full; further ones are counted.
pub const IMPORT_FAULTS_KEPT_MAX: usize = 100_000;
/// Groups of equal faults an import tells apart.
pub const IMPORT_FAULT_GROUPS_MAX: usize = 1_000;

// Rights.

/// Users one record is shared with.
pub const PARTICIPANTS_MAX: usize = 100;
/// Departments above one another; the rights of those further up do not reach down.
pub const DEPARTMENT_DEPTH_MAX: usize = 32;
/// Rows of records he may not export that one query gives a user.
pub const LIST_ROWS_WITHOUT_EXPORT_MAX: usize = 1_000;

// Review of rights.

/// Users of one page of a review of rights.
pub const REVIEW_USERS_PAGE_MAX: usize = 1_000;
/// Users that one page of those who may do something looks at; the next page goes on behind them.
pub const REVIEW_USERS_LOOKED_AT_MAX: usize = 10_000;
/// Entries of the journal that a review of past rights reads back.
pub const REVIEW_JOURNAL_ENTRIES_MAX: u64 = 10_000_000;
/// How far the clock of a host may have been set back for a review of past rights to be whole.
pub const CLOCK_SET_BACK_HOURS_MAX: i64 = 24;
/// Changes that one question what would be takes.
pub const WHAT_IF_CHANGES_MAX: usize = 1_000;
/// Decisions made to answer what would be.
pub const WHAT_IF_DECISIONS_MAX: u64 = 1_000_000_000;
/// Users and objects listed in the answer what would be.
pub const WHAT_IF_LISTED_MAX: usize = 10_000;

// Export.

/// The largest file one export writes.
pub const EXPORT_BYTES_MAX: u64 = IMPORT_BYTES_MAX;
/// The longest text one export answers with.
pub const EXPORT_TEXT_BYTES_MAX: u64 = 64 * 1_024 * 1_024;

/// Cells of a workbook, which is made in memory.
pub const WORKBOOK_CELLS_MAX: u64 = 5_000_000;
/// Rows of a sheet of a workbook, its header among them, as spreadsheets take them.
pub const WORKBOOK_ROWS_MAX: u64 = 1_048_576;

// Pictures.

/// Rows of labels one picture draws; further ones are counted.
pub const PICTURE_ROWS_MAX: usize = 100;
/// Points of one line.
pub const PICTURE_POINTS_MAX: usize = 500;
/// Lines one picture draws.
pub const PICTURE_LINES_MAX: usize = 12;
/// Series of bars one picture draws: more patterns are not told apart.
pub const PICTURE_BAR_SERIES_MAX: usize = 6;

// Watch.

/// Records opened that may wait to be written down.
pub const WATCH_PENDING_MAX: usize = 10_000;
/// Different records that one user opens in an hour and that are known one by one; further ones
/// are counted at each opening.
pub const WATCH_OPENED_KNOWN_MAX: usize = 100_000;
/// Hours of one page of what users did.
pub const WATCH_HOURS_PAGE_MAX: usize = 1_000;
/// Records listed in one page of what a user opened.
pub const WATCH_OPENED_PAGE_MAX: usize = 10_000;
/// Openings of one user that one list of what he opened is made from.
pub const WATCH_OPENED_READ_MAX: usize = 2_000_000;

// Sessions and the journal.

/// Sessions of users open at once in one engine.
pub const SESSIONS_MAX: usize = 100_000;
/// The shortest password that can be set, in characters.
pub const PASSWORD_CHARACTERS_MIN: usize = 8;
/// The longest password.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
/// The longest name of a computer or account that a host tells of a session.
pub const ORIGIN_BYTES_MAX: usize = 256;
/// Ranges of addresses that one setting may name.
pub const ADDRESS_RANGES_MAX: usize = 1_000;
/// Entries of one page of the journal.
pub const JOURNAL_PAGE_MAX: usize = 1_000;
/// Entries that one page of the journal may look at; the next page goes on behind them.
pub const JOURNAL_ENTRIES_TOUCHED_MAX: usize = 100_000;
/// Changes that are listed of one entry of the journal; further ones are counted.
pub const JOURNAL_CHANGES_LISTED_MAX: usize = 100;
/// Entries of the journal cut off in one transaction.
pub const JOURNAL_CUT_ENTRIES_MAX: u64 = 50_000;
/// The longest text that the journal tells of what a caller asked for.
pub const EVENT_TEXT_BYTES_MAX: usize = 256;

// Undo and merge.

/// Records that stand in the way of taking a transaction back and are named in the refusal.
pub const UNDO_NAMED_MAX: usize = 100;
/// Records that one user changed in a period and that are taken back at once.
pub const REVERT_RECORDS_MAX: usize = 100_000;
/// Records taken back in one transaction.
pub const REVERT_BATCH_RECORDS_MAX: usize = 500;
/// The size at which a transaction of taking back ends: room stays for its last record.
pub const REVERT_BATCH_BYTES_MAX: usize = TRANSACTION_BYTES_MAX / 2;
/// How often records that wait for others to be taken back are tried again.
pub const REVERT_ROUNDS_MAX: usize = 16;
/// Records a report of taking back lists; further ones are counted.
pub const REVERT_LISTED_MAX: usize = 1_000;
/// Records merged into another one at once.
pub const MERGE_RECORDS_MAX: usize = 32;
/// References that move in one merge.
pub const MERGE_REFERENCES_MAX: usize = 5_000;

// Packs.

/// Files of one pack.
pub const PACK_FILES_MAX: usize = 1_000;
/// The largest file of a pack.
pub const PACK_FILE_BYTES_MAX: usize = 64 * 1_024;
/// The largest pack: the sum of its files.
pub const PACK_BYTES_MAX: usize = TRANSACTION_BYTES_MAX / 4;
/// The longest path of a file within its pack.
pub const PACK_PATH_BYTES_MAX: usize = 256;

// Native plugins.

/// The largest library loaded as a plugin.
pub const PLUGIN_FILE_BYTES_MAX: u64 = 256 * 1_024 * 1_024;
/// The largest table a plugin may pass to the host.
pub const PLUGIN_TABLE_BYTES_MAX: usize = 4_096;
/// Validators one plugin may register.
pub const PLUGIN_VALIDATORS_MAX: usize = 1_000;
/// Refusals one call of a validator may report.
pub const PLUGIN_REFUSALS_MAX: usize = 100;
