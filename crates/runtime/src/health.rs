//! Whether the process can work: its doors to the outside.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The doors of a process. Copies share them.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<BTreeMap<String, DoorState>>>);

/// Open, or closed for a reason.
type DoorState = Result<(), String>;

impl Health {
    /// A process without doors, which is ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a door, closed for now; the same name gives the same door.
    pub fn door(&self, name: &str) -> Door {
        self.lock().entry(name.to_owned()).or_insert_with(|| Err("not opened yet".to_owned()));
        Door { health: self.clone(), name: name.to_owned() }
    }

    /// Adds a door of one's own, closed for now: where the name is taken, a number follows it.
    pub fn another_door(&self, name: &str) -> Door {
        let mut doors = self.lock();
        let mut own = name.to_owned();
        let mut number = 1;
        while doors.contains_key(&own) {
            number += 1;
            own = format!("{name} #{number}");
        }
        doors.insert(own.clone(), Err("not opened yet".to_owned()));
        Door { health: self.clone(), name: own }
    }

    /// Whether every door is open.
    pub fn is_ready(&self) -> bool {
        self.lock().values().all(Result::is_ok)
    }

    /// Every door by name, with the reason why it is closed, or none.
    pub fn doors(&self) -> BTreeMap<String, Option<String>> {
        self.lock().iter().map(|(name, state)| (name.clone(), state.clone().err())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, DoorState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something the process needs open before it can work.
#[derive(Debug, Clone)]
pub struct Door {
    health: Health,
    name: String,
}

impl Door {
    /// Says that it is open.
    pub fn opened(&self) {
        self.health.lock().insert(self.name.clone(), Ok(()));
    }

    /// Says that it is closed, and why. The reason is shown to anybody who asks: no secrets.
    pub fn closed(&self, reason: impl Into<String>) {
        self.health.lock().insert(self.name.clone(), Err(reason.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_ready_when_its_last_door_opens() {
        let health = Health::new();
        let (broker, database) = (health.door("broker"), health.door("database"));
        broker.opened();
        assert!(!health.is_ready(), "a door starts closed");
        database.opened();
        assert!(health.is_ready());
        broker.closed("blocked");
        assert_eq!(health.doors()["broker"].as_deref(), Some("blocked"));
        assert_eq!(health.doors()["database"], None);
    }

    #[test]
    fn another_door_of_the_same_name_is_closed_until_it_is_opened_itself() {
        let health = Health::new();
        let (first, second) = (health.another_door("consuming x"), health.another_door("consuming x"));
        first.opened();
        assert!(!health.is_ready());
        second.closed("gone");
        assert_eq!(health.doors()["consuming x #2"].as_deref(), Some("gone"));
        second.opened();
        assert!(health.is_ready());
    }

    #[test]
    fn asking_for_a_door_again_does_not_close_it() {
        let health = Health::new();
        health.door("broker").opened();
        health.door("broker");
        assert!(health.is_ready());
    }
}
