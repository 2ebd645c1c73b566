//! Turns a plain text letter into the JSON that SendGrid's `POST /v3/mail/send` takes. The request
//! itself, with its API key, is the function's stored callback and never passes through here.

use serde::Serialize;
use wasm_bindgen::prelude::*;

#[derive(Serialize)]
struct Mail<'a> {
    personalizations: [Personalization<'a>; 1],
    from: Address<'a>,
    subject: &'a str,
    content: [Content<'a>; 1],
}

#[derive(Serialize)]
struct Personalization<'a> {
    to: Vec<Address<'a>>,
}

#[derive(Serialize)]
struct Address<'a> {
    email: &'a str,
}

#[derive(Serialize)]
struct Content<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    value: &'a str,
}

/// Whom `say` writes to, and as whom. Verify the sender with the mail service before using it.
const SAY_FROM: &str = "alice@example.com";
const SAY_TO: &str = "dev@example.com";

/// Mails `s` to a fixed address: subject and text in one argument.
#[wasm_bindgen]
pub fn say(s: &str) -> Result<String, JsError> {
    let mail = Mail {
        personalizations: [Personalization { to: vec![Address { email: SAY_TO }] }],
        from: Address { email: SAY_FROM },
        subject: s.lines().next().unwrap_or_default(),
        content: [Content { kind: "text/plain", value: &format!("This is a message from Wasmhook: {s}") }],
    };
    Ok(serde_json::to_string(&mail)?)
}

/// Composes the mail from `From:`, `To:` and `Subject:` lines, an empty line, and the text.
#[wasm_bindgen]
pub fn compose(letter: &str) -> Result<String, JsError> {
    let (mut from, mut to, mut subject) = (None, None, None);
    let mut rest = letter;
    while let Some((line, after)) = next_line(rest) {
        rest = after;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| {
            JsError::new(&format!("\"{line}\" is not a line like \"To: ann@example.com\""))
        })?;
        let field = match name.trim().to_ascii_lowercase().as_str() {
            "from" => &mut from,
            "to" => &mut to,
            "subject" => &mut subject,
            _ => {
                return Err(JsError::new(&format!(
                    "unknown line \"{name}:\"; use From, To and Subject"
                )))
            }
        };
        *field = Some(value.trim());
    }
    let recipients = required(to, "To")?.split(',').map(address).collect::<Result<_, _>>()?;
    let value = rest.trim_end();
    if value.is_empty() {
        return Err(JsError::new("the text is missing; put it after an empty line"));
    }
    let mail = Mail {
        personalizations: [Personalization { to: recipients }],
        from: address(required(from, "From")?)?,
        subject: required(subject, "Subject")?,
        content: [Content { kind: "text/plain", value }],
    };
    Ok(serde_json::to_string(&mail)?)
}

/// The first line without its end (LF or CRLF), and what follows it; None at the end of the text.
fn next_line(text: &str) -> Option<(&str, &str)> {
    if text.is_empty() {
        return None;
    }
    let (line, after) = text.split_once('\n').unwrap_or((text, ""));
    Some((line.strip_suffix('\r').unwrap_or(line), after))
}

fn required<'a>(field: Option<&'a str>, name: &str) -> Result<&'a str, JsError> {
    field
        .filter(|value| !value.is_empty())
        .ok_or_else(|| JsError::new(&format!("the line \"{name}: …\" is missing")))
}

fn address(text: &str) -> Result<Address<'_>, JsError> {
    let email = text.trim();
    match email.split_once('@') {
        Some((user, host)) if !user.is_empty() && !host.is_empty() => Ok(Address { email }),
        _ => Err(JsError::new(&format!("\"{email}\" is not an e-mail address"))),
    }
}
