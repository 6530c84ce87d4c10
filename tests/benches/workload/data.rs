//! The data set: every record follows from the seed, its kind and its number, so that systems can
//! be loaded one after another without keeping it in memory. There is no clock.

use std::ops::Range;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

pub const REGIONS: usize = 4;
pub const DEPARTMENTS: usize = 20;
pub const EMPLOYEES: usize = 200;
pub const SEGMENTS: [&str; 8] = [
    "retail",
    "wholesale",
    "industry",
    "building",
    "transport",
    "medical",
    "software",
    "services",
];
pub const STAGES: [&str; 7] = [
    "new",
    "contacted",
    "qualified",
    "offered",
    "negotiating",
    "won",
    "lost",
];
/// Stages before this one are open.
pub const OPEN_STAGES: usize = 5;
pub const KINDS: [&str; 4] = ["call", "letter", "meeting", "task"];
pub const RATINGS: [&str; 4] = ["a", "b", "c", "d"];
pub const CURRENCY: &str = "EUR";

pub const CITIES: usize = 50;
const FIVE_YEARS_MS: u64 = 5 * 365 * 86_400_000;
const IN_DEPARTMENT: usize = EMPLOYEES / DEPARTMENTS;
const LATIN: [&str; 28] = [
    "ve", "nor", "ta", "mil", "ko", "ras", "den", "lu", "bri", "so", "per", "ga", "thel", "mi",
    "dor", "sen", "al", "qui", "fa", "rom", "ix", "hu", "ban", "zo", "cle", "yor", "win", "ep",
];
const CYRILLIC: [&str; 28] = [
    "вен", "то", "мил", "ка", "рус", "до", "лин", "га", "бор", "се", "пре", "жа", "тел", "ми",
    "дон", "сан", "аль", "ки", "фо", "ром", "юж", "ху", "бан", "зо", "кле", "яр", "вин", "эп",
];

/// Moments are counted from here on.
pub fn epoch() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(18_628)
}

/// What somebody may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Employee,
    Head,
    RegionalHead,
    Administrator,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Role::Employee => "employee",
            Role::Head => "head",
            Role::RegionalHead => "regional head",
            Role::Administrator => "administrator",
        }
    }
}

/// Where a user belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Department(usize),
    /// The department that those of a region are below.
    Region(usize),
    Nowhere,
}

/// A user: employees come first, then heads, regional heads and the administrator.
pub struct User {
    pub login: String,
    pub role: Role,
    pub place: Place,
    pub supervisor: Option<usize>,
}

#[derive(Clone)]
pub struct Company {
    pub name: String,
    pub owner: usize,
    /// Whom it is shared with. Its deals and other details go with it.
    pub participants: Vec<usize>,
    pub tax_number: String,
    pub phone: String,
    pub email: String,
    pub city: String,
    pub segment: usize,
    pub created: DateTime<Utc>,
    pub last_activity: DateTime<Utc>,
    pub note: Option<String>,
    pub contract: Option<String>,
    pub contract_date: Option<NaiveDate>,
    pub newsletter: Option<bool>,
    pub rating: Option<usize>,
    pub budget_cents: Option<i64>,
}

#[derive(Clone)]
pub struct Contact {
    pub company: usize,
    pub name: String,
    pub phone: String,
    pub email: String,
    pub decision_maker: bool,
}

pub struct Deal {
    pub company: usize,
    pub title: String,
    pub stage: usize,
    pub amount_cents: i64,
    pub margin_cents: i64,
    pub seller: usize,
}

#[derive(Clone)]
pub struct Activity {
    pub company: usize,
    pub kind: usize,
    pub subject: String,
    pub due: DateTime<Utc>,
    pub done: bool,
}

/// The data set of `n` companies.
#[derive(Clone, Copy)]
pub struct Data {
    pub n: usize,
    pub seed: u64,
    pub parts: Parts,
}

/// What is loaded beside companies: rows that ask for less are loaded sooner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    Companies,
    Deals,
    All,
}

impl Data {
    pub fn contacts(self) -> usize {
        match self.parts {
            Parts::All => self.n * 3 / 2,
            _ => 0,
        }
    }

    pub fn deals(self) -> usize {
        match self.parts {
            Parts::Companies => 0,
            _ => self.n * 6 / 5,
        }
    }

    pub fn activities(self) -> usize {
        match self.parts {
            Parts::All => self.n * 5,
            _ => 0,
        }
    }

    /// The owner of a company: the first thing its dice decide.
    pub fn owner(self, number: usize) -> usize {
        owner(&mut self.dice(Kind::Company, number))
    }

    /// Two companies of a hundred are shared with one to three users who do not own them.
    pub fn participants(self, number: usize) -> Vec<usize> {
        let mut dice = self.dice(Kind::Share, number);
        let mut users = Vec::new();
        if dice.percent(2) {
            let owner = self.owner(number);
            for _ in 0..1 + dice.index(3) {
                let user = dice.index(EMPLOYEES + DEPARTMENTS + REGIONS);
                if user != owner && !users.contains(&user) {
                    users.push(user);
                }
            }
        }
        users
    }

    /// Whether a user may see a company.
    pub fn sees(self, user: usize, number: usize) -> bool {
        reach(user).contains(&self.owner(number)) || self.participants(number).contains(&user)
    }

    pub fn company(self, number: usize) -> Company {
        let mut dice = self.dice(Kind::Company, number);
        let owner = owner(&mut dice);
        let name = name(&mut dice, 2);
        let created_ms = dice.below(FIVE_YEARS_MS);
        let last_ms = created_ms + dice.below(FIVE_YEARS_MS - created_ms);
        Company {
            owner,
            participants: self.participants(number),
            tax_number: format!("{:010}", 1_000_000_000 + 8_191 * number as u64),
            phone: phone(&mut dice),
            email: format!("info@firm{number}.example"),
            city: city(dice.index(CITIES)),
            segment: dice.index(SEGMENTS.len()),
            created: at(created_ms),
            last_activity: at(last_ms),
            note: dice
                .percent(60)
                .then(|| format!("{} {}", name, "известна с выставки")),
            contract: dice
                .percent(60)
                .then(|| format!("{:012}", dice.below(1_000_000_000_000))),
            contract_date: dice
                .percent(60)
                .then(|| at(dice.below(FIVE_YEARS_MS)).date_naive()),
            newsletter: dice.percent(60).then(|| dice.percent(50)),
            rating: dice.percent(60).then(|| dice.index(RATINGS.len())),
            budget_cents: dice.percent(60).then(|| amount(&mut dice)),
            name,
        }
    }

    pub fn contact(self, number: usize) -> Contact {
        let mut dice = self.dice(Kind::Contact, number);
        Contact {
            company: dice.index(self.n),
            name: name(&mut dice, 2),
            phone: phone(&mut dice),
            email: format!("person{number}@firm.example"),
            decision_maker: dice.percent(15),
        }
    }

    pub fn deal(self, number: usize) -> Deal {
        let mut dice = self.dice(Kind::Deal, number);
        let company = dice.index(self.n);
        let amount_cents = amount(&mut dice);
        Deal {
            company,
            title: format!("Поставка {number}"),
            stage: dice.index(STAGES.len()),
            amount_cents,
            margin_cents: amount_cents * (5 + dice.below(30) as i64) / 100,
            seller: match dice.percent(95) {
                true => self.owner(company),
                false => dice.index(EMPLOYEES),
            },
        }
    }

    pub fn activity(self, number: usize) -> Activity {
        let mut dice = self.dice(Kind::Activity, number);
        let kind = dice.index(KINDS.len());
        Activity {
            company: dice.index(self.n),
            kind,
            subject: format!("Обсудить {} {number}", KINDS[kind]),
            due: at(dice.below(FIVE_YEARS_MS)),
            done: dice.percent(80),
        }
    }

    /// Random numbers for one purpose.
    pub fn dice(self, kind: Kind, number: usize) -> Dice {
        let mut dice = Dice(self.seed ^ ((kind as u64 + 1) << 56) ^ number as u64);
        dice.next();
        dice
    }
}

/// The users: employees by department, heads, regional heads, the administrator.
pub fn users() -> Vec<User> {
    let user = |login, role, place, supervisor| User {
        login,
        role,
        place,
        supervisor,
    };
    let heads = EMPLOYEES..EMPLOYEES + DEPARTMENTS;
    let mut users = Vec::new();
    for n in 0..EMPLOYEES {
        let department = n / IN_DEPARTMENT;
        let head = Some(heads.start + department);
        users.push(user(
            format!("employee{n}"),
            Role::Employee,
            Place::Department(department),
            head,
        ));
    }
    for n in 0..DEPARTMENTS {
        let place = Place::Department(n);
        users.push(user(format!("head{n}"), Role::Head, place, None));
    }
    for n in 0..REGIONS {
        let login = format!("region{n}");
        users.push(user(login, Role::RegionalHead, Place::Region(n), None));
    }
    let admin = "admin".to_owned();
    users.push(user(admin, Role::Administrator, Place::Nowhere, None));
    users
}

/// The department of an employee.
pub fn department(employee: usize) -> usize {
    employee / IN_DEPARTMENT
}

/// The region of a department.
pub fn region(department: usize) -> usize {
    department * REGIONS / DEPARTMENTS
}

/// The departments of a region.
pub fn departments(region: usize) -> Range<usize> {
    let in_region = DEPARTMENTS / REGIONS;
    region * in_region..(region + 1) * in_region
}

/// The users of a department: its employees and its head.
pub fn members(department: usize) -> impl Iterator<Item = usize> {
    let first = department * IN_DEPARTMENT;
    (first..first + IN_DEPARTMENT).chain([EMPLOYEES + department])
}

/// The users whose companies somebody may see: what an organisation says, whether or not they own
/// any. Of the administrator it is everybody.
pub fn reached(user: usize) -> Vec<usize> {
    let everybody = users();
    match (everybody[user].role, everybody[user].place) {
        (Role::Employee, _) => vec![user],
        (Role::Head, Place::Department(n)) => members(n).collect(),
        (Role::RegionalHead, Place::Region(n)) => {
            departments(n).flat_map(members).chain([user]).collect()
        }
        _ => (0..everybody.len()).collect(),
    }
}

/// Which owners' companies a user may see, by number; only employees own any.
pub fn reach(user: usize) -> Range<usize> {
    let heads = EMPLOYEES;
    let regional = heads + DEPARTMENTS;
    let members = |departments: Range<usize>| {
        departments.start * IN_DEPARTMENT..departments.end * IN_DEPARTMENT
    };
    match user {
        _ if user < heads => user..user + 1,
        _ if user < regional => members(user - heads..user - heads + 1),
        _ if user < regional + REGIONS => members(departments(user - regional)),
        _ => 0..EMPLOYEES,
    }
}

/// Kinds of records and of questions, each with random numbers of its own.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Company,
    Contact,
    Deal,
    Activity,
    Question,
    Share,
}

/// SplitMix64.
pub struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub fn index(&mut self, end: usize) -> usize {
        self.below(end as u64) as usize
    }

    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// The first employee of each department owns two per cent of the companies.
fn owner(dice: &mut Dice) -> usize {
    match dice.percent(40) {
        true => dice.index(DEPARTMENTS) * IN_DEPARTMENT,
        false => {
            let ordinary = dice.index(EMPLOYEES - DEPARTMENTS);
            let in_department = IN_DEPARTMENT - 1;
            ordinary / in_department * IN_DEPARTMENT + 1 + ordinary % in_department
        }
    }
}

/// A city by its number.
pub fn city(number: usize) -> String {
    format!("{} {}", "Город", 1 + number)
}

/// Capitalised words of four or five syllables, in one of two scripts: too long for three letters to
/// be another form of one.
fn name(dice: &mut Dice, words: usize) -> String {
    let syllables = match dice.percent(50) {
        true => LATIN,
        false => CYRILLIC,
    };
    let word = |dice: &mut Dice| {
        let count = 4 + dice.index(2);
        let word: String = (0..count)
            .map(|_| syllables[dice.index(syllables.len())])
            .collect();
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_uppercase().to_string());
        first.unwrap_or_default() + letters.as_str()
    };
    (0..words).map(|_| word(dice)).collect::<Vec<_>>().join(" ")
}

/// A Russian number in one of the notations that people type.
fn phone(dice: &mut Dice) -> String {
    let code = 900 + dice.below(99);
    let (a, b, c) = (dice.below(1_000), dice.below(100), dice.below(100));
    notation(&format!("7{code}{a:03}{b:02}{c:02}"), dice)
}

/// Another notation of a number given as its eleven digits.
pub fn notation(digits: &str, dice: &mut Dice) -> String {
    let (code, a, b, c) = (&digits[1..4], &digits[4..7], &digits[7..9], &digits[9..]);
    match dice.below(5) {
        0 => format!("+7 ({code}) {a}-{b}-{c}"),
        1 => format!("8 {code} {a} {b} {c}"),
        2 => format!("8{code}{a}{b}{c}"),
        3 => format!("+7 {code} {a}-{b}{c}"),
        _ => format!("007 {code} {a}{b}{c}"),
    }
}

/// The digits by which a number is found, with country code.
pub fn phone_digits(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    match digits.strip_prefix("00") {
        Some(rest) => rest.to_owned(),
        None => format!("7{}", &digits[1..]),
    }
}

/// Log-normal, from a few euros to some millions.
fn amount(dice: &mut Dice) -> i64 {
    let normal: f64 = (0..12)
        .map(|_| dice.below(1_000_000) as f64 / 1e6)
        .sum::<f64>()
        - 6.0;
    (1_000_000.0 * (1.2 * normal).exp()) as i64
}

fn at(ms: u64) -> DateTime<Utc> {
    epoch() + TimeDelta::milliseconds(ms as i64)
}
