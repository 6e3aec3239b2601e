//! Every example of Secret Manager's documentation, one file each, and what is read of it.

use std::path::Path;

use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::http::Answer;
use super::refusal::{Operation, Refusal};
use super::{Accessed, Added, Versions, number_of, token, verified};

#[derive(Deserialize)]
struct Example<'a> {
    ask: &'a str,
    status: u16,
    #[serde(borrow)]
    answer: &'a RawValue,
}

impl Example<'_> {
    fn operation(&self) -> Operation {
        match self.ask {
            "create" => Operation::Create,
            "add" => Operation::Add,
            "access" => Operation::Access,
            "list" => Operation::List,
            "destroy" => Operation::Destroy,
            other => panic!("{other} is not asked"),
        }
    }

    fn body<T: DeserializeOwned>(&self) -> T {
        serde_json::from_str(self.answer.get()).expect("an answer that can be read")
    }

    fn read(&self) -> String {
        if self.ask == "token" {
            return self.token();
        }
        let operation = self.operation();
        if self.status != 200 {
            let refusal = Refusal::of(operation, self.status, self.answer.get().as_bytes());
            let again = if refusal.allows_another(operation) { "asked again" } else { "not asked again" };
            return format!("{}\n{again}", refusal.about("projects/acme/secrets/one"));
        }
        match operation {
            Operation::Add => {
                format!("version {}", number_of(&self.body::<Added>().name).expect("a number"))
            }
            Operation::Access => {
                let secret = verified(self.body::<Accessed>().payload).expect("a secret as it was sent");
                format!("the secret {}", secret.expose_secret())
            }
            Operation::List => {
                let page: Versions = self.body();
                let numbers = page.versions.iter().map(|one| number_of(&one.name).expect("a number"));
                format!("versions {:?}, next page {:?}", numbers.collect::<Vec<_>>(), page.next_page_token)
            }
            Operation::Create | Operation::Destroy => {
                self.body::<Value>();
                "done".to_owned()
            }
        }
    }

    fn token(&self) -> String {
        let (body, asked_at) = (self.answer.get().as_bytes().to_vec().into(), Instant::now());
        let answer = Answer { status: self.status, body, is_of_metadata_server: true };
        match token::read(&answer, asked_at) {
            Ok(token) => format!(
                "the token {}, for {} seconds",
                token.secret.expose_secret(),
                (token.until - asked_at).as_secs()
            ),
            Err(error) => error.to_string(),
        }
    }
}

#[test]
fn every_answer_of_google_is_read_as_its_snapshot_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/google");
    let mut paths: Vec<_> =
        folder.read_dir().expect("the fixtures").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    assert!(paths.len() > 10, "the fixtures are gone");
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a fixture");
        let example: Example<'_> = serde_json::from_str(&text).expect("an example");
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.set_snapshot_path("../../tests/snapshots/google");
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        settings.bind(|| insta::assert_snapshot!(name, example.read()));
    }
}
