//! A test's own virtual host on a real broker, with short delays.

mod management;
mod tap;

use std::time::Duration;

use futures::StreamExt;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use runtime::{Env, Health};
use secrecy::ExposeSecret;

use crate::{Broker, Config, Delivery, PERMISSIONS, declare, depths, link};
use management::{Management, user_of};

/// No test waits longer than this for anything.
const DEADLINE: Duration = Duration::from_secs(20);
/// Makes the ladder 5, 30, 120, 600 and 3600 ms.
const LADDER_SCALE: f64 = 0.001;

/// A virtual host with the whole topology, gone with [`TestVhost::finish`].
#[derive(Debug)]
pub struct TestVhost {
    name: String,
    config: Config,
    management: Management,
}

impl TestVhost {
    /// Makes one on the broker of `SWITCHBOARD_TEST_AMQP_URL`, through the management API at `SWITCHBOARD_TEST_RABBIT_API`.
    pub async fn fresh() -> Self {
        Self::fresh_on(&Env::from_process()).await
    }

    /// The same on the broker that these settings name.
    pub async fn fresh_on(env: &Env) -> Self {
        let vhost = Self::bare_on(env).await;
        declare(&vhost.config).await.expect("the topology can be declared");
        vhost
    }

    /// One without the topology.
    pub async fn bare() -> Self {
        Self::bare_on(&Env::from_process()).await
    }

    async fn bare_on(env: &Env) -> Self {
        let setting = |name: &str| env.required(name).expect("tests need a broker: see `make test`");
        let management = Management::at(&setting("SWITCHBOARD_TEST_RABBIT_API"));
        let name = format!("test-{}", uuid::Uuid::new_v4());
        management.create_vhost(&name).await;
        management.permit(&name).await;
        let base = setting("SWITCHBOARD_TEST_AMQP_URL");
        let (server, _) = base.rsplit_once('/').expect("the URL names a virtual host");
        let authority = env.text("AMQP_CA_FILE").map(|file| ("AMQP_CA_FILE", file));
        let settings =
            Env::from_pairs(authority.into_iter().chain([("AMQP_URL", format!("{server}/{name}"))]));
        let config = Config::from_env(&settings).expect("usable settings");
        let config = Config { ladder_scale: LADDER_SCALE, timeout: Duration::from_secs(10), ..config };
        Self { name, config, management }
    }

    /// How to reach it.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Its URL, for a process of its own.
    pub fn url(&self) -> &str {
        self.config.url.expose_secret()
    }

    /// Its URL for a program, who may do what that program does and nothing else.
    pub fn url_for(&self, program: &str) -> String {
        let user = user_of(program);
        let (scheme, rest) = self.url().split_once("://").expect("a scheme");
        let (_, place) = rest.split_once('@').expect("a user");
        format!("{scheme}://{user}:{user}@{place}")
    }

    /// Lets a program's user do what another program does, instead.
    pub async fn let_do(&self, program: &str, what: &str) {
        let permissions = PERMISSIONS.iter().find(|one| one.program == what).expect("a program");
        self.management.give(&self.name, program, permissions).await;
    }

    /// How a program reaches it.
    pub fn config_for(&self, program: &str) -> Config {
        Config { url: self.url_for(program).into(), ..self.config.clone() }
    }

    /// A broker's handle on it.
    pub fn broker(&self) -> Broker {
        Broker::open(&self.config, "test", &Health::new())
    }

    /// Waits for a message in a queue and takes it out.
    pub async fn take(&self, queue: &str) -> Delivery {
        tokio::time::timeout(DEADLINE, self.take_next(queue))
            .await
            .expect("a message comes before the deadline")
    }

    async fn take_next(&self, queue: &str) -> Delivery {
        let connection = link::dial(&self.config, "test").await.expect("the broker answers");
        let channel = connection.create_channel().await.expect("a channel opens");
        channel.basic_qos(1, BasicQosOptions::default()).await.expect("one at a time");
        let options = BasicConsumeOptions::default();
        let consuming = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default());
        let mut consumer = consuming.await.expect("the queue is there");
        let delivery = consumer.next().await.expect("the subscription holds").expect("a delivery");
        delivery.ack(BasicAckOptions::default()).await.expect("the ack is sent");
        link::close(&connection).await;
        delivery.into()
    }

    /// Waits until this many connections are open, cuts them all as a broker does that goes down, and says how many those were.
    pub async fn cut_connections(&self, at_least: usize) -> usize {
        let cut = async {
            loop {
                let open = self.management.connections(&self.name).await;
                if open.len() >= at_least {
                    for name in &open {
                        self.management.close_connection(name).await;
                    }
                    return open.len();
                }
                settle_down().await;
            }
        };
        tokio::time::timeout(DEADLINE, cut).await.expect("the connections open before the deadline")
    }

    /// Waits until the queue holds this many messages that nobody has in hand.
    pub async fn await_ready(&self, queue: &str, messages: u32) {
        let reached = async {
            loop {
                let found = self.ready(queue).await;
                if found == messages {
                    return;
                }
                settle_down().await;
            }
        };
        tokio::time::timeout(DEADLINE, reached)
            .await
            .expect("the queue fills or empties before the deadline");
    }

    /// Deletes a queue with whatever is in it.
    pub async fn delete_queue(&self, queue: &str) {
        self.management.delete_queue(&self.name, queue).await;
    }

    /// Ends the one member of a queue, as a crash of it does: the queue is there, and has no leader.
    pub async fn take_leader(&self, queue: &str) {
        self.eval(&format!("ra:stop_server(quorum_queues, {{'{}_{queue}', node()}}).", self.name)).await;
    }

    /// Starts it again.
    pub async fn give_leader(&self, queue: &str) {
        self.eval(&format!("ra:restart_server(quorum_queues, {{'{}_{queue}', node()}}).", self.name)).await;
    }

    /// Has the broker evaluate an expression.
    async fn eval(&self, expression: &str) {
        let env = Env::from_process();
        let setting = |name: &str| env.required(name).expect("tests need a stack: see `make test`");
        let program = std::path::Path::new(&setting("SWITCHBOARD_TEST_STACK_TOOLS")).join("rabbitmqctl");
        let mut command = tokio::process::Command::new(program);
        command.args(["eval", expression]).env("SWITCHBOARD_STACK", setting("SWITCHBOARD_TEST_STACK"));
        let output = command.output().await.expect("a command that runs");
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    }

    /// Checks that every queue is empty, and removes the virtual host.
    pub async fn finish(self) {
        let empty = async {
            while let Some(full) = self.first_not_empty().await {
                tracing::debug!(queue = full, "not empty yet");
                settle_down().await;
            }
        };
        let emptied = tokio::time::timeout(DEADLINE, empty).await;
        let full = if emptied.is_err() { self.first_not_empty().await } else { None };
        self.management.delete_vhost(&self.name).await;
        assert_eq!(full, None, "a test leaves its queues empty");
    }

    /// Removes the virtual host with whatever is in it.
    pub async fn discard(self) {
        self.management.delete_vhost(&self.name).await;
    }

    async fn ready(&self, queue: &str) -> u32 {
        let all = depths(&self.config).await.expect("the queues are there");
        all.into_iter().find(|depth| depth.queue == queue).expect("the queue is in the table").ready
    }

    async fn first_not_empty(&self) -> Option<String> {
        let all = depths(&self.config).await.expect("the queues are there");
        all.into_iter().find(|depth| depth.ready > 0).map(|depth| depth.queue)
    }
}

/// The broker tells nobody when a queue has changed, so its state is asked for again, within the deadline.
async fn settle_down() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}
