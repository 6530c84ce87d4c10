//! Credentials against users: each set is whole and somebody's.

use super::VerifyReport;
use crate::access::Credentials;
use crate::error::Result;
use crate::ids::RecordId;
use crate::schema::keys::{self, Key, Space};
use crate::schema::system::USER;
use crate::store::{Read, ScanOptions};
use crate::value::take_uint;

/// Verifies the credentials of all users.
pub(super) fn verify(read: &dyn Read, report: &mut VerifyReport) -> Result<()> {
    let range = Key::new(Space::Credentials).range();
    let mut rows = read.scan(range, ScanOptions::default())?;
    while let Some((key, value)) = rows.next()? {
        let user = RecordId::new(take_uint(&mut &key[1..])?)?;
        if read.get(&keys::record(USER, user))?.is_none() {
            report.fault(format!("user {user} has credentials and does not exist"));
        }
        if Credentials::unpack(value).is_err() {
            report.fault(format!("the credentials of user {user} are damaged"));
        }
    }
    Ok(())
}
