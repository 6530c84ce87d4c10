//! What one call may use: steps, time and memory, counted outside of rhai.
//!
//! rhai's own counter does not see closures called by native functions, and nothing in rhai
//! bounds memory as a whole. The meter is asked at every step and at every use of a variable.
//!
//! Memory is weighed, not tracked: a step adds at most one value, values are bounded by rhai's
//! size limits, so weighing all variables every few steps bounds their sum.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rhai::{Array, Dynamic, EvalContext, ImmutableString, Map};

use crate::limits::{SCRIPT_BYTES_MAX, SCRIPT_MILLISECONDS_MAX, SCRIPT_STEPS_MAX};

/// How many steps pass between two looks at the watch.
const STEPS_PER_LOOK: u64 = 64;
/// The most steps between two weighings of a frame.
const STEPS_PER_WEIGHING_MAX: u64 = 16;
/// A frame is weighed again after one step for each of these bytes, so that small frames are
/// weighed always and large ones do not spend all time on the scales.
const BYTES_PER_STEP: usize = 1_024;

/// The place of a value in an array, a variable or a node of a map.
const SLOT_BYTES: usize = 16;
/// What a boxed value takes beside its slot: decimals, dates, money.
const BOX_BYTES: usize = 32;
/// The place of a key in a map.
const KEY_BYTES: usize = 48;

/// Why a call was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exhausted {
    Steps,
    Time,
    Bytes,
}

/// The use of one call. A call that is run again keeps its meter.
#[derive(Debug)]
pub(super) struct Meter {
    steps: AtomicU64,
    /// Bytes held by native functions that are collecting results.
    held: AtomicUsize,
    watch: Mutex<Watch>,
    frames: Mutex<Frames>,
}

#[derive(Debug)]
struct Watch {
    used: Duration,
    running_since: Option<Instant>,
}

/// The weights of the variables of each function on the stack, outermost first.
#[derive(Debug, Default)]
struct Frames {
    stack: Vec<Frame>,
    peak: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Frame {
    bytes: usize,
    weigh_at_step: u64,
}

impl Meter {
    pub(super) fn new() -> Meter {
        Meter {
            steps: AtomicU64::new(0),
            held: AtomicUsize::new(0),
            watch: Mutex::new(Watch {
                used: Duration::ZERO,
                running_since: None,
            }),
            frames: Mutex::default(),
        }
    }

    /// Starts the watch; what happens before the guard is dropped counts.
    pub(super) fn running(&self) -> Running<'_> {
        lock(&self.watch).running_since = Some(Instant::now());
        lock(&self.frames).stack.clear();
        self.held.store(0, Ordering::Relaxed);
        Running(self)
    }

    /// Counts a step. Only one thread runs a call, so no atomic addition is needed.
    pub(super) fn step(&self) -> Result<(), Exhausted> {
        let steps = self.steps.load(Ordering::Relaxed) + 1;
        self.steps.store(steps, Ordering::Relaxed);
        if steps > SCRIPT_STEPS_MAX {
            return Err(Exhausted::Steps);
        }
        if steps.is_multiple_of(STEPS_PER_LOOK) && lock(&self.watch).elapsed() > TIME_MAX {
            return Err(Exhausted::Time);
        }
        Ok(())
    }

    /// Weighs the variables of the running function, if it is time to.
    pub(super) fn weigh_frame(
        &self,
        context: &EvalContext<'_, '_, '_, '_, '_, '_>,
    ) -> Result<(), Exhausted> {
        let steps = self.steps.load(Ordering::Relaxed);
        let level = context.call_level();
        let mut frames = lock(&self.frames);
        if frames.stack.len() == level + 1 && steps < frames.stack[level].weigh_at_step {
            return Ok(());
        }
        let bytes = context
            .scope()
            .iter_raw()
            .map(|(_, _, value)| weigh(value))
            .sum();
        let pause = (bytes / BYTES_PER_STEP) as u64;
        let weigh_at_step = steps + pause.min(STEPS_PER_WEIGHING_MAX);
        frames.stack.resize(level + 1, Frame::default());
        frames.stack[level] = Frame {
            bytes,
            weigh_at_step,
        };
        frames.check(self.held.load(Ordering::Relaxed))
    }

    /// Counts `bytes` held by a native function until the guard is dropped.
    pub(super) fn hold(&self, bytes: usize) -> Result<Held<'_>, Exhausted> {
        let held = self.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let guard = Held { meter: self, bytes };
        lock(&self.frames).check(held)?;
        Ok(guard)
    }

    /// The most memory seen so far.
    #[cfg(test)]
    pub(super) fn peak_bytes(&self) -> usize {
        lock(&self.frames).peak
    }

    /// The steps counted so far.
    #[cfg(test)]
    pub(super) fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }
}

const TIME_MAX: Duration = Duration::from_millis(SCRIPT_MILLISECONDS_MAX);

impl Watch {
    fn elapsed(&self) -> Duration {
        self.used
            + self
                .running_since
                .map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl Frames {
    fn check(&mut self, held: usize) -> Result<(), Exhausted> {
        let total = held + self.stack.iter().map(|frame| frame.bytes).sum::<usize>();
        self.peak = self.peak.max(total);
        if total > SCRIPT_BYTES_MAX {
            Err(Exhausted::Bytes)
        } else {
            Ok(())
        }
    }
}

/// The watch runs while this lives.
pub(super) struct Running<'m>(&'m Meter);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut watch = lock(&self.0.watch);
        watch.used = watch.elapsed();
        watch.running_since = None;
    }
}

/// Bytes a native function holds while this lives.
pub(super) struct Held<'m> {
    meter: &'m Meter,
    bytes: usize,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.meter.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// About how many bytes a value takes, all it contains included. Values nest as deep as rhai's
/// own size check goes, which runs on every value first.
pub(super) fn weigh(value: &Dynamic) -> usize {
    if value.is_int() || value.is_bool() || value.is_unit() {
        return SLOT_BYTES;
    }
    let inside = if value.is_array() {
        value
            .read_lock::<Array>()
            .map_or(0, |items| items.iter().map(weigh).sum())
    } else if value.is_map() {
        let members = |map: &Map| map.values().map(|value| KEY_BYTES + weigh(value)).sum();
        value.read_lock::<Map>().map_or(0, |map| members(&map))
    } else if value.is_string() {
        value
            .read_lock::<ImmutableString>()
            .map_or(0, |text| text.len())
    } else {
        0
    };
    SLOT_BYTES + BOX_BYTES + inside
}

/// A panic while the lock was held leaves numbers behind, and numbers do not break.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
