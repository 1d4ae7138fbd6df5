//! The `polystore` command.

fn main() {}
