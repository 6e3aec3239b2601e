//! The migrations are part of this crate, and lie beside it: a file that comes or changes there is a reason to compile it again.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
