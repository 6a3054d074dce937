//! The command `quorate`: parse, run, exit code.

fn main() {}
