//! The funnel as a picture: one bar per stage, legible without colour alone.

use std::fmt::Write as _;

use crate::schema::StageKind;

use super::{Funnel, FunnelStage};

const WIDTH: f64 = 720.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 210.0;
const TOP: f64 = 56.0;
const ROW: f64 = 44.0;
const BAR: f64 = 28.0;

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
    let height = TOP + ROW * funnel.stages.len() as f64 + 20.0;
    let longest = funnel
        .stages
        .iter()
        .map(|stage| stage.count)
        .max()
        .unwrap_or(0)
        .max(1);
    let mut svg = String::with_capacity(2_048);
    // Writing to a string cannot fail.
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\" \
         font-family=\"system-ui, sans-serif\" font-size=\"14\">\n\
         <title>{title}</title>\n\
         <defs>\n\
         <pattern id=\"won\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" \
         patternTransform=\"rotate(45)\"><rect width=\"8\" height=\"8\" fill=\"#2f7d4f\"/>\
         <rect width=\"2\" height=\"8\" fill=\"#57a878\"/></pattern>\n\
         <pattern id=\"lost\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" \
         patternTransform=\"rotate(-45)\"><rect width=\"8\" height=\"8\" fill=\"#9a9a9a\"/>\
         <rect width=\"2\" height=\"8\" fill=\"#c9c9c9\"/></pattern>\n\
         </defs>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"20\" y=\"32\" font-size=\"18\" font-weight=\"600\" fill=\"#1b1b1b\">{title}</text>\n",
        title = escape(title),
    );
    for (row, stage) in funnel.stages.iter().enumerate() {
        draw_stage(&mut svg, stage, TOP + ROW * row as f64, longest);
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw_stage(svg: &mut String, stage: &FunnelStage, y: f64, longest: u64) {
    let length = (WIDTH - LEFT - RIGHT) * stage.count as f64 / longest as f64;
    let fill = match stage.kind {
        StageKind::Open => "#2d6cb5",
        StageKind::Won => "url(#won)",
        StageKind::Lost => "url(#lost)",
    };
    let worth: Vec<String> = stage
        .sums
        .iter()
        .map(|(currency, amount)| format!("{} {currency}", grouped(&amount.to_string())))
        .collect();
    let figures = match worth.is_empty() {
        true => grouped(&stage.count.to_string()),
        false => format!(
            "{} · {}",
            grouped(&stage.count.to_string()),
            worth.join(", ")
        ),
    };
    let middle = y + BAR / 2.0 + 5.0;
    let _ = writeln!(
        svg,
        "<text x=\"{label_x}\" y=\"{middle}\" text-anchor=\"end\" fill=\"#1b1b1b\">{label}</text>\
         <rect x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"{BAR}\" rx=\"3\" fill=\"{fill}\"/>\
         <text x=\"{figures_x:.1}\" y=\"{middle}\" fill=\"#1b1b1b\">{figures}</text>",
        label_x = LEFT - 12.0,
        label = escape(&stage.label),
        figures_x = LEFT + length + 10.0,
        figures = escape(figures.trim()),
    );
}

/// Digits in groups of three, parted by thin spaces.
fn grouped(number: &str) -> String {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mut text = String::with_capacity(number.len() + 4);
    for (at, digit) in whole.chars().enumerate() {
        let behind = whole.len() - at;
        if at > 0 && behind.is_multiple_of(3) && digit.is_ascii_digit() && !text.ends_with('-') {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_from_the_right() {
        assert_eq!(grouped("10005534"), "10\u{2009}005\u{2009}534");
        assert_eq!(grouped("-1234.50"), "-1\u{2009}234.50");
        assert_eq!(grouped("-123"), "-123");
        assert_eq!(grouped("7"), "7");
    }

    #[test]
    fn labels_cannot_break_out_of_the_document() {
        let stage = FunnelStage {
            stage: "open".into(),
            label: "<script>\"&".into(),
            kind: StageKind::Open,
            count: 1,
            sums: [].into(),
        };
        let funnel = Funnel {
            object: "thing".into(),
            sum: None,
            stages: vec![stage],
            without_stage: 0,
        };
        let svg = funnel_svg(&funnel, "a<b");
        assert!(svg.contains("&lt;script&gt;&quot;&amp;") && svg.contains("a&lt;b"));
        assert!(!svg.contains("<script>"));
    }
}
