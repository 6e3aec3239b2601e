//! Words the world is made of.

/// Given names, as shown and as used in addresses.
pub(crate) const GIVEN: &[(&str, &str)] = &[
    ("Ana", "ana"),
    ("Łukasz", "lukasz"),
    ("Zoë", "zoe"),
    ("李娜", "lina"),
    ("Bob", "bob"),
    ("Søren", "soren"),
    ("Marie-Hélène", "mariehelene"),
    ("Дмитрий", "dmitri"),
    ("Priya", "priya"),
    ("José", "jose"),
    ("さくら", "sakura"),
    ("Fatima", "fatima"),
    ("O’Shea", "oshea"),
    ("Björn", "bjorn"),
    ("Nguyễn", "nguyen"),
    ("Grace", "grace"),
    ("Ravi", "ravi"),
    ("Chloé", "chloe"),
    ("محمد", "mohamed"),
    ("Ivy", "ivy"),
    ("Tom", "tom"),
    ("Ümit", "umit"),
];

/// Family names, as shown and as used in addresses.
pub(crate) const FAMILY: &[(&str, &str)] = &[
    ("Ruiz", "ruiz"),
    ("Müller", "mueller"),
    ("Kowalski", "kowalski"),
    ("Okafor", "okafor"),
    ("D'Souza", "dsouza"),
    ("Tanaka", "tanaka"),
    ("Smith", "smith"),
    ("García López", "garcia"),
    ("van der Berg", "vanderberg"),
    ("Ivanov", "ivanov"),
    ("Hernández", "hernandez"),
    ("Lee", "lee"),
    ("Åström", "astrom"),
    ("Patel", "patel"),
    ("Nowak", "nowak"),
    ("Haddad", "haddad"),
    ("Jones", "jones"),
];

/// First halves of companies' names.
pub(crate) const COMPANIES: &[&str] = &[
    "Northwind",
    "Contoso",
    "Fabrikam",
    "Umbra",
    "Halcyon",
    "Brightwater",
    "Kestrel",
    "Ironbridge",
    "Lumen",
    "Meridian",
    "Quarry",
    "Sable",
    "Tidewater",
    "Vantage",
    "Wexford",
    "Zephyr",
];

/// Second halves of companies' names.
pub(crate) const TRADES: &[&str] =
    &["Logistics", "Health", "Foods", "Analytics", "Energy", "Robotics", "Retail"];

/// Suffixes of companies' domains; each is a known public suffix.
pub(crate) const SUFFIXES: &[&str] = &["com", "co.uk", "de", "io", "com.au", "net"];

/// Domains where anybody gets a mailbox.
pub(crate) const FREE_MAIL: &[&str] =
    &["gmail.com", "outlook.com", "yahoo.co.uk", "gmx.de", "icloud.com", "googlemail.com"];

/// Recorders and note takers that sit in calls: name and address.
pub(crate) const BOTS: &[(&str, &str)] = &[
    ("Fireflies.ai Notetaker", "fred@fireflies.ai"),
    ("Otter.ai Assistant", "assistant@otter.ai"),
    ("Read Notetaker", "notetaker@read.ai"),
];

/// What conversations are about.
pub(crate) const TOPICS: &[&str] = &[
    "QBR",
    "Kick-off",
    "Renewal",
    "Discovery call",
    "Sécurité & conformité",
    "Demo 🚀",
    "価格の相談",
    "Weekly sync",
    "Escalation: login",
    "Onboarding",
    "Contract \"redlines\"",
    "Roadmap <> feedback",
];

/// What is said. No colons: a line "name: text" must have one only.
pub(crate) const WORDS: &[&str] = &[
    "we",
    "the",
    "pricing",
    "contract",
    "rollout",
    "timeline",
    "security",
    "review",
    "next",
    "week",
    "team",
    "data",
    "export",
    "integration",
    "is",
    "not",
    "yet",
    "ready",
    "because",
    "procurement",
    "asked",
    "for",
    "a",
    "renewal",
    "quarter",
    "budget",
    "and",
    "support",
    "answered",
    "quickly",
    "dashboard",
    "latency",
    "users",
    "adoption",
    "grew",
    "after",
    "training",
    "naïve",
    "Straße",
    "plan",
    "options",
    "should",
    "meet",
    "again",
    "on",
    "Tuesday",
    "thanks",
];
