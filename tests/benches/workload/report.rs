//! The table of ratios, as text and as lines for machines.

use serde_json::json;

use crate::table::median;

/// One round: what it took the engine and what it took the other system.
#[derive(Debug, Clone, Copy)]
pub struct Pair {
    pub engine: f64,
    pub peer: f64,
}

/// What was measured: a line of the table.
#[derive(Debug, Clone)]
pub struct Figure {
    pub n: usize,
    pub row: &'static str,
    pub what: String,
    pub under: &'static str,
    pub peer: String,
    pub unit: &'static str,
    /// How many times better than the other system the engine is meant to be.
    pub target: Option<f64>,
    pub rounds: Vec<Pair>,
}

impl Figure {
    fn engine(&self) -> f64 {
        self.median(|round| round.engine)
    }

    fn peer(&self) -> f64 {
        self.median(|round| round.peer)
    }

    fn median(&self, of: impl Fn(&Pair) -> f64) -> f64 {
        median(&self.rounds.iter().map(of).collect::<Vec<f64>>())
    }

    /// The ratios of the rounds: the median, the smallest and the largest.
    fn ratios(&self) -> [f64; 3] {
        let ratio = |round: &Pair| round.peer / round.engine;
        let mut ratios: Vec<f64> = self.rounds.iter().map(ratio).collect();
        ratios.sort_by(f64::total_cmp);
        [
            ratios[ratios.len() / 2],
            ratios[0],
            ratios[ratios.len() - 1],
        ]
    }

    /// Whether two figures are of the same line, of two sizes perhaps.
    fn is_like(&self, other: &Figure) -> bool {
        let name = |of: &Figure| (of.row, of.what.clone(), of.under, of.peer.clone(), of.unit);
        name(self) == name(other)
    }

    fn line(&self) -> String {
        let [ratio, least, most] = self.ratios();
        let target = self
            .target
            .map_or(String::new(), |target| format!("{target:.1}"));
        format!(
            "| {} | {} | {} | {} | {:.2} | {:.2} | {} | {ratio:.1} | {least:.1} to {most:.1} | {target} |",
            self.row,
            self.what,
            self.under,
            self.peer,
            self.peer(),
            self.engine(),
            self.unit,
        )
    }

    fn json(&self) -> String {
        let [ratio, least, most] = self.ratios();
        let line = json!({
            "n": self.n,
            "row": self.row,
            "what": self.what,
            "under": self.under,
            "peer": self.peer,
            "unit": self.unit,
            "peer_median": self.peer(),
            "engine_median": self.engine(),
            "ratio": ratio,
            "ratio_least": least,
            "ratio_most": most,
            "rounds": self.rounds.len(),
            "target": self.target,
        });
        line.to_string()
    }
}

/// What was measured so far, told line by line.
pub struct Report {
    is_json: bool,
    figures: Vec<Figure>,
}

impl Report {
    pub fn new(is_json: bool) -> Report {
        Report {
            is_json,
            figures: Vec::new(),
        }
    }

    /// The head of the table of one size.
    pub fn head(&self, n: usize, seed: u64, rounds: usize) {
        if !self.is_json {
            println!("\nN = {n}, seed {seed}, {rounds} rounds\n");
            println!(
                "| Row | Operation | Under | Peer | Peer takes | Engine takes | Unit | Times better | Spread | Target |"
            );
            println!("|---|---|---|---|---|---|---|---|---|---|");
        }
    }

    pub fn add(&mut self, figure: Figure) {
        match self.is_json {
            true => println!("{}", figure.json()),
            false => println!("{}", figure.line()),
        }
        self.figures.push(figure);
    }

    /// Something to know beside the figures.
    pub fn note(&self, text: &str) {
        match self.is_json {
            true => println!("{}", json!({"note": text})),
            false => println!("{text}"),
        }
    }

    /// How the figures of the engine and of the others grow with the number of companies.
    pub fn growth(&self) {
        let mut sizes: Vec<usize> = self.figures.iter().map(|figure| figure.n).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let (Some(least), Some(most)) = (sizes.first(), sizes.last()) else {
            return;
        };
        if self.is_json || least == most {
            return;
        }
        println!("\nFrom {least} to {most} companies\n");
        println!("| Row | Operation | Under | Peer | Peer grows | Engine grows |");
        println!("|---|---|---|---|---|---|");
        for from in self.figures.iter().filter(|figure| figure.n == *least) {
            let is_end = |figure: &&Figure| figure.n == *most && figure.is_like(from);
            if let Some(to) = self.figures.iter().find(is_end) {
                println!(
                    "| {} | {} | {} | {} | {:.2} | {:.2} |",
                    from.row,
                    from.what,
                    from.under,
                    from.peer,
                    to.peer() / from.peer(),
                    to.engine() / from.engine(),
                );
            }
        }
    }
}
