//! Rules of admission: ranges against every address around their ends, the RFC's codes, and all
//! that a record may demand.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use proptest::prelude::*;

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn moment(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn contain(ranges: &str, address: &str) -> bool {
    Ranges::parse(ranges).unwrap().contain(ip(address))
}

#[test]
fn ranges_include_both_ends() {
    let ranges = "42.140.10.143-42.140.10.144";
    for (last, inside) in [(142, false), (143, true), (144, true), (145, false)] {
        assert_eq!(contain(ranges, &format!("42.140.10.{last}")), inside);
        assert_eq!(contain(ranges, &format!("::ffff:42.140.10.{last}")), inside);
    }
    assert!(contain("::ffff:10.0.0.1", "10.0.0.1"));
    assert!(contain("::ffff:10.0.0.0/104", "10.255.0.1"));
    assert!(contain("0.0.0.0/0", "255.255.255.255"));
    assert!(contain("::/0", "ffff::1"));
    assert!(contain("2001:db8::1/128", "2001:db8::1"));
    assert!(!contain("2001:db8::1/128", "2001:db8::2"));
    // Neither family is within the other.
    assert!(!contain("0.0.0.0/0", "2001:db8::1"));
    assert!(!contain("::/0", "10.0.0.1"));
    assert!(!contain("", "10.0.0.1"));
    assert!(contain("\n10.0.0.1 ,,\n 10.0.0.3\n", "10.0.0.3"));
}

#[test]
fn what_is_no_range_is_named_with_its_place() {
    for (text, line, column) in [
        ("10.0.0.300", 1, 1),
        ("10.0.0.1,  10.0.0.0/33", 1, 12),
        ("10.0.0.1\n10.0.0.2, x", 2, 11),
        ("10.0.0.2-10.0.0.1", 1, 1),
        ("10.0.0.1-::1", 1, 1),
        ("10.0.0.1-10.0.0.2-10.0.0.3", 1, 1),
        ("fe80::1%eth0", 1, 1),
        ("::1/129", 1, 1),
        ("/8", 1, 1),
        ("-", 1, 1),
    ] {
        let error = Ranges::parse(text).unwrap_err();
        assert_eq!(error.code(), Code::InvalidValue, "{text}");
        assert_eq!(error.details()["line"], line, "{text}");
        assert_eq!(error.details()["column"], column, "{text}");
    }
}

proptest! {
    /// Networks and ranges against a count of their addresses, bit by bit.
    #[test]
    fn ranges_agree_with_a_naive_look(
        first in any::<u32>(), length in 0..=32u32, second in any::<u32>(), probe in any::<u32>(),
        near in 0..6u32,
    ) {
        let address = |bits: u32| IpAddr::V4(bits.into());
        let network = format!("{}/{length}", address(first));
        let (low, high) = (first.min(second), first.max(second));
        let range = format!("{}-{}", address(low), address(high));
        let probes = [probe, first, second, low.wrapping_sub(near), high.wrapping_add(near)];
        for probe in probes {
            let same = (0..length).all(|bit| (first ^ probe) >> (31 - bit) & 1 == 0);
            prop_assert_eq!(Ranges::parse(&network).unwrap().contain(address(probe)), same);
            let within = low <= probe && probe <= high;
            prop_assert_eq!(Ranges::parse(&range).unwrap().contain(address(probe)), within);
        }
    }

    /// Whatever stands there is read or refused.
    #[test]
    fn any_text_is_taken_or_refused(text in "[0-9a-f.:/, \n-]{0,40}") {
        let _ = Ranges::parse(&text);
        let _ = Mac::parse(&text);
        let _ = Totp::from_base32(&text);
    }

    #[test]
    fn credentials_come_back_as_they_were(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        if let Ok(credentials) = Credentials::unpack(&bytes) {
            let again = credentials.pack().map(|bytes| Credentials::unpack(&bytes).ok().unwrap());
            prop_assert!(again == Some(credentials));
        }
    }
}

#[test]
fn macs_are_the_same_in_any_notation() {
    let mac = Mac::parse("00:1a:2b:3c:4d:5e").unwrap();
    assert_eq!(mac.to_string(), "00:1a:2b:3c:4d:5e");
    for text in [
        "00-1A-2B-3C-4D-5E",
        "001a.2b3c.4d5e",
        "001A2B3C4D5E",
        " 00 1a 2b 3c 4d 5e ",
    ] {
        assert_eq!(Mac::parse(text), Some(mac), "{text}");
    }
    for text in [
        "",
        "00:1a:2b:3c:4d",
        "00:1a:2b:3c:4d:5e:6f",
        "00:1a:2b:3c:4d:5g",
        "+01a2b3c4d5e",
    ] {
        assert_eq!(Mac::parse(text), None, "{text}");
    }
}

/// The table of RFC 6238, its last six digits.
#[test]
fn codes_are_those_of_the_standard() {
    let totp = Totp::from_base32("GEZDGNBVGY3TQOJQ GEZDGNBVGY3TQOJQ")
        .ok()
        .unwrap();
    for (seconds, code) in [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_234_567_890, "005924"),
        (20_000_000_000, "353130"),
    ] {
        let at = |shift: i64| DateTime::from_timestamp(seconds + shift, 0).unwrap();
        let step = u64::try_from(seconds / 30).unwrap();
        for shift in [0, 30, -30] {
            assert_eq!(
                totp.step_of(code, at(shift)).unwrap(),
                Some(step),
                "{seconds}"
            );
        }
        assert_eq!(totp.step_of(code, at(61)).unwrap(), None);
        // A step that was used, and all before it, are used up.
        assert_eq!(totp.used(step).step_of(code, at(0)).unwrap(), None);
        assert_eq!(totp.used(step + 1).step_of(code, at(0)).unwrap(), None);
        assert_eq!(
            totp.used(step - 1).step_of(code, at(0)).unwrap(),
            Some(step)
        );
    }
    for code in ["", "28708", "2870822", "٢٨٧٠٨٢", "28708x"] {
        let at = DateTime::from_timestamp(59, 0).unwrap();
        assert_eq!(totp.step_of(code, at).unwrap(), None, "{code}");
    }
}

#[test]
fn passwords_are_kept_as_hashes_only() {
    let password = Password::new("correct horse").ok().unwrap();
    assert!(password.is("correct horse").unwrap());
    assert!(!password.is("correct horse ").unwrap());
    let kept = Credentials {
        password: Some(password),
        totp: Totp::generate().ok(),
    };
    let bytes = kept.pack().unwrap();
    assert!(!bytes.windows(7).any(|part| part == b"correct"));
    assert!(Credentials::unpack(&bytes).ok() == Some(kept));
    assert!(Credentials::default().pack().is_none());
    let again = Password::new("correct horse").ok().unwrap();
    assert!(Some(&again) != Credentials::unpack(&bytes).ok().unwrap().password.as_ref());
    for wrong in ["", "seven77", &"x".repeat(1_025)] {
        let refused = Password::new(wrong).err().unwrap();
        assert_eq!(refused.code(), Code::InvalidValue);
    }
}

fn account() -> Account {
    Account {
        window: Window::default(),
        ip_limited: false,
        second_factor: false,
        machines: Vec::new(),
        identities: Vec::new(),
    }
}

/// Each demand by itself: what is against a login without it, and nothing with it.
#[test]
fn every_demand_counts() {
    let now = moment("2026-03-01T09:00:00Z");
    let vouched = Proofs {
        vouched: true,
        ..Proofs::default()
    };
    let ranges = Ranges::parse("10.0.0.0/8").unwrap();
    let against =
        |account: &Account, proofs, origin: &Origin| account.against(proofs, origin, &ranges, now);
    let nowhere = Origin::new();
    assert_eq!(against(&account(), vouched, &nowhere), None);
    assert_eq!(
        against(&account(), Proofs::default(), &nowhere),
        Some(Reason::NoProof)
    );
    let wrong = Proofs {
        password: Some(false),
        ..vouched
    };
    assert_eq!(
        against(&account(), wrong, &nowhere),
        Some(Reason::WrongPassword)
    );

    let mut limited = account();
    limited.ip_limited = true;
    assert_eq!(against(&limited, vouched, &nowhere), Some(Reason::Address));
    assert_eq!(
        against(&limited, vouched, &nowhere.clone().ip(ip("11.0.0.1"))),
        Some(Reason::Address)
    );
    assert_eq!(
        against(&limited, vouched, &nowhere.clone().ip(ip("10.0.0.1"))),
        None
    );

    let mut bound = account();
    bound.machines = vec!["no mac".to_owned()];
    let mac = nowhere.clone().mac("00:1a:2b:3c:4d:5e");
    assert_eq!(against(&bound, vouched, &mac), Some(Reason::Machine));
    bound.machines.push("001a.2b3c.4d5e".to_owned());
    assert_eq!(against(&bound, vouched, &mac), None);

    let mut known = account();
    known.identities = vec!["OFFICE\\anna".to_owned()];
    assert_eq!(
        against(&known, vouched, &nowhere.clone().computer("pc")),
        Some(Reason::Identity)
    );
    assert_eq!(
        against(
            &known,
            vouched,
            &nowhere.clone().domain_account("office\\Anna")
        ),
        None
    );

    let mut strict = account();
    strict.second_factor = true;
    assert_eq!(
        against(&strict, vouched, &nowhere),
        Some(Reason::SecondFactor)
    );
    for (code, second_factor, expected) in [
        (None, true, None),
        (Some(true), false, None),
        (Some(false), true, Some(Reason::SecondFactor)),
    ] {
        let proofs = Proofs {
            code,
            second_factor,
            ..vouched
        };
        assert_eq!(against(&strict, proofs, &nowhere), expected);
        let expected = expected.filter(|_| code == Some(false));
        assert_eq!(against(&account(), proofs, &nowhere), expected);
    }
}

#[test]
fn a_window_includes_its_beginning_and_not_its_end() {
    let window = Window {
        shut: None,
        from: Some(moment("2026-03-01T09:00:00Z")),
        until: Some(moment("2026-03-02T09:00:00Z")),
    };
    for (now, open) in [
        ("2026-03-01T08:59:59.999Z", false),
        ("2026-03-01T09:00:00Z", true),
        ("2026-03-02T08:59:59.999Z", true),
        ("2026-03-02T09:00:00Z", false),
    ] {
        assert_eq!(window.against(|| moment(now)).is_none(), open, "{now}");
    }
    assert!(window.is_timed());
    assert_eq!(
        Window::of(None).against(|| unreachable!()),
        Some(Reason::UnknownLogin)
    );
}

#[test]
fn places_in_the_register_are_given_back() {
    let register = std::sync::Arc::new(Register::default());
    let user = crate::ids::UserId(RecordId::new(7).unwrap());
    let now = moment("2026-03-01T09:00:00Z");
    let here = Origin::new().ip(ip("10.0.0.1"));
    let there = Origin::new().ip(ip("10.0.0.2"));
    let take = |origin: &Origin, expected: usize, admit: bool| {
        let seat = register.take(user, origin, now, |others| {
            assert_eq!(others.len(), expected);
            admit
        });
        seat.unwrap()
    };
    let first = take(&here, 0, true).unwrap();
    assert!(register.open().is_empty(), "it is still being opened");
    first.facts().set_number(crate::ids::Sequence(5));
    assert_eq!(register.open().len(), 1);
    assert!(take(&there, 1, false).is_none());
    let second = take(&here, 0, true).unwrap();
    assert!(first.facts().end() && !first.facts().end());
    drop((first, second));
    take(&there, 0, true);
    assert!(register.open().is_empty());
}
