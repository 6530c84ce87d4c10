//! The gate of a session: one call at a time, misuse is told instead of raced.

use std::sync::atomic::{AtomicU8, Ordering};

use crm_engine::{Code, Error, Result};

const FREE: u8 = 0;
const BUSY: u8 = 1;
/// A call panicked inside; what it left half done is not to be met again.
const POISONED: u8 = 2;
const CLOSED: u8 = 3;

/// Lets one call at a time into a session and its statements.
pub(crate) struct Gate(AtomicU8);

/// The right to be inside; ends as it is dropped.
pub(crate) struct Pass<'a> {
    gate: &'a Gate,
    after: u8,
}

impl Gate {
    pub(crate) const fn new() -> Gate {
        Gate(AtomicU8::new(FREE))
    }

    /// Lets a call in.
    ///
    /// # Errors
    /// [`Code::Misuse`] while another call is inside, [`Code::Internal`] after a defect,
    /// [`Code::BadHandle`] when the session is closed.
    pub(crate) fn enter(&self) -> Result<Pass<'_>> {
        match self
            .0
            .compare_exchange(FREE, BUSY, Ordering::Acquire, Ordering::Acquire)
        {
            Ok(_) => Ok(Pass {
                gate: self,
                after: FREE,
            }),
            Err(BUSY) => Err(busy()),
            Err(POISONED) => Err(Error::internal(
                "an earlier call of this session met a defect of the engine; close the session",
            )),
            Err(_) => Err(Error::new(
                Code::BadHandle,
                "the session of this statement is closed",
            )),
        }
    }

    /// Lets the destructor of a statement in, whatever became of the session.
    ///
    /// # Errors
    /// [`Code::Misuse`] while another call is inside.
    pub(crate) fn enter_to_end(&self) -> Result<Option<Pass<'_>>> {
        for after in [FREE, POISONED] {
            let entered =
                self.0
                    .compare_exchange(after, BUSY, Ordering::Acquire, Ordering::Acquire);
            match entered {
                Ok(_) => return Ok(Some(Pass { gate: self, after })),
                Err(BUSY) => return Err(busy()),
                Err(_) => {}
            }
        }
        Ok(None)
    }

    /// Lets nobody in any more.
    ///
    /// # Errors
    /// [`Code::Misuse`] while another call is inside.
    pub(crate) fn close(&self) -> Result<()> {
        if let Some(mut pass) = self.enter_to_end()? {
            pass.after = CLOSED;
        }
        Ok(())
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let after = if std::thread::panicking() {
            POISONED
        } else {
            self.after
        };
        self.gate.0.store(after, Ordering::Release);
    }
}

fn busy() -> Error {
    Error::new(
        Code::Misuse,
        "the session or one of its statements is in use by another call",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code<T>(result: Result<T>) -> Code {
        result.err().expect("an error").code()
    }

    #[test]
    fn one_call_is_inside_at_a_time() {
        let gate = Gate::new();
        let pass = gate.enter().unwrap();
        assert_eq!(code(gate.enter()), Code::Misuse);
        assert_eq!(code(gate.enter_to_end()), Code::Misuse);
        assert_eq!(code(gate.close()), Code::Misuse);
        drop(pass);
        assert!(gate.enter().is_ok());
    }

    #[test]
    fn a_closed_gate_lets_only_destructors_in() {
        let gate = Gate::new();
        gate.close().unwrap();
        assert_eq!(code(gate.enter()), Code::BadHandle);
        assert!(gate.enter_to_end().unwrap().is_none());
    }

    #[test]
    fn a_panic_inside_poisons_the_gate() {
        let gate = Gate::new();
        let panicked = std::panic::catch_unwind(|| {
            let _pass = gate.enter().unwrap();
            panic!("a defect");
        });
        assert!(panicked.is_err());
        assert_eq!(code(gate.enter()), Code::Internal);
        assert!(gate.enter_to_end().unwrap().is_some());
        assert_eq!(code(gate.enter()), Code::Internal);
        assert!(gate.close().is_ok());
    }
}
