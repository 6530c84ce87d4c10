//! What a user may not see is, for him, not there: looked for through everything a host calls.

mod leaks;
mod noninterference;
mod world;
