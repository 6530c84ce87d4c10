//! Search over neutral objects: what fits, who finds it, and that the index finds all of it.

mod meaning;
mod oracle;
mod world;
