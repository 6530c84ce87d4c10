-- What a vendor of an ERP would write by hand for the same answers.
CREATE TABLE users (
    id INTEGER PRIMARY KEY, login TEXT NOT NULL UNIQUE, role TEXT NOT NULL,
    department INTEGER, supervisor INTEGER
);
CREATE TABLE department (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, parent INTEGER);
-- Whose records a user reaches: kept by whoever changes the organisation.
CREATE TABLE reach (viewer INTEGER NOT NULL, owner INTEGER NOT NULL, PRIMARY KEY (viewer, owner)) WITHOUT ROWID;

CREATE TABLE company (
    id INTEGER PRIMARY KEY, owner INTEGER NOT NULL, version INTEGER NOT NULL,
    created_at INTEGER NOT NULL, created_by INTEGER, updated_at INTEGER NOT NULL, updated_by INTEGER,
    name TEXT NOT NULL, tax_number TEXT UNIQUE, phone TEXT, email TEXT, city TEXT, segment INTEGER,
    created INTEGER, last_activity INTEGER,
    note TEXT, contract TEXT, contract_date INTEGER, newsletter INTEGER, rating INTEGER,
    budget INTEGER, budget_currency TEXT,
    -- What names and numbers are found by.
    name_key TEXT NOT NULL, phone_key TEXT
);
-- Whom a company is shared with beside its owner. The owner and what the first page is sorted by stand
-- here too, kept by a trigger: what is shared is one more index range.
CREATE TABLE share (
    user INTEGER NOT NULL, company INTEGER NOT NULL, owner INTEGER NOT NULL, last_activity INTEGER,
    PRIMARY KEY (user, company)
) WITHOUT ROWID;
CREATE TABLE contact (
    id INTEGER PRIMARY KEY, company INTEGER NOT NULL, name TEXT NOT NULL, phone TEXT, email TEXT,
    decision_maker INTEGER
);
CREATE TABLE deal (
    id INTEGER PRIMARY KEY, company INTEGER NOT NULL, owner INTEGER NOT NULL, title TEXT NOT NULL,
    stage INTEGER NOT NULL, amount INTEGER, currency TEXT, margin INTEGER, seller INTEGER
);
CREATE TABLE activity (
    id INTEGER PRIMARY KEY, company INTEGER NOT NULL, kind INTEGER NOT NULL, subject TEXT NOT NULL,
    due INTEGER, done INTEGER
);
-- The words of names, twice: as a table and as FTS5; the better one counts.
-- A company's words stand under its owner and under each user it is shared with.
CREATE TABLE word (
    holder INTEGER NOT NULL, word TEXT NOT NULL, company INTEGER NOT NULL,
    PRIMARY KEY (holder, word, company)
) WITHOUT ROWID;
CREATE VIRTUAL TABLE names USING fts5(name, content='', prefix='3', detail='none');
-- Deals by owner and stage, kept by triggers.
CREATE TABLE sums (
    owner INTEGER NOT NULL, stage INTEGER NOT NULL, n INTEGER NOT NULL, amount INTEGER NOT NULL,
    PRIMARY KEY (owner, stage)
) WITHOUT ROWID;
-- Who did what and when: a row for each transaction.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY, user INTEGER, at INTEGER NOT NULL, action TEXT NOT NULL
);
-- What each of them made, with no field, and what it changed, with the old value: written by triggers
-- and clustered by record. Objects: 1 company, 2 contact, 3 deal, 4 activity, 5 department.
CREATE TABLE history (
    object INTEGER NOT NULL, record INTEGER NOT NULL, audit INTEGER NOT NULL, field TEXT NOT NULL, old,
    PRIMARY KEY (object, record, audit, field)
) WITHOUT ROWID;
