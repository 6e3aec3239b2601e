//! Where new secrets go, and what they are called.

use crate::Owner;

/// The end of the name of a secret's collection, in the project or location that a setting names.
const SECRETS: &str = "/secrets";

/// Where new secrets go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Home {
    /// `projects/PROJECT`, or `projects/PROJECT/locations/LOCATION` for what is to stay in one region.
    parent: String,
    /// What their names begin with.
    prefix: String,
}

impl Home {
    /// Reads `projects/PROJECT[/locations/LOCATION][/secrets/PREFIX]`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (parent, prefix) = text.split_once(&format!("{SECRETS}/")).unwrap_or((text, "switchboard"));
        let (project, location) = match parent.split('/').collect::<Vec<_>>()[..] {
            ["projects", project] => (project, None),
            ["projects", project, "locations", location] => (project, Some(location)),
            _ => return None,
        };
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_project = |c: char| is_plain(c) || matches!(c, '.' | ':');
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let named =
            |text: &str, allowed: &dyn Fn(char) -> bool| !text.is_empty() && text.chars().all(allowed);
        let is_good = named(project, &is_project)
            && location.is_none_or(|location| named(location, &is_plain))
            && named(prefix, &is_name);
        // a name has 255 characters at most, 37 of them the connection's
        (is_good && prefix.len() <= 200)
            .then(|| Self { parent: parent.to_owned(), prefix: prefix.to_owned() })
    }

    /// Its secrets are kept in one region.
    pub(super) fn is_regional(&self) -> bool {
        location_of(&self.parent).is_some()
    }

    /// What its secrets belong to.
    pub(super) fn collection(&self) -> String {
        format!("{}{SECRETS}", self.parent)
    }

    /// The name of a connection's secret within it.
    pub(super) fn name(&self, owner: Owner<'_>) -> String {
        format!("{}-{}", self.prefix, owner.connection_id)
    }

    /// The secret of a connection.
    pub(super) fn secret(&self, owner: Owner<'_>) -> String {
        format!("{}/{}", self.collection(), self.name(owner))
    }
}

/// The region in which something is kept, by its name.
pub(super) fn location_of(name: &str) -> Option<&str> {
    let mut parts = name.split('/').skip(2);
    if parts.next() == Some("locations") { parts.next() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_a_project_and_perhaps_a_region_and_a_prefix() {
        for (text, parent, prefix) in [
            ("projects/acme-prod", "projects/acme-prod", "switchboard"),
            ("projects/example.com:acme/secrets/staging_1", "projects/example.com:acme", "staging_1"),
            ("projects/acme/locations/europe-west3", "projects/acme/locations/europe-west3", "switchboard"),
            ("projects/acme/locations/europe-west3/secrets/x", "projects/acme/locations/europe-west3", "x"),
        ] {
            let home = Home::parse(text).expect("a home");
            assert_eq!((home.parent.as_str(), home.prefix.as_str()), (parent, prefix));
            assert_eq!(home.is_regional(), text.contains("europe"), "{text}");
        }
        for bad in [
            "",
            "acme",
            "projects/",
            "projects/a/b",
            "projects/a?x=1",
            "projects/a/secrets/",
            "projects/a/secrets/b/versions/1",
            "projects/a/locations/",
            "projects/a/locations/eu.evil",
            "projects/a/locations/eu/b",
            "projects/../a",
        ] {
            assert_eq!(Home::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_name_says_in_which_region_it_is() {
        for (name, location) in [
            ("projects/a/secrets/locations/versions/1", None),
            ("projects/a/locations/europe-west3/secrets/x/versions/1:access", Some("europe-west3")),
        ] {
            assert_eq!(location_of(name), location, "{name}");
        }
    }
}
