//! What a process holds in its memory stays there.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};

/// Has no core dumped of this process, whatever its parent's limit was, and lets no process of the same user look into its memory: opened
/// credentials are in there, and what people said.
pub fn keep_memory_private() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // the limit does not hold where the kernel hands dumps to a program
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}
