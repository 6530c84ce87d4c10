//! Round numbers along an axis.

/// An axis from one round number to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
    step: f64,
}

/// Steps wished for along an axis.
const STEPS: f64 = 5.0;

impl Scale {
    /// The axis for these values; it always holds zero.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Scale {
        let (mut low, mut high, mut whole) = (0.0_f64, 0.0_f64, true);
        for value in values {
            whole = whole && value.fract() == 0.0;
            low = low.min(value);
            high = high.max(value);
        }
        if low == high {
            high = 1.0;
        }
        let rough = (high - low) / STEPS;
        let power = 10_f64.powf(rough.log10().floor());
        let step = match rough / power {
            r if r <= 1.0 => power,
            r if r <= 2.0 => 2.0 * power,
            r if r <= 5.0 => 5.0 * power,
            _ => 10.0 * power,
        };
        // What is counted has no halves.
        let step = if whole { step.max(1.0) } else { step };
        Scale {
            low: (low / step).floor() * step,
            high: (high / step).ceil() * step,
            step,
        }
    }

    /// The numbers marked along it, and how each reads.
    pub(super) fn marks(&self) -> Vec<(f64, String)> {
        let digits = (-self.step.log10().floor()).max(0.0) as usize;
        let count = ((self.high - self.low) / self.step).round() as usize;
        let mark = |at: usize| {
            let value = self.low + at as f64 * self.step;
            // Without a sign before zero.
            let value = if value.abs() < self.step / 2.0 {
                0.0
            } else {
                value
            };
            (value, format!("{value:.digits$}"))
        };
        (0..=count).map(mark).collect()
    }

    /// Where a value stands between 0, the low end, and 1.
    pub(super) fn place(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(values: &[f64]) -> Vec<String> {
        let scale = Scale::of(values.iter().copied());
        scale.marks().into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn marks_are_round_and_hold_all_values() {
        assert_eq!(marks(&[3.0, 47.0]), ["0", "10", "20", "30", "40", "50"]);
        assert_eq!(marks(&[-0.3, 0.9]), ["-0.5", "0.0", "0.5", "1.0"]);
        assert_eq!(marks(&[0.7]), ["0.0", "0.2", "0.4", "0.6", "0.8"]);
        // What is counted has no halves.
        assert_eq!(marks(&[]), ["0", "1"]);
        assert_eq!(marks(&[2.0, 1.0]), ["0", "1", "2"]);
        for values in [[-5.0, 1e12], [1e-9, 2e-9], [-7.0, -3.0]] {
            let scale = Scale::of(values);
            assert!(
                values
                    .iter()
                    .all(|v| (0.0..=1.0).contains(&scale.place(*v)))
            );
            assert!((2..=12).contains(&scale.marks().len()), "{scale:?}");
        }
    }
}
