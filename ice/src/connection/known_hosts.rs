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
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    let mut known = lines.filter(|(name, _)| *name == server).map(|(_, known)| known.trim());
    match known.next_back() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known");
        let one: Address = "one".parse().unwrap();
        let other: Address = "one:1".parse().unwrap();
        check(&file, &one, "aa").unwrap();
        check(&file, &other, "bb").unwrap();
        check(&file, &one, "AA").unwrap();
        let error = check(&file, &one, "bb").unwrap_err().to_string();
        assert!(error.contains("has changed") && error.contains("known"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "one:4064 aa\none:1 bb\n");
        let folder = Path::new("/nowhere/at/all");
        assert!(matches!(check(folder, &one, "aa"), Err(Error::Io { .. })));
    }
}
