//! Pictures as documents: whole, safe, legible without colour.

use std::collections::BTreeSet;

use super::*;
use crate::limits::{PICTURE_BAR_SERIES_MAX, PICTURE_LINES_MAX};

const CAPTION: Caption<'_> = Caption {
    title: "a < b & \"c\"",
    language: "en",
};

fn series(name: &str, values: &[Option<i32>]) -> Series {
    let point = |value: &Option<i32>| Point {
        value: value.map(f64::from),
        text: value.map_or("undefined".to_owned(), |value| value.to_string()),
    };
    Series {
        name: name.to_owned(),
        points: values.iter().map(point).collect(),
    }
}

fn labels(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("<label {number}>"))
        .collect()
}

fn light(label: &str, name: &str) -> LightRow {
    let light = Light::named(name);
    LightRow {
        label: label.to_owned(),
        light,
        word: light.map_or(name.to_owned(), |light| light.word("ru").to_owned()),
        cells: vec!["7".to_owned()],
    }
}

fn heads() -> Vec<Head> {
    let head = |label: &str, right| Head {
        label: label.to_owned(),
        right,
    };
    vec![head("who", false), head("light", false), head("n", true)]
}

/// A document whose brackets pair, as a parser of XML reads it.
#[track_caller]
fn check(svg: &str) {
    assert!(
        svg.starts_with("<svg") && svg.ends_with("</svg>\n"),
        "{svg}"
    );
    assert!(!svg.contains("NaN") && !svg.contains("inf\""), "{svg}");
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').unwrap_or_else(|| panic!("{svg}"));
        assert!(!text.contains('>'), "{text}");
        let name = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap();
        match (tag.starts_with('/'), tag.ends_with('/')) {
            (true, _) => assert_eq!(open.pop(), Some(name), "{svg}"),
            (false, false) => open.push(name),
            (false, true) => {}
        }
    }
    assert!(open.is_empty(), "{svg}");
}

#[test]
fn pictures_are_whole_documents_whatever_they_show() {
    let some = [
        series("<x>", &[Some(3), None, Some(-2)]),
        series("y", &[Some(0)]),
    ];
    let many: Vec<Series> = (0..20)
        .map(|n| series(&n.to_string(), &[Some(n)]))
        .collect();
    let nothing = [series("x", &[None, None])];
    for count in [0, 1, 2, 3, 1_000] {
        let labels = labels(count);
        for series in [&some[..], &many, &nothing, &[]] {
            check(&bars(CAPTION, &labels, series));
            check(&lines(CAPTION, &labels, series));
        }
        let bar = |label: &String| Bar {
            label: label.clone(),
            value: -1.0,
            figures: "1 & 2".to_owned(),
            tone: Tone::Lost,
        };
        check(&funnel(
            CAPTION,
            &labels.iter().map(bar).collect::<Vec<_>>(),
        ));
        let rows = labels.iter().map(|label| light(label, "unknown"));
        check(&lights(CAPTION, &heads(), &rows.collect::<Vec<_>>()));
    }
}

#[test]
fn a_picture_without_data_says_so() {
    let russian = Caption {
        title: "Воронка",
        language: "ru",
    };
    assert!(funnel(russian, &[]).contains("нет данных"));
    assert!(bars(CAPTION, &[], &[]).contains("no data"));
    assert!(lines(CAPTION, &labels(3), &[]).contains("no data"));
    assert!(lights(russian, &heads(), &[]).contains("нет данных"));
}

#[test]
fn series_and_lights_differ_without_colour() {
    let two = [
        series("x", &[Some(3), Some(1)]),
        series("y", &[Some(2), Some(5)]),
    ];
    let svg = bars(CAPTION, &labels(2), &two);
    assert!(
        svg.contains("url(#fill1)") && svg.contains("id=\"fill1\""),
        "{svg}"
    );
    let svg = lines(CAPTION, &labels(2), &two);
    assert_eq!(svg.matches("stroke-dasharray=\"8 4\"").count(), 2, "{svg}");
    let rows = ["red", "yellow", "green"].map(|name| light("x", name));
    let svg = lights(CAPTION, &heads(), &rows);
    for word in ["красный", "жёлтый", "зелёный"] {
        assert!(svg.contains(word), "{svg}");
    }
}

#[test]
fn no_two_series_of_a_picture_look_the_same_without_colour() {
    let look = |number| (lines::dash(number), lines::marker(number, (0.0, 0.0)));
    let looks: BTreeSet<_> = (0..PICTURE_LINES_MAX).map(look).collect();
    assert_eq!(looks.len(), PICTURE_LINES_MAX);
    let many: Vec<Series> = (0..20)
        .map(|n| series(&n.to_string(), &[Some(n)]))
        .collect();
    let svg = bars(CAPTION, &labels(1), &many);
    assert_eq!(svg.matches("<pattern ").count(), PICTURE_BAR_SERIES_MAX - 1);
    assert!(svg.contains("and more: 14"));
    assert!(lines(CAPTION, &labels(1), &many).contains("and more: 8"));
}

#[test]
fn what_does_not_fit_is_shortened_and_told_in_full() {
    let long = "Общество с ограниченной ответственностью «Рога и копыта»";
    let svg = bars(CAPTION, &[long.to_owned()], &[series("x", &[Some(1)])]);
    assert!(svg.contains(&format!("{long}</title>")), "{svg}");
    assert!(svg.contains('…'), "{svg}");
    let svg = lines(CAPTION, &labels(1_000), &[series("x", &[Some(1); 1_000])]);
    assert!(svg.contains("and more: "), "{svg}");
}
