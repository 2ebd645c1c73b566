//! A webhook listener: an event as JSON on standard input becomes a mail to `EMAIL_ADDRESS`, as JSON
//! on standard output, which the function's callback sends to a mail service. What the source got
//! besides the event is in the variable `webhook`.

use std::env;
use std::io::{stdin, stdout, Read, Write};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    event: String,
    event_id: u64,
    customer_name: String,
    customer_email: String,
}

/// Of the request that a source got.
#[derive(Deserialize)]
struct Webhook {
    id: String,
}

#[derive(Serialize)]
struct Mail {
    to: String,
    subject: String,
    text: String,
    /// The same when the event is replayed, so that the mail service can tell.
    reference: Option<String>,
}

fn main() -> ExitCode {
    match compose().and_then(|mail| write(&mail)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("listener: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn compose() -> Result<Mail, String> {
    let to = env::var("EMAIL_ADDRESS").map_err(|_| "the variable EMAIL_ADDRESS is not set")?;
    let mut json = String::new();
    stdin().read_to_string(&mut json).map_err(|error| format!("cannot read the event: {error}"))?;
    let event: Event =
        serde_json::from_str(&json).map_err(|error| format!("the event is not as expected: {error}"))?;
    let webhook = env::var("webhook").ok();
    let reference = webhook.and_then(|json| serde_json::from_str(&json).ok()).map(|Webhook { id }| id);
    let Event { event, event_id, customer_name, customer_email } = event;
    Ok(Mail {
        to,
        subject: format!("Webhook notification: {event} {event_id}"),
        text: format!("{customer_name} <{customer_email}>: {event}, event {event_id}."),
        reference,
    })
}

fn write(mail: &Mail) -> Result<(), String> {
    let json = serde_json::to_vec(mail).expect("a mail is plain JSON");
    stdout().write_all(&json).map_err(|error| format!("cannot write the mail: {error}"))
}
