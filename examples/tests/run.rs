//! Runs every example as a user does, and looks at what it says.

use std::process::Command;

fn output_of(example: &str) -> String {
    let output = Command::new(example).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{example} failed:\n{text}\n{errors}");
    text
}

#[test]
fn own_backend() {
    let text = output_of(env!("CARGO_BIN_EXE_own_backend"));
    assert!(!text.contains("FAILED"), "{text}");
    assert!(text.contains("cases passed"), "{text}");
    assert_eq!(text.lines().filter(|line| line.contains(": mean ")).count(), 47, "{text}");
}
