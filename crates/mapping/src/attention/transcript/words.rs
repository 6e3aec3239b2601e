//! Words to text.

/// Joins words: a space only where neither side has one and no punctuation follows.
pub(super) fn join<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for word in words {
        let seam = text.ends_with(char::is_whitespace) || word.starts_with(char::is_whitespace);
        if !text.is_empty() && !seam && !is_punctuation(word) {
            text.push(' ');
        }
        text.push_str(word);
    }
    if is_collapsed(&text) { text } else { collapse(&text) }
}

fn is_punctuation(word: &str) -> bool {
    word.starts_with([
        ',', '.', '!', '?', ';', ':', '…', '\'', '’', ')', ']', '%', '。', '，', '、', '！', '？',
    ])
}

/// Trims, and makes one space of every run of white space.
pub(super) fn collapse(text: &str) -> String {
    if is_collapsed(text) {
        return text.to_owned();
    }
    let mut collapsed = String::with_capacity(text.len());
    let mut after_space = false;
    for c in text.trim().chars() {
        let space = c.is_whitespace();
        if !(space && after_space) {
            collapsed.push(if space { ' ' } else { c });
        }
        after_space = space;
    }
    collapsed
}

/// Plain words with one space between them, as nearly all are: seen byte by byte, without reading characters. Says no when in doubt.
fn is_collapsed(text: &str) -> bool {
    let bytes = text.as_bytes();
    let plain = bytes.iter().all(|byte| (b' '..0x7f).contains(byte));
    let edges = bytes.first() == Some(&b' ') || bytes.last() == Some(&b' ');
    plain && !edges && !bytes.windows(2).any(|pair| pair == b"  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_joined_with_one_space_and_none_before_punctuation() {
        let joined = |words: &[&str]| join(words.iter().copied());
        assert_eq!(joined(&["Good ", "morning. ", " Ana"]), "Good morning. Ana");
        assert_eq!(joined(&["Good", "morning", ",", "Ana", "'s", "here", "!"]), "Good morning, Ana's here!");
        assert_eq!(joined(&["", "\n\t", " "]), "");
    }
}
