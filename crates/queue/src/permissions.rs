//! What each kind of program may do at the broker: three expressions that RabbitMQ matches names with.
//!
//! Looking whether a queue is there, and how full it is, needs no permission; `amq.default` is the exchange that gives a message to a
//! queue by its name.

/// What a program's user may do in the vhost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permissions {
    /// Whose: a role, `all` of them, `desk` for a person's commands, or `migrate`.
    pub program: &'static str,
    /// Exchanges and queues it may declare.
    pub configure: &'static str,
    /// Exchanges it may publish to, and queues it may bind.
    pub write: &'static str,
    /// Queues it may take messages from, and exchanges it may bind to.
    pub read: &'static str,
}

const NOTHING: &str = "^$";
const OURS: &str = "^(fetch|normalize|resolve|events)([.].+)?$";

/// Every program's. Nobody but `migrate` declares anything.
pub const PERMISSIONS: [Permissions; 7] = [
    // binding a queue writes to it and reads its exchange; so does a delay queue's way back
    Permissions {
        program: "migrate",
        configure: OURS,
        write: "^(amq[.]default|(fetch|normalize|resolve|events)([.].+)?)$",
        read: OURS,
    },
    // nudges, conversations to be linked again, events
    Permissions {
        program: "scheduler",
        configure: NOTHING,
        write: "^(fetch|resolve|events)$",
        read: NOTHING,
    },
    // the next nudge, documents, and dead letters by the name of their queue
    Permissions {
        program: "fetcher",
        configure: NOTHING,
        write: "^(fetch|normalize|amq[.]default)$",
        read: "^fetch[.](live|backfill)$",
    },
    // what failed goes to its delays and dead letters by their names
    Permissions {
        program: "normalizer",
        configure: NOTHING,
        write: "^amq[.]default$",
        read: "^(normalize[.](live|backfill)|resolve)$",
    },
    // dead letters, sent again
    Permissions {
        program: "steward",
        configure: NOTHING,
        write: "^(fetch|normalize|resolve)$",
        read: "^.+[.]dead$",
    },
    // every role in one process, and commands beside it
    Permissions {
        program: "all",
        configure: NOTHING,
        write: "^(fetch|normalize|resolve|events|amq[.]default)$",
        read: "^((fetch|normalize)[.](live|backfill)|resolve|.+[.]dead)$",
    },
    // looks how full queues are
    Permissions { program: "desk", configure: NOTHING, write: NOTHING, read: NOTHING },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_makes_users_gives_them_the_permissions_of_the_table() {
        let page = include_str!("../../../deploy/security.md");
        let manifest = include_str!("../../../deploy/kubernetes/rabbitmq/users.yaml");
        let definitions = include_str!("../../../deploy/rabbitmq/definitions.json");
        for Permissions { program, configure, write, read } in PERMISSIONS {
            let command = format!(
                "rabbitmqctl set_permissions -p switchboard switchboard-{program} '{configure}' '{write}' '{read}'\n"
            );
            assert!(page.contains(&command), "deploy/security.md should say: {command}");
            if program == "all" {
                // clusters and compose have a process for each role
                let given = format!("local write='{write}' read='{read}'\n");
                let script = include_str!("../../../deploy/local/rabbitmq.sh");
                assert!(script.contains(&given), "deploy/local/rabbitmq.sh should say: {given}");
                continue;
            }
            let given = format!(
                "  userReference: {{ name: switchboard-{program} }}\n  permissions:\n    configure: {configure}\n    write: {write}\n    read: {read}\n"
            );
            assert!(manifest.contains(&given), "deploy/kubernetes/rabbitmq/users.yaml should say: {given}");
            let defined = format!(
                r#"{{ "user": "switchboard-{program}", "vhost": "/", "configure": "{configure}", "write": "{write}", "read": "{read}" }}"#
            );
            assert!(definitions.contains(&defined), "deploy/rabbitmq/definitions.json should say: {defined}");
        }
    }
}
