//! The statements, with the rights of each role in them.

use rusqlite::{Connection, Result, Statement};

use crate::data::{self, Role};
use crate::engine::COLUMNS;
use crate::work::Peer;

/// The statements of one role.
pub(super) struct Queries {
    pub(super) open: Statement<'static>,
    pub(super) contacts: Statement<'static>,
    pub(super) deals: Statement<'static>,
    pub(super) activities: Statement<'static>,
    pub(super) name: Statement<'static>,
    pub(super) word: Statement<'static>,
    pub(super) phone: Statement<'static>,
    pub(super) all: Statement<'static>,
    pub(super) all_json: Statement<'static>,
    pub(super) funnel: Statement<'static>,
    pub(super) count: Statement<'static>,
}

impl Queries {
    pub(super) fn parts(&mut self) -> [&mut Statement<'static>; 3] {
        [&mut self.contacts, &mut self.deals, &mut self.activities]
    }

    /// Parameters: 1 what is looked for, 2 the user, 3 the end of a range.
    pub(super) fn prepare(
        connection: &'static Connection,
        role: Role,
        peer: Peer,
    ) -> Result<Queries> {
        let may = may(role);
        let margin = match role {
            Role::Employee => "",
            _ => ", margin",
        };
        let order = "ORDER BY company.name_key, company.id LIMIT 20";
        let word = match (peer, role) {
            (Peer::Plain | Peer::Sums | Peer::Floor, Role::Employee) => format!(
                "SELECT DISTINCT company.id, name FROM word JOIN company ON company.id = word.company \
                 WHERE word.holder = ?2 AND word >= ?1 AND word < ?3 {order}"
            ),
            (Peer::Plain | Peer::Sums | Peer::Floor, _) => format!(
                "SELECT DISTINCT company.id, name FROM word JOIN company ON company.id = word.company \
                 WHERE word >= ?1 AND word < ?3 AND {may} {order}"
            ),
            (Peer::Fts5, _) => format!(
                "SELECT company.id, company.name FROM names JOIN company ON company.id = names.rowid \
                 WHERE names MATCH ?1 AND {may} AND ?3 IS NOT NULL {order}"
            ),
        };
        let prepare = |sql: &str| connection.prepare(sql);
        Ok(Queries {
            open: prepare(&format!(
                "SELECT {} FROM company WHERE id = ?1 AND {may}",
                COLUMNS.join(", ")
            ))?,
            contacts: prepare(
                "SELECT id, name, phone, email, decision_maker FROM contact WHERE company = ?1 \
                 ORDER BY id",
            )?,
            deals: prepare(&format!(
                "SELECT id, title, stage, amount{margin} FROM deal WHERE company = ?1 \
                 AND stage <= {} ORDER BY id",
                data::OPEN_STAGES
            ))?,
            activities: prepare(
                "SELECT id, kind, subject, due, done FROM activity WHERE company = ?1 \
                 ORDER BY due DESC, id DESC LIMIT 20",
            )?,
            name: prepare(&by_name(role))?,
            word: prepare(&word)?,
            phone: prepare(&format!(
                "SELECT id, name FROM company WHERE phone_key = ?1 AND {may} {order}"
            ))?,
            all: prepare(&all(role, LIST_COLUMNS))?,
            all_json: prepare(&format!(
                "SELECT json_group_array(json_array({LIST_COLUMNS})) FROM ({})",
                all(role, LIST_COLUMNS)
            ))?,
            funnel: prepare(&funnel(role, peer))?,
            count: prepare(&count(role))?,
        })
    }
}

/// Whether the user `?2` may see a company.
fn may(role: Role) -> &'static str {
    match role {
        Role::Employee => {
            "(company.owner = ?2 \
             OR EXISTS (SELECT 1 FROM share WHERE user = ?2 AND share.company = company.id))"
        }
        Role::Administrator => "?2 IS NOT NULL",
        Role::Head | Role::RegionalHead => {
            "(EXISTS (SELECT 1 FROM reach WHERE viewer = ?2 AND owner = company.owner) \
             OR EXISTS (SELECT 1 FROM share WHERE user = ?2 AND share.company = company.id))"
        }
    }
}

/// The owners that the user `?2` reaches.
const REACHED: &str = "(SELECT owner FROM reach WHERE viewer = ?2)";

/// What is shared with the user `?2` beyond those.
const SHARED: &str =
    "share.user = ?2 AND share.owner NOT IN (SELECT owner FROM reach WHERE viewer = ?2)";

fn by_name(role: Role) -> String {
    let range = "name_key >= ?1 AND name_key < ?3";
    match role {
        // An index range of his own, and what is shared with him.
        Role::Employee => format!(
            "SELECT id, name FROM (\
                 SELECT id, name, name_key FROM company WHERE owner = ?2 AND {range} \
                 UNION ALL SELECT company.id, name, name_key FROM share CROSS JOIN company \
                 ON company.id = share.company WHERE {SHARED} AND {range}\
             ) ORDER BY name_key, id LIMIT 20"
        ),
        _ => format!(
            "SELECT id, name FROM company WHERE {range} AND {} \
             ORDER BY company.name_key, company.id LIMIT 20",
            may(role)
        ),
    }
}

/// Summed along the index, owner by owner, or taken from the sums that are kept; the deals of what
/// is shared one by one.
fn funnel(role: Role, peer: Peer) -> String {
    let whose = match role {
        Role::Administrator => "?2 IS NOT NULL".to_owned(),
        _ => format!("owner IN {REACHED}"),
    };
    let owned = match peer {
        Peer::Sums => format!("SELECT stage, n, amount FROM sums WHERE {whose}"),
        _ => format!(
            "SELECT stage, count(*) AS n, sum(amount) AS amount FROM deal WHERE {whose} \
             GROUP BY owner, stage"
        ),
    };
    let shared = match role {
        Role::Administrator => String::new(),
        _ => format!(
            "UNION ALL SELECT stage, 1, amount FROM share CROSS JOIN deal \
             ON deal.company = share.company WHERE {SHARED}"
        ),
    };
    format!(
        "SELECT stage, sum(n), sum(amount) FROM ({owned} {shared}) GROUP BY stage ORDER BY stage"
    )
}

const LIST_COLUMNS: &str = "id, name, city, segment, last_activity";

/// All that the user `?2` may see, in no order.
fn all(role: Role, columns: &str) -> String {
    match role {
        Role::Administrator => format!("SELECT {columns} FROM company WHERE ?2 IS NOT NULL"),
        _ => format!(
            "SELECT {columns} FROM company WHERE owner IN {REACHED} \
             UNION ALL SELECT {columns} FROM company WHERE id IN \
             (SELECT company FROM share WHERE {SHARED})"
        ),
    }
}

/// Parameters: 1 the city, 2 the user, 3 the segment.
fn count(role: Role) -> String {
    let these = "city = ?1 AND segment = ?3";
    match role {
        Role::Administrator => {
            format!("SELECT count(*) FROM company WHERE {these} AND ?2 IS NOT NULL")
        }
        _ => format!(
            "SELECT (SELECT count(*) FROM company WHERE {these} AND owner IN {REACHED}) \
             + (SELECT count(*) FROM share CROSS JOIN company ON company.id = share.company \
             WHERE {SHARED} AND {these})"
        ),
    }
}

/// The first fifty of some owners and of what is shared beyond them: a lazy merge of index ranges,
/// and the rest of the columns for fifty rows only. No owners are everybody. A later page begins behind
/// the moment `?1` and the id `?2`.
pub(super) fn latest(viewer: i64, owners: Option<&[i64]>, is_later: bool) -> String {
    let behind = |id: &str| match is_later {
        true => format!("(last_activity, {id}) < (?1, ?2)"),
        false => "true".to_owned(),
    };
    let columns = "c.id, c.name, c.city, c.segment, c.last_activity";
    let Some(owners) = owners else {
        return format!(
            "SELECT {columns} FROM company AS c WHERE {} \
             ORDER BY last_activity DESC, id DESC LIMIT 50",
            behind("id")
        );
    };
    let listed: Vec<String> = owners.iter().map(i64::to_string).collect();
    let ranges = listed.iter().map(|owner| {
        let behind = behind("id");
        format!("SELECT id, last_activity FROM company WHERE owner = {owner} AND {behind}")
    });
    let shared = format!(
        "SELECT company AS id, last_activity FROM share WHERE user = {viewer} \
         AND owner NOT IN ({}) AND {}",
        listed.join(", "),
        behind("company")
    );
    let ranges: Vec<String> = ranges.chain([shared]).collect();
    format!(
        "SELECT {columns} FROM ({} ORDER BY last_activity DESC, id DESC LIMIT 50) AS m \
         CROSS JOIN company AS c ON c.id = m.id",
        ranges.join(" UNION ALL ")
    )
}
