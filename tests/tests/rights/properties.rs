//! What must hold of rights, whatever they are.

use super::compare::Tally;
use super::generate;
use super::world::World;
use super::{readers, writers};

/// Worlds of an ordinary run.
const WORLDS: u64 = 12;

fn worlds() -> u64 {
    let wanted = std::env::var("RIGHTS_WORLDS").ok();
    wanted.map_or(WORLDS, |wanted| wanted.parse().unwrap())
}

/// Everything that everybody reads and changes is what the law says.
#[test]
fn the_engine_obeys_the_law() {
    let mut asked = 0;
    for seed in 0..worlds() {
        let world = World::new(generate::law(seed));
        let mut tally = Tally::default();
        readers::compare(&world, &mut tally);
        writers::compare(&world, &mut tally);
        tally.settle(seed);
        asked += tally.decisions();
    }
    assert!(asked >= 100_000, "{asked}");
}
