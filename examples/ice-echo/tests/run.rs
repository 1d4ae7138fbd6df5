//! Runs the example as a user does.

#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

const EXAMPLE: &str = env!("CARGO_BIN_EXE_ice-echo");

fn output(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(EXAMPLE).args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn both_in_one_process() {
    let (success, text) = output(&[]);
    let expected = "root: what was asked\n\
                    other: the server does not let this user in: the user is root, the password secret\n";
    assert_eq!((success, text.as_str()), (true, expected));
}

#[test]
fn a_server_and_a_client() {
    let mut server = Command::new(EXAMPLE)
        .args(["serve", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = format!("tcp://{}", line.trim().strip_prefix("listening at ").unwrap());
    let right = output(&["ask", &address, "root", "secret", "some", "text"]);
    let wrong = output(&["ask", &address, "root", "wrong", "x"]);
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(right, (true, "some text\n".to_owned()));
    assert!(!wrong.0 && wrong.1.contains("does not let this user in"), "{}", wrong.1);
}
