//! A hash of JSON that does not depend on the order of keys or on white space.

use std::borrow::Cow;

use memchr::memchr2;
use model::ContentHash;
use serde_json::value::RawValue;

/// Deeper than any vendor nests; below, bytes are taken as they are.
const DEPTH_MAX: usize = 64;

/// Hashes a JSON value by its content; numbers and strings count as they are written.
pub fn canonical_hash(raw: &RawValue) -> ContentHash {
    ContentHash::of(&canonical_bytes(raw))
}

/// What is hashed.
pub(crate) fn canonical_bytes(raw: &RawValue) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(raw.get().len());
    Reader { text: raw.get(), at: 0 }.write_value(DEPTH_MAX, &mut bytes);
    bytes
}

/// Reads text that is known to be JSON, in one pass: a parser would read what is nested once for each level, and every row of every
/// list is hashed.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn write_value(&mut self, depth: usize, bytes: &mut Vec<u8>) {
        match (self.peek(), depth) {
            (Some(b'{'), 1..) => self.write_object(depth - 1, bytes),
            (Some(b'['), 1..) => self.write_array(depth - 1, bytes),
            (Some(b'{' | b'['), 0) => bytes.extend_from_slice(self.container().as_bytes()),
            (Some(b'"'), _) => bytes.extend_from_slice(self.string().as_bytes()),
            _ => bytes.extend_from_slice(self.scalar().as_bytes()),
        }
    }

    fn write_object(&mut self, depth: usize, bytes: &mut Vec<u8>) {
        self.at += 1;
        bytes.push(b'{');
        let first = bytes.len();
        let mut fields = Vec::new();
        while self.next_item(b'}') {
            let name = unescaped(self.string());
            self.next_item(b'}');
            let begin = bytes.len();
            // a length in front, so that no name can look like another's end
            bytes.extend_from_slice(format!("{}:{name}:", name.len()).as_bytes());
            self.write_value(depth, bytes);
            bytes.push(b',');
            fields.push((name, begin - first..bytes.len() - first));
        }
        if !fields.is_sorted_by(|(left, _), (right, _)| left <= right) {
            // stable: what a repeated name says last stays last
            fields.sort_by(|(left, _), (right, _)| left.cmp(right));
            let written = bytes.split_off(first);
            for (_, range) in fields {
                bytes.extend_from_slice(&written[range]);
            }
        }
        bytes.push(b'}');
    }

    fn write_array(&mut self, depth: usize, bytes: &mut Vec<u8>) {
        self.at += 1;
        bytes.push(b'[');
        while self.next_item(b']') {
            self.write_value(depth, bytes);
            bytes.push(b',');
        }
        bytes.push(b']');
    }

    /// Goes on to the next name or value; false at the end, which is passed.
    fn next_item(&mut self, end: u8) -> bool {
        while let Some(b' ' | b'\n' | b'\r' | b'\t' | b',' | b':') = self.peek() {
            self.at += 1;
        }
        let ended = self.peek().is_none_or(|byte| byte == end);
        self.at += usize::from(ended);
        !ended
    }

    fn string(&mut self) -> &'a str {
        let start = self.at;
        self.at += 1;
        while let Some(found) = self.rest().and_then(|rest| memchr2(b'"', b'\\', rest)) {
            self.at += found + 1;
            if self.text.as_bytes()[self.at - 1] == b'"' {
                break;
            }
            self.at += 1;
        }
        self.since(start)
    }

    fn scalar(&mut self) -> &'a str {
        let start = self.at;
        self.at += 1;
        while self.peek().is_some_and(|byte| !b" \n\r\t,]}".contains(&byte)) {
            self.at += 1;
        }
        self.since(start)
    }

    /// An object or array as it is written.
    fn container(&mut self) -> &'a str {
        let (start, mut open) = (self.at, 0_usize);
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.string();
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => open -= 1,
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                break;
            }
        }
        self.since(start)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> Option<&'a [u8]> {
        self.text.as_bytes().get(self.at..)
    }

    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }
}

/// A name without quotes. One that no text can hold (half of a surrogate pair) counts as it is written.
fn unescaped(quoted: &str) -> Cow<'_, str> {
    let written = quoted.strip_prefix('"').and_then(|quoted| quoted.strip_suffix('"')).unwrap_or(quoted);
    if !written.contains('\\') {
        return Cow::Borrowed(written);
    }
    serde_json::from_str(quoted).map_or(Cow::Borrowed(written), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str) -> ContentHash {
        canonical_hash(&RawValue::from_string(text.to_owned()).expect("JSON"))
    }

    #[test]
    fn order_and_white_space_do_not_count_and_every_value_does() {
        assert_eq!(
            hash(r#"{"a":1,"b":{"c":[1, 2],"d":null}}"#),
            hash(r#"{ "b":{"d":null,"c":[1,2]}, "a":1 }"#)
        );
        let different = [
            r#"{"a":1}"#,
            r#"{"a":2}"#,
            r#"{"a":"1"}"#,
            r#"{"a":[1]}"#,
            r#"{"b":1}"#,
            r#"{"a":1,"b":null}"#,
            r#"{"a":9223372036854775808999}"#,
            r#"{"a":9223372036854775808998}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a":2,"a":1}"#,
        ];
        for (index, left) in different.iter().enumerate() {
            for right in &different[index + 1..] {
                assert_ne!(hash(left), hash(right), "{left} and {right}");
            }
        }
    }

    #[test]
    fn names_and_values_are_found_whatever_they_hold() {
        let bytes = |text: &str| {
            let raw = RawValue::from_string(text.to_owned()).expect("JSON");
            String::from_utf8(canonical_bytes(&raw)).expect("UTF-8")
        };
        let tricky = r#" { "b\"}" : "x\\" , "a:,": ["]", -1.50e+3 ,true,{}, [ ] ], "\u0061" : "\"" } "#;
        let expected = r#"{1:a:"\"",3:a:,:["]",-1.50e+3,true,{},[],],3:b"}:"x\\",}"#;
        assert_eq!(bytes(tricky.trim()), expected);
        assert_eq!(bytes(r#"{"\ud800":1}"#), r"{6:\ud800:1,}");
        for scalar in ["null", "-0", "\"\"", "\"{\""] {
            assert_eq!(bytes(scalar), scalar);
        }
    }

    #[test]
    fn nesting_without_end_is_hashed_all_the_same() {
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        assert_ne!(hash(&deep), hash("[]"));
    }
}
