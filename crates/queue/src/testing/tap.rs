//! A copy of everything that is published, for who looks for what must not be there.

use lapin::options::{BasicGetOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};

use super::TestVhost;
use crate::link;
use crate::topology::EVENTS;

/// Where the copies wait; in no topology.
const TAP: &str = "tap";
/// Where events are heard; in no topology.
const EAR: &str = "ear";
/// The exchange to which a broker that traces gives a copy of every message.
const TRACE: &str = "amq.rabbitmq.trace";

impl TestVhost {
    /// Keeps a copy of every message that is published from now on, to whatever exchange.
    pub async fn tap(&self) {
        self.management.trace(&self.name).await;
        let connection = link::dial(&self.config, "tap").await.expect("the broker answers");
        let channel = connection.create_channel().await.expect("a channel opens");
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(TAP.into(), options, FieldTable::default()).await.expect("a queue");
        let binding = channel.queue_bind(
            TAP.into(),
            TRACE.into(),
            "publish.#".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        binding.await.expect("a binding");
        link::close(&connection).await;
    }

    /// Keeps every event from now on, whatever becomes of the broker, as a listener would.
    pub async fn listen(&self) {
        let connection = link::dial(&self.config, "ear").await.expect("the broker answers");
        let channel = connection.create_channel().await.expect("a channel opens");
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        channel.queue_declare(EAR.into(), options, arguments).await.expect("a queue");
        let all = QueueBindOptions::default();
        let binding = channel.queue_bind(EAR.into(), EVENTS.into(), "#".into(), all, FieldTable::default());
        binding.await.expect("a binding");
        link::close(&connection).await;
    }

    /// The ids of the events that were heard.
    pub async fn heard(&self) -> Vec<String> {
        let connection = link::dial(&self.config, "ear").await.expect("the broker answers");
        let channel = connection.create_channel().await.expect("a channel opens");
        let mut ids = Vec::new();
        let options = BasicGetOptions { no_ack: true };
        while let Some(message) = channel.basic_get(EAR.into(), options).await.expect("an answer") {
            ids.extend(message.delivery.properties.message_id().as_ref().map(ToString::to_string));
        }
        link::close(&connection).await;
        ids
    }

    /// What was published since: where to, with which headers, and the bodies.
    pub async fn tapped(&self) -> Vec<String> {
        let connection = link::dial(&self.config, "tap").await.expect("the broker answers");
        let channel = connection.create_channel().await.expect("a channel opens");
        let mut messages = Vec::new();
        let options = BasicGetOptions { no_ack: true };
        while let Some(message) = channel.basic_get(TAP.into(), options).await.expect("an answer") {
            let mut text = message.delivery.routing_key.to_string();
            if let Some(headers) = message.delivery.properties.headers() {
                write_table(headers, &mut text);
            }
            text += &String::from_utf8_lossy(&message.delivery.data);
            messages.push(text);
        }
        link::close(&connection).await;
        messages
    }
}

/// The broker puts the message's own properties into the headers of the copy, one table in another.
fn write_table(table: &FieldTable, text: &mut String) {
    for (name, value) in table.inner() {
        *text += "\n";
        *text += name.as_str();
        *text += ": ";
        write_value(value, text);
    }
    *text += "\n";
}

fn write_value(value: &AMQPValue, text: &mut String) {
    match value {
        AMQPValue::LongString(words) => *text += &String::from_utf8_lossy(words.as_bytes()),
        AMQPValue::ShortString(words) => *text += words.as_str(),
        AMQPValue::ByteArray(bytes) => *text += &String::from_utf8_lossy(bytes.as_slice()),
        AMQPValue::FieldTable(table) => write_table(table, text),
        AMQPValue::FieldArray(values) => values.as_slice().iter().for_each(|one| write_value(one, text)),
        // numbers and times
        _ => {}
    }
}
