//! The hash of everything that is stored of a conversation.

use model::{ContentHash, Conversation};

/// Hashes a conversation; equal hashes need no writing.
pub fn content_hash(conversation: &Conversation) -> ContentHash {
    let bytes = serde_json::to_vec(conversation).expect("a conversation has only text keys");
    ContentHash::of(&bytes)
}
