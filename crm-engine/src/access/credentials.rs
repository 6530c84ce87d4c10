//! How a user proves who he is. What is kept of it stands in a part of the store of its own,
//! under the user's number: never in records, history, journal or feed.
//!
//! A password is kept as its argon2id hash under a random salt, with the parameters it was made
//! with, so that they can be raised without anybody losing his password. Hashing takes tens of
//! milliseconds on purpose: it is done outside of transactions.

use argon2::{Algorithm, Argon2, Params, Version};
use chrono::{DateTime, Utc};

use crate::error::{Code, Error, Result};
use crate::ids::UserId;
use crate::limits::{PASSWORD_BYTES_MAX, PASSWORD_CHARACTERS_MIN};
use crate::schema::keys;
use crate::store::Read;
use crate::value::{put_uint, take_uint};

const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// The length RFC 4226 recommends.
const SECRET_BYTES: usize = 20;
/// 128 bits, the least that RFC 4226 allows.
const SECRET_BYTES_MIN: usize = 16;
const SECRET_BYTES_MAX: usize = 64;

/// Everything that is kept to know a user by. It has no `Debug`, so that no log can hold it.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub password: Option<Password>,
    pub totp: Option<Totp>,
}

/// The hash of a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: [u8; SALT_BYTES],
    hash: [u8; HASH_BYTES],
}

/// The secret of an authenticator and the last of its steps that was used up.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Totp {
    secret: Vec<u8>,
    last_step: u64,
}

impl Credentials {
    /// The credentials of a user as of `read`; empty where he has none.
    pub(crate) fn of(read: &dyn Read, user: UserId) -> Result<Credentials> {
        match read.get(&keys::credentials(user))? {
            Some(bytes) => Credentials::unpack(&bytes),
            None => Ok(Credentials::default()),
        }
    }

    /// As it stands in the store; none where there is nothing to keep.
    pub(crate) fn pack(&self) -> Option<Vec<u8>> {
        if self.password.is_none() && self.totp.is_none() {
            return None;
        }
        let mut out = vec![u8::from(self.password.is_some()) | u8::from(self.totp.is_some()) << 1];
        if let Some(password) = &self.password {
            for parameter in [password.memory_kib, password.passes, password.lanes] {
                put_uint(&mut out, parameter.into());
            }
            out.extend_from_slice(&password.salt);
            out.extend_from_slice(&password.hash);
        }
        if let Some(totp) = &self.totp {
            put_uint(&mut out, totp.last_step);
            out.extend_from_slice(&totp.secret);
        }
        Some(out)
    }

    /// # Errors
    /// [`Code::Damaged`].
    pub(crate) fn unpack(bytes: &[u8]) -> Result<Credentials> {
        let input = &mut &*bytes;
        let [flags @ 1..=3] = take::<1>(input)? else {
            return Err(damaged());
        };
        let password = match flags & 1 {
            0 => None,
            _ => Some(Password {
                memory_kib: parameter(input)?,
                passes: parameter(input)?,
                lanes: parameter(input)?,
                salt: take(input)?,
                hash: take(input)?,
            }),
        };
        let totp = match flags & 2 {
            0 => None,
            _ => Some(Totp {
                last_step: take_uint(input)?,
                secret: std::mem::take(input).to_vec(),
            }),
        };
        match input.is_empty() {
            true => Ok(Credentials { password, totp }),
            false => Err(damaged()),
        }
    }
}

impl Password {
    /// Hashes a new password. Slow on purpose.
    ///
    /// # Errors
    /// [`Code::InvalidValue`] for one that is too short or too long.
    pub(crate) fn new(password: &str) -> Result<Password> {
        let refuse = |text: String| Err(Error::new(Code::InvalidValue, text).field("new"));
        if password.chars().count() < PASSWORD_CHARACTERS_MIN {
            return refuse(format!(
                "a password has at least {PASSWORD_CHARACTERS_MIN} characters"
            ));
        }
        if password.len() > PASSWORD_BYTES_MAX {
            return refuse(format!("a password has at most {PASSWORD_BYTES_MAX} bytes"));
        }
        let mut made = Password {
            memory_kib: Params::DEFAULT_M_COST,
            passes: Params::DEFAULT_T_COST,
            lanes: Params::DEFAULT_P_COST,
            salt: random()?,
            hash: [0; HASH_BYTES],
        };
        made.hash = made.hash_of(password)?;
        Ok(made)
    }

    /// Whether it is this password. Slow on purpose, and as slow when it is not.
    pub(crate) fn is(&self, password: &str) -> Result<bool> {
        let given = blake3::Hash::from_bytes(self.hash_of(password)?);
        // Hashes of blake3 are compared in constant time.
        Ok(given == blake3::Hash::from_bytes(self.hash))
    }

    fn hash_of(&self, password: &str) -> Result<[u8; HASH_BYTES]> {
        let fault = |error| Error::internal(format!("a password cannot be hashed: {error}"));
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(HASH_BYTES));
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.map_err(fault)?);
        // Nobody has a longer one, and the work stays bounded.
        let end = password.len().min(PASSWORD_BYTES_MAX + 1);
        let mut hash = [0; HASH_BYTES];
        argon2
            .hash_password_into(&password.as_bytes()[..end], &self.salt, &mut hash)
            .map_err(fault)?;
        Ok(hash)
    }
}

/// The work of checking a password where there is none to check: an unknown login takes as long
/// as a wrong password.
pub(crate) fn pretend(password: &str) -> Result<()> {
    let nobody = Password {
        memory_kib: Params::DEFAULT_M_COST,
        passes: Params::DEFAULT_T_COST,
        lanes: Params::DEFAULT_P_COST,
        salt: [0; SALT_BYTES],
        hash: [0; HASH_BYTES],
    };
    nobody.is(password).map(drop)
}

impl Totp {
    /// A new random secret.
    pub(crate) fn generate() -> Result<Totp> {
        Ok(Totp {
            secret: random::<SECRET_BYTES>()?.to_vec(),
            last_step: 0,
        })
    }

    /// A secret made elsewhere, in base 32.
    ///
    /// # Errors
    /// [`Code::InvalidValue`] for what is no base 32, too short or too long.
    pub(crate) fn from_base32(text: &str) -> Result<Totp> {
        let bare = text.replace([' ', '='], "").to_ascii_uppercase();
        let secret = totp_rs::Secret::try_from_base32(bare).ok();
        let secret = secret.map(|secret| secret.as_ref().to_vec());
        let fits = |secret: &Vec<u8>| (SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&secret.len());
        let secret = secret.filter(fits).ok_or_else(|| {
            let text =
                format!("`secret` takes {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes in base 32");
            Error::new(Code::InvalidValue, text).field("secret")
        })?;
        Ok(Totp {
            secret,
            last_step: 0,
        })
    }

    /// The secret as authenticators take it.
    pub(crate) fn to_base32(&self) -> String {
        totp_rs::Secret::from(self.secret.clone()).to_base32()
    }

    /// The step a code belongs to: of the present one and its neighbours, and later than any used
    /// before, so that nobody can use a code again.
    pub(crate) fn step_of(&self, code: &str, now: DateTime<Utc>) -> Result<Option<u64>> {
        let totp = totp_rs::Builder::new()
            .with_secret(self.secret.clone())
            .build()
            .map_err(|_| damaged())?;
        let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
        let step = totp.check(code, seconds);
        Ok(step.filter(|step| *step > self.last_step))
    }

    /// The same secret after a step was used.
    pub(crate) fn used(&self, step: u64) -> Totp {
        Totp {
            secret: self.secret.clone(),
            last_step: step,
        }
    }
}

/// Random bytes of the operating system.
///
/// # Errors
/// [`Code::Io`] where it has none.
fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(Code::Io, format!("no random bytes: {error}")))?;
    Ok(bytes)
}

fn parameter(input: &mut &[u8]) -> Result<u32> {
    u32::try_from(take_uint(input)?).map_err(|_| damaged())
}

fn take<const N: usize>(input: &mut &[u8]) -> Result<[u8; N]> {
    let (head, rest) = input.split_first_chunk::<N>().ok_or_else(damaged)?;
    *input = rest;
    Ok(*head)
}

fn damaged() -> Error {
    Error::new(Code::Damaged, "the credentials of a user are damaged")
}
