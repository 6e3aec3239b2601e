//! What can go wrong with a simulator itself; the faults it plays are not errors.

/// A request to the simulator that cannot be met.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// The address cannot be listened on.
    #[error("failed to listen on {listen}")]
    Listen {
        /// The address.
        listen: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// No workspace has the name.
    #[error("unknown workspace {0:?}")]
    UnknownWorkspace(String),
    /// The workspace's name or key is taken.
    #[error("workspace name or key is taken: {0:?}")]
    Taken(String),
    /// The workspace cannot be made as described.
    #[error("workspace is not possible: {0}")]
    BadSpec(&'static str),
    /// No conversation of the workspace has the id.
    #[error("unknown conversation {0:?}")]
    UnknownConversation(String),
    /// No API key of the workspace is spelled so.
    #[error("unknown api key")]
    UnknownKey,
}
