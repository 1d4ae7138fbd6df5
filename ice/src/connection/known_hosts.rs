//! The file that remembers the fingerprints of servers: `host:port fingerprint` a line.

use std::{fs, io::Write, path::Path};

use super::Address;
use crate::{Error, Result};

/// Compares the fingerprint that a server shows with the one that it had; remembers it when
/// the server is new.
///
/// # Errors
/// `Tls` when it is another one, `Io` when the file cannot be read or written.
pub(super) fn check(file: &Path, address: &Address, fingerprint: &str) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::io("the file of known servers", format!("{}: {error}", file.display()))
    };
    let server = format!("{}:{}", address.host.to_lowercase(), address.port);
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(error)),
    };
    let mut known = None;
    for (at, line) in text.lines().enumerate() {
        let (name, found) = match line.split_whitespace().collect::<Vec<_>>()[..] {
            [] => continue,
            [name, found] if is_fingerprint(found) => (name, found),
            // It may be this server's: that the server is new cannot be known.
            _ => {
                let place = format!("line {} of {}", at + 1, file.display());
                let problem = format!(
                    "{place} is not `host:port fingerprint`, so that nobody knows whether this \
                     server is new: mend the line, or remove it if you know which server it was for"
                );
                return Err(Error::Tls { server, problem });
            }
        };
        if name == server {
            known = Some(found);
        }
    }
    match known {
        Some(known) if known.eq_ignore_ascii_case(fingerprint) => Ok(()),
        Some(known) => Err(Error::Tls {
            server,
            problem: format!(
                "its certificate has changed: the fingerprint was {known} and is {fingerprint}. If \
                 its administrators say that this is right, remove its line from {}; else somebody \
                 may be in between",
                file.display()
            ),
        }),
        None => {
            let open = fs::OpenOptions::new().create(true).append(true).open(file);
            let mut open = open.map_err(failed)?;
            // One write, so that lines of several processes do not mix.
            let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            open.write_all(format!("{gap}{server} {fingerprint}\n").as_bytes()).map_err(failed)
        }
    }
}

/// Whether a text is a SHA-256 fingerprint as this file has them.
fn is_fingerprint(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known");
        let one: Address = "one".parse().unwrap();
        let other: Address = "one:1".parse().unwrap();
        let (a, b) = ("aa".repeat(32), "bb".repeat(32));
        check(&file, &one, &a).unwrap();
        check(&file, &other, &b).unwrap();
        check(&file, &one, &a.to_uppercase()).unwrap();
        let error = check(&file, &one, &b).unwrap_err().to_string();
        assert!(error.contains("has changed") && error.contains("known"), "{error}");
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text, format!("one:4064 {a}\none:1 {b}\n"));
        let folder = Path::new("/nowhere/at/all");
        assert!(matches!(check(folder, &one, &a), Err(Error::Io { .. })));
    }

    #[test]
    fn lines_that_are_broken_are_no_new_servers() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known");
        let one: Address = "one".parse().unwrap();
        let a = "aa".repeat(32);
        for broken in [
            "one:4064".to_owned(),
            format!("one:4064 {}", &a[1..]),
            format!("one:4064{a}"),
            format!("one:4064 {a} x"),
            format!("one:4064 {}", a.replace('a', "g")),
        ] {
            let text = format!("two:4064 {a}\n\n{broken}\n");
            fs::write(&file, &text).unwrap();
            let error = check(&file, &one, &a).unwrap_err();
            assert!(matches!(error, Error::Tls { .. }), "{error}");
            let expected = format!("line 3 of {}", file.display());
            assert!(error.to_string().contains(&expected), "{broken}: {error}");
            // Nothing was written.
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
    }
}
