//! Rights compared with their law: what the engine lets everybody see and do, in random
//! organisations, against a naive evaluator that was written from `policy/SEMANTICS.md` alone.
//!
//! | File | Holds |
//! |---|---|
//! | `law` | the naive evaluator: linear searches over plain facts |
//! | `condition` | conditions as trees, told by themselves in three-valued logic |
//! | `shapes` | the objects of the test pack, as far as rights speak of them |
//! | `generate` | random organisations, rules and records |
//! | `world` | the same in a store, with a session for everybody |
//! | `changes` | changes of an organisation, in the store and in its law |
//! | `compare` | questions, answers and what they should have been |
//! | `readers` | every way of reading |
//! | `queries` | lists, pages, counts, groups and conditions |
//! | `writers` | every way of changing |
//! | `machines` | files in and out, hand-overs, the review of rights |
//! | `properties` | what must hold of rights, whatever they are |
//!
//! `RIGHTS_WORLDS` in the environment is the number of worlds of a longer run, `RIGHTS_SEED` the one
//! world to look at.

mod changes;
mod compare;
pub(crate) mod condition;
pub(crate) mod generate;
pub(crate) mod law;
mod machines;
mod properties;
mod queries;
mod readers;
pub(crate) mod shapes;
mod world;
mod writers;
