//! The funnel as a picture: one bar per stage, legible without colour alone.

use crate::picture::{self, Bar, Caption, Tone, grouped};
use crate::schema::StageKind;

use super::{Funnel, FunnelStage};

/// Draws a funnel as a self-contained SVG document. Bars are as long as their counts; every
/// figure also stands as text, and won and lost stages are hatched in opposite directions, so
/// that nothing is told by colour alone.
///
/// ```
/// # use crm_engine::{Funnel, funnel_svg};
/// let funnel = Funnel { object: "item".into(), sum: None, stages: vec![], without_stage: 0 };
/// assert!(funnel_svg(&funnel, "Items").starts_with("<svg"));
/// ```
#[must_use]
pub fn funnel_svg(funnel: &Funnel, title: &str) -> String {
    let bars: Vec<Bar> = funnel.stages.iter().map(bar).collect();
    let caption = Caption {
        title,
        language: "en",
    };
    picture::funnel(caption, &bars)
}

fn bar(stage: &FunnelStage) -> Bar {
    let sums = stage.sums.iter();
    let worth: Vec<String> = sums
        .map(|(currency, amount)| format!("{} {currency}", grouped(&amount.to_string())))
        .collect();
    let count = grouped(&stage.count.to_string());
    let figures = match worth.is_empty() {
        true => count,
        false => format!("{count} · {}", worth.join(", ")),
    };
    Bar {
        label: stage.label.clone(),
        value: stage.count as f64,
        figures: figures.trim_end().to_owned(),
        tone: match stage.kind {
            StageKind::Open => Tone::Open,
            StageKind::Won => Tone::Won,
            StageKind::Lost => Tone::Lost,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_break_out_of_the_document() {
        let stage = FunnelStage {
            stage: "open".into(),
            label: "<script>\"&".into(),
            kind: StageKind::Open,
            count: 1_234,
            sums: [("EUR".to_owned(), "1200.50".parse().unwrap())].into(),
        };
        let funnel = Funnel {
            object: "thing".into(),
            sum: None,
            stages: vec![stage],
            without_stage: 0,
        };
        let svg = funnel_svg(&funnel, "a<b");
        assert!(svg.contains("&lt;script&gt;\"&amp;") && svg.contains("a&lt;b"));
        assert!(!svg.contains("<script>"));
        assert!(svg.contains("1\u{2009}234 · 1\u{2009}200.50 EUR"), "{svg}");
    }
}
