//! Why, who, what now, what then, what if: rights looked at from outside.

use std::sync::Arc;

use super::Session;
use crate::engine::View;
use crate::error::{Code, Error, Result};
use crate::expr;
use crate::facts::{self, Facts};
use crate::ids::{RecordId, UserId};
use crate::policy::Action;
use crate::progress::Progress;
use crate::review::{
    self, Explanation, Past, Question, RightsPage, RightsRequest, WhatIf, WhatIfReport, WhoCan,
    WhoCanPage,
};
use crate::schema::keys;
use crate::store::Read;
use crate::value::RecordView;

impl Session {
    /// Why a user may or may not do something with a record, or with one field of it.
    ///
    /// # Errors
    /// [`Code::Denied`] for everybody but administrators, [`Code::UnknownObject`],
    /// [`Code::UnknownField`], [`Code::NotFound`].
    pub fn explain(
        &self,
        user: UserId,
        action: Action,
        object: &str,
        id: RecordId,
        field: Option<&str>,
    ) -> Result<Explanation> {
        self.require_administrator()?;
        let view = self.view()?;
        self.ask(&view, (action, object, id, field), |question| {
            review::explain(question, user)
        })
    }

    /// Whether the caller himself may do something with a record that he sees. No reasons: those
    /// are for administrators.
    ///
    /// ```
    /// use crm_engine::{Action, Code, Engine, Options};
    /// use serde_json::json;
    ///
    /// let engine = Engine::in_memory(Options::default())?;
    /// let host = engine.system();
    /// host.create("user", &json!({"login": "anna", "name": "Anna", "roles": ["agent"]}))?;
    /// let anna = engine.login("anna")?;
    /// let deal = json!({"title": "Roof", "stage": "prospecting"});
    /// let own = anna.create("deal", &deal)?;
    /// assert!(anna.may(Action::Edit, "deal", own)?);
    /// assert!(!anna.may(Action::Delete, "deal", own)?);
    /// let foreign = host.create("deal", &deal)?;
    /// let refused = anna.may(Action::Edit, "deal", foreign);
    /// assert_eq!(refused.unwrap_err().code(), Code::NotFound);
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::UnknownObject`]; [`Code::NotFound`] for a record that does not exist and one that
    /// he may not see.
    pub fn may(&self, action: Action, object: &str, id: RecordId) -> Result<bool> {
        let view = self.view()?;
        let object = view.schema.object(object)?;
        let bytes = view.snapshot.get(&keys::record(object.id, id))?;
        let bytes = bytes.ok_or_else(Error::not_found)?;
        let record = RecordView::new(&bytes)?;
        let permits = |action| {
            let plan = view.facts.plan(self.actor, object, action);
            facts::permits(&view.snapshot, &plan, &record)
        };
        match permits(Action::View)? {
            true => permits(action),
            false => Err(Error::not_found()),
        }
    }

    /// The users who may do something with a record, or with one field of it, by whose rules.
    ///
    /// ```
    /// use crm_engine::{Action, Engine, Options, WhoCan};
    /// use serde_json::json;
    ///
    /// let engine = Engine::in_memory(Options::default())?;
    /// let host = engine.system();
    /// host.create("user", &json!({"login": "anna", "name": "Anna", "roles": ["agent"]}))?;
    /// host.create("user", &json!({"login": "ivo", "name": "Ivo", "roles": ["agent"]}))?;
    /// let deal = json!({"title": "Roof", "stage": "prospecting"});
    /// let roof = engine.login("anna")?.create("deal", &deal)?;
    /// let page = host.who_can(&WhoCan::new(Action::View, "deal", roof))?;
    /// let logins: Vec<&str> = page.users.iter().map(|user| user.login.as_str()).collect();
    /// assert_eq!(logins, ["admin", "anna"]);
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Session::explain`], and [`Code::InvalidArguments`] for a `limit` out of range.
    pub fn who_can(&self, request: &WhoCan) -> Result<WhoCanPage> {
        self.require_administrator()?;
        let view = self.view()?;
        let WhoCan {
            action,
            object,
            id,
            field,
            ..
        } = request;
        self.ask(
            &view,
            (*action, object, *id, field.as_deref()),
            |question| review::who_can(question, request),
        )
    }

    /// The rights of one user or of all, with the rule each comes from, at present or at a past
    /// moment. Then, users, roles and rules are those of that moment; the objects and fields they
    /// speak of are those of today.
    ///
    /// ```
    /// use crm_engine::{Engine, Options, RightsRequest};
    /// use serde_json::json;
    ///
    /// let host = Engine::in_memory(Options::default())?.system();
    /// host.create("user", &json!({"login": "anna", "name": "Anna", "kind": "admin"}))?;
    /// let page = host.effective_rights(&RightsRequest::default())?;
    /// assert!(page.users[0].is_admin && page.users[0].has_all);
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Denied`] for everybody but administrators; [`Code::InvalidArguments`] for a `limit`
    /// out of range, a moment to come and one to which the journal does not reach back;
    /// [`Code::LimitExceeded`].
    pub fn effective_rights(&self, request: &RightsRequest) -> Result<RightsPage> {
        self.require_administrator()?;
        let view = self.view()?;
        let (read, schema, now) = (&view.snapshot, &view.schema, self.engine.now());
        let Some(at) = request.at else {
            return review::effective_rights(read, schema, &view.facts, None, now, request);
        };
        if at > now {
            let text = "`at`: what is to come is not known";
            return Err(Error::new(Code::InvalidArguments, text).field("at"));
        }
        let past = Past::at(read, at)?;
        let facts = Facts::of_records(schema, expr::judge, past.records());
        review::effective_rights(read, schema, &facts, Some(&past), now, request)
    }

    /// What changes of rights would do: how many records each user would gain and lose. Nothing is
    /// changed. `progress` hears of the objects compared and may end the work.
    ///
    /// # Errors
    /// [`Code::Denied`] for everybody but administrators; what the changes have against them, with
    /// the number of the `change`; [`Code::Cancelled`], [`Code::LimitExceeded`].
    pub fn what_if(
        &self,
        request: &WhatIf,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<WhatIfReport> {
        self.require_administrator()?;
        let (before, after) = self.transact("what_if", |door| {
            let before = Arc::clone(door.facts());
            let after = door.rehearse(|door| review::apply(door, &request.changes))?;
            Ok((before, after))
        })?;
        let view = self.view()?;
        let facts = (&*before, &after);
        review::compare(&view.snapshot, &view.schema, facts, request, progress)
    }

    fn ask<R>(
        &self,
        view: &View,
        (action, object, id, field): (Action, &str, RecordId, Option<&str>),
        answer: impl FnOnce(&Question<'_>) -> Result<R>,
    ) -> Result<R> {
        let object = view.schema.object(object)?;
        let field = field.map(|name| object.field(name).map(|field| field.id));
        let field = field.transpose()?;
        let bytes = view.snapshot.get(&keys::record(object.id, id))?;
        let bytes = bytes.ok_or_else(Error::not_found)?;
        answer(&Question {
            read: &view.snapshot,
            facts: &view.facts,
            now: self.engine.now(),
            action,
            object,
            field,
            record: RecordView::new(&bytes)?,
        })
    }
}
