//! Words of a proxy: options, texts with or without quotes, and what separates parts.

/// Words of a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Text(String),
    Option(char),
    /// An option of more than a letter, behind two dashes.
    Long(String),
    Colon,
    At,
}

/// What is wrong with words, without the text that they are in.
pub(super) type WordResult<T> = Result<T, String>;

/// The words of a text.
pub(super) fn words(text: &str) -> WordResult<Vec<Word>> {
    let mut words = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            _ if letter.is_whitespace() => {}
            ':' => words.push(Word::Colon),
            '@' => words.push(Word::At),
            quote @ ('"' | '\'') => {
                let mut word = String::new();
                loop {
                    match letters.next().ok_or("a quote is not closed")? {
                        letter if letter == quote => break,
                        '\\' if letters.peek() == Some(&quote) => word.extend(letters.next()),
                        // What an escape is made of does not end the word.
                        '\\' => {
                            word.push('\\');
                            word.extend(letters.next());
                        }
                        letter => word.push(letter),
                    }
                }
                words.push(Word::Text(word));
            }
            letter => {
                let mut word = String::from(letter);
                let is_inside =
                    |letter: &char| !letter.is_whitespace() && !matches!(letter, ':' | '@');
                while let Some(letter) = letters.next_if(is_inside) {
                    word.push(letter);
                }
                let mut option = word.strip_prefix('-').unwrap_or_default().chars();
                words.push(match (option.next(), option.next()) {
                    (Some(option), None) if option.is_ascii_alphabetic() => Word::Option(option),
                    (Some('-'), Some(_)) => Word::Long(word[2..].to_owned()),
                    _ => Word::Text(word),
                });
            }
        }
    }
    Ok(words)
}
