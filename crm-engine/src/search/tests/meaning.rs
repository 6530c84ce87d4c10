//! What fits what, written out by hand.

use serde_json::json;

use super::world::{World, told};
use crate::error::Code;
use crate::search::SearchRequest;

#[test]
fn any_part_of_a_phone_in_any_notation() {
    let world = World::new();
    world.thing(0, json!({"name": "A", "phone": "+7 (495) 123-45-67"}));
    world.thing(0, json!({"name": "B", "phone": "84951234568"}));
    world.thing(1, json!({"name": "C", "phone": "(812) 123-45-67"}));
    let a = "A (phone whole)";
    for whole in [
        "+7 (495) 123-45-67",
        "84951234567",
        "8 495 123 45 67",
        "007 495 1234567",
        "+7 495 1234567 доб. 12",
    ] {
        assert_eq!(world.found("o0", whole), a, "{whole}");
    }
    assert_eq!(world.found("o0", "(495) 1234567"), a);
    assert_eq!(
        world.found("o0", "123-45"),
        "A (phone part); B (phone part); C (phone part)"
    );
    assert_eq!(
        world.found("o0", "8 495"),
        "A (phone beginning); B (phone beginning)"
    );
    assert_eq!(
        world.found("o0", "8-495-123"),
        "A (phone beginning); B (phone beginning)"
    );
    assert_eq!(world.found("o0", "567"), "A (phone part); C (phone part)");
    // A country code that is not stored does not hide a number.
    assert_eq!(world.found("o0", "+7 812 123-45-67"), "C (phone whole)");
    assert_eq!(
        world.found("o0", "67"),
        "",
        "two digits are no part of a phone"
    );
    assert_eq!(world.found("o0", "999"), "");
}

#[test]
fn addresses_by_whole_beginning_and_domain() {
    let world = World::new();
    world.thing(0, json!({"name": "A", "email": "Anna.Petrova@Vega.ru"}));
    world.thing(0, json!({"name": "B", "email": "info@vegas.com"}));
    let a = |how| format!("A (email {how})");
    assert_eq!(world.found("o0", "anna.petrova@vega.ru"), a("whole"));
    assert_eq!(world.found("o0", "anna.petrova@"), a("beginning"));
    assert_eq!(world.found("o0", "anna"), a("beginning"));
    assert_eq!(world.found("o0", "VEGA.ru"), a("domain"));
    assert_eq!(world.found("o0", "@vega.ru"), a("domain"));
    assert_eq!(
        world.found("o0", "vega"),
        "A (email domain); B (email domain)"
    );
    assert_eq!(world.found("o0", "petrova"), "", "not its middle");
}

#[test]
fn numbers_by_whole_and_beginning() {
    let world = World::new();
    world.thing(0, json!({"name": "A", "code": "7701234567"}));
    world.thing(0, json!({"name": "B", "code": "007701"}));
    world.thing(0, json!({"name": "Поставка 7701", "note": "7701234567"}));
    assert_eq!(
        world.found("o0", "7701234567"),
        "A (code whole); Поставка 7701 (note whole)"
    );
    assert_eq!(world.found("o0", "0077"), "B (code beginning)");
    assert_eq!(
        world.found("o0", "7701"),
        "Поставка 7701 (name whole); A (code beginning)"
    );
}

#[test]
fn words_forms_and_beginnings_in_order() {
    let world = World::new();
    for name in [
        "Ивановский завод",
        "Петр Иванов",
        "Анна Иванова",
        "ООО «Ёлка»",
    ] {
        world.thing(0, json!({"name": name}));
    }
    world.thing(0, json!({"name": "Заря", "note": "поставка для Иванова"}));
    assert_eq!(
        world.found("o0", "ИВАНОВ"),
        "Петр Иванов (name whole); Анна Иванова (name form); Заря (note form); \
         Ивановский завод (name beginning)"
    );
    assert_eq!(
        world.found("o0", "иванову"),
        "Анна Иванова (name form); Петр Иванов (name form); Заря (note form)"
    );
    for text in ["ёлки", "елка", "Елк", "ООО Ёлка", "ел ооо", "«елка»"]
    {
        let found = world.found("o0", text);
        assert!(found.starts_with("ООО «Ёлка» (name "), "{text}: {found}");
        assert!(!found.contains(';'), "{text}: {found}");
    }
    assert_eq!(
        world.found("o0", "иванов завод"),
        "Ивановский завод (name beginning)"
    );
    assert_eq!(world.found("o0", "иванов ёлка"), "");
    assert_eq!(world.found("o0", "заря поставки"), "Заря (name whole)");
    world.thing(1, json!({"name": "City Contracts"}));
    for text in ["cities", "contract", "CONTRACTED city", "con cit"] {
        assert!(
            world.found("o0", text).starts_with("City Contracts (name"),
            "{text}"
        );
    }
    assert_eq!(world.found("o0", "onov"), "");
}

#[test]
fn a_detail_gives_its_parent() {
    let world = World::new();
    let a = world.thing(0, json!({"name": "A", "phone": "84951234567"}));
    let b = world.thing(2, json!({"name": "B"}));
    world.line(
        0,
        a,
        json!({"phone": "+7 812 765-43-21", "remark": "склад в порту"}),
    );
    world.line(2, b, json!({"phone": "+7 812 765-43-21", "remark": "порт"}));
    assert_eq!(world.found("o0", "7654321"), "A (line.phone part)");
    assert_eq!(world.found("o0", "порт"), "A (line.remark form)");
    assert_eq!(
        world.found("clerk", "порт"),
        "B (line.remark whole); A (line.remark form)"
    );
    assert_eq!(world.found("o0", "порт 812"), "A (line.remark form)");
    assert_eq!(world.found("o3", "7654321"), "B (line.phone part)");
    let find = |login, text| told(&world.session(login).find(text, &[]).unwrap());
    assert_eq!(find("o0", "8 812 7654321"), "A (line.phone whole)");
    assert_eq!(
        find("clerk", "8 812 7654321"),
        "A (line.phone whole); B (line.phone whole)"
    );
    world.verify();
}

#[test]
fn find_takes_whole_numbers_and_addresses() {
    let world = World::new();
    world.thing(
        0,
        json!({"name": "A", "phone": "+7 (495) 123-45-67", "email": "a@vega.ru"}),
    );
    world.thing(2, json!({"name": "B", "phone": "8 495 123 45 67"}));
    let session = world.session("o0");
    let find = |text: &str| told(&session.find(text, &[]).unwrap());
    for text in [
        "84951234567",
        "+7 495 123-45-67",
        "(495) 123-45-67",
        "8 495 1234567 доб. 3",
    ] {
        assert_eq!(find(text), "A (phone whole)", "{text}");
    }
    assert_eq!(find("123-45-67"), "A (phone part)");
    assert_eq!(find("A@Vega.RU"), "A (email whole)");
    assert_eq!(find("495123456"), "", "not a part from the middle");
    assert_eq!(find("b@vega.ru"), "");
    for text in ["anna", "123", "@vega.ru", "anna@", ""] {
        let refusal = session.find(text, &[]).unwrap_err();
        assert_eq!(refusal.code(), Code::InvalidArguments, "{text}");
    }
    let named = session.find("84951234567", &["line".to_owned()]).unwrap();
    assert!(named.hits.is_empty());
    let unknown = session
        .find("84951234567", &["nothing".to_owned()])
        .unwrap_err();
    assert_eq!(unknown.code(), Code::UnknownObject);
}

#[test]
fn what_is_hidden_is_not_found() {
    let world = World::new();
    let own = json!({"name": "A", "note": "ромашка", "secret": "тайна", "hotline": "88001234567"});
    world.thing(0, own.clone());
    world.thing(2, own);
    assert_eq!(world.search("o0", "ромашка").hits.len(), 1);
    assert_eq!(world.search("clerk", "ромашка").hits.len(), 2);
    for (hidden, login) in [("тайна", "o0"), ("тайны", "clerk"), ("8001234", "o0")] {
        assert!(world.search(login, hidden).hits.is_empty(), "{hidden}");
        assert_eq!(world.search("system", hidden).hits.len(), 2, "{hidden}");
    }
    let by = |login, field: &str| {
        let request = SearchRequest::new("тайна").by([field]);
        world.session(login).search(&request)
    };
    assert_eq!(by("system", "secret").unwrap().hits.len(), 2);
    let hidden = by("o0", "secret").unwrap_err();
    let missing = by("o0", "nothing").unwrap_err();
    assert_eq!(hidden.code(), missing.code());
    assert_eq!(
        hidden.to_json().to_string().replace("secret", "nothing"),
        missing.to_json().to_string()
    );
    let blind = world.search("blind", "ромашка");
    assert_eq!((blind.hits.len(), &blind.hits[0].title), (1, &None));
    assert!(world.search("blind", "A").hits.is_empty(), "a hidden title");
}

#[test]
fn requests_are_checked() {
    let world = World::new();
    world.thing(
        0,
        json!({"name": "ромашка", "note": "лютик", "unsearched": "мак"}),
    );
    let session = world.session("o0");
    let code = |request: SearchRequest| session.search(&request).unwrap_err().code();
    for text in ["", "  ", "—", "«»", "&!"] {
        assert_eq!(
            code(SearchRequest::new(text)),
            Code::InvalidArguments,
            "{text}"
        );
    }
    assert_eq!(
        code(SearchRequest::new("a ".repeat(600))),
        Code::LimitExceeded
    );
    assert_eq!(
        code(SearchRequest::new("a ".repeat(20))),
        Code::LimitExceeded
    );
    for limit in [0, 1_001] {
        let request = SearchRequest::new("a").limited(limit);
        assert_eq!(code(request), Code::InvalidArguments);
    }
    let unknown = SearchRequest::new("a").within(["nothing"]);
    assert_eq!(code(unknown), Code::UnknownObject);
    let unsearched = SearchRequest::new("a").by(["unsearched"]);
    assert_eq!(code(unsearched), Code::UnknownField);
    assert!(world.search("o0", "мак").hits.is_empty());
    let by_name = SearchRequest::new("лютик").by(["name"]);
    assert!(session.search(&by_name).unwrap().hits.is_empty());
}

/// Only so many words of a field are found by, whatever stands in the others.
#[test]
fn long_texts_end_somewhere() {
    let world = World::new();
    let words: Vec<String> = (0..400).map(|n| format!("слово{n}")).collect();
    let text = words.join(" ");
    world.thing(0, json!({"name": "A", "secret": text, "note": text}));
    assert_eq!(world.found("o0", "слово255"), "A (note whole)");
    assert_eq!(world.found("o0", "слово256"), "");
    let long = "я".repeat(500);
    world.thing(0, json!({"name": long}));
    assert_eq!(world.search("o0", &long).hits.len(), 1);
    world.verify();
}

/// A script finds what its caller may see, within its own transaction too.
#[test]
fn a_rule_finds_as_its_caller() {
    let world = World::new();
    world.thing(0, json!({"name": "A", "phone": "+7 (495) 123-45-67"}));
    world.thing(2, json!({"name": "B", "phone": "8 495 123 45 67"}));
    let from = |login: &str, number: &str| {
        let session = world.session(login);
        let id = session.create("ring", &json!({"number": number})).unwrap();
        session.get("ring", id).unwrap().unwrap()["from"].clone()
    };
    assert_eq!(from("o0", "84951234567"), "thing +7 (495) 123-45-67;");
    assert_eq!(from("o2", "+7 495 1234567"), "thing 8 495 123 45 67;");
    assert_eq!(from("o2", "half a number"), json!(null));
}

/// A field that becomes searched is searched in records that exist.
#[test]
fn records_that_exist_are_found_by_a_new_searched_field() {
    let world = World::new();
    world.thing(0, json!({"name": "A", "unsearched": "ромашка"}));
    assert!(world.search("o0", "ромашка").hits.is_empty());
    let files = [
        ("pack.toml", "name = 'more'\nversion = '1.0.0'\n"),
        (
            "thing/object.toml",
            "name = 'thing'\nextends = true\nfield = [{ name = 'unsearched', type = 'text', search = true }]\n",
        ),
    ];
    let pack = crate::pack::Pack::from_files(files).unwrap();
    world
        .engine
        .install(crate::policy::Actor::System, &pack)
        .unwrap();
    assert_eq!(world.found("o0", "ромашки"), "A (unsearched form)");
    world.verify();
}

/// A change is searched inside its transaction, and gone when it is undone.
#[test]
fn what_is_undone_is_not_found() {
    let world = World::new();
    let refused = world.engine.system().transact("two", |door| {
        let thing = door.schema().object("thing")?.clone();
        door.create_json(&thing, &json!({"name": "ромашка"}))?;
        door.create_json(&thing, &json!({"nothing": 1}))
    });
    assert_eq!(refused.unwrap_err().code(), Code::UnknownField);
    assert!(world.search("system", "ромашка").hits.is_empty());
    world.verify();
}

#[test]
fn only_what_has_words_or_numbers_is_searched() {
    let declared = |kind: &str| {
        let field = json!([{"name": "a", "type": kind, "search": true}]);
        let object = json!([{"name": "thing", "field": field}]);
        let object: Vec<crate::ObjectDeclaration> = serde_json::from_value(object).unwrap();
        crate::Schema::kernel().apply(&object).map(drop)
    };
    assert!(declared("text").is_ok() && declared("integer").is_ok());
    for kind in ["money", "date", "checkbox", "file"] {
        assert!(declared(kind).is_err(), "{kind}");
    }
}
