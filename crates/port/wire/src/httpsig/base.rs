//! The signature base of RFC 9421 section 2.5 and its `signature-input` (section 2.3), for any list
//! of components. The profile above needs two fixed lists; the general form is what lets the
//! RFC's own examples test the rules.

use super::{LABEL, SignatureError, header};
use crate::bytes::{decode, encode};

/// A parameter's value: the structured-field types (RFC 8941) that occur here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// An integer.
    Integer(i64),
    /// A string.
    Text(String),
    /// A flag.
    True,
}

/// A covered component: its name and parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// `@method`, or a header's name in lower case.
    pub name: String,
    /// `req`, `key="…"`, …
    pub parameters: Vec<(String, Value)>,
}

/// A parsed `signature-input` member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The covered components in order.
    pub components: Vec<Component>,
    /// `created`, `keyid`, …, in order.
    pub parameters: Vec<(String, Value)>,
    /// Written again in the canonical form.
    pub text: String,
}

impl Input {
    /// Reads the value of a member: an inner list with parameters. Each component occurs once.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut reader = Reader { rest: text };
        reader.eat("(")?;
        let mut components: Vec<Component> = Vec::new();
        while reader.eat(")").is_none() {
            if !components.is_empty() {
                reader.eat(" ")?;
            }
            let name = reader.string()?;
            let parameters = reader.parameters()?;
            let component = Component { name, parameters };
            if components.contains(&component) {
                return None;
            }
            components.push(component);
        }
        let parameters = reader.parameters()?;
        if !reader.rest.is_empty() {
            return None;
        }
        let written = components.iter().map(Component::write).collect::<Vec<_>>();
        let text = format!("({}){}", written.join(" "), write_parameters(&parameters));
        Some(Self {
            components,
            parameters,
            text,
        })
    }
}

impl Component {
    fn write(&self) -> String {
        format!("\"{}\"{}", self.name, write_parameters(&self.parameters))
    }
}

/// The signature base: one line per component with the value that `resolve` gives, then the
/// parameters. `None` if a component has no value.
#[must_use]
pub fn signature_base(
    input: &Input,
    resolve: impl Fn(&Component) -> Option<String>,
) -> Option<String> {
    let mut base = String::new();
    for component in &input.components {
        let value = resolve(component)?;
        base.push_str(&format!("{}: {value}\n", component.write()));
    }
    base.push_str(&format!("\"@signature-params\": {}", input.text));
    Some(base)
}

/// The `signature` header: `godwit=:<base64>:`.
pub(super) fn signature_field(signature: &[u8]) -> String {
    format!("{LABEL}=:{}:", encode(signature))
}

/// Reads the `signature` header; both kinds of keys make 64 bytes.
pub(super) fn read_signature(value: &str) -> Result<Vec<u8>, SignatureError> {
    value
        .strip_prefix(LABEL)
        .and_then(|rest| rest.strip_prefix("=:"))
        .and_then(|rest| rest.strip_suffix(':'))
        .and_then(decode)
        .filter(|signature| signature.len() == 64)
        .ok_or(SignatureError::Form(header::SIGNATURE))
}

fn write_parameters(parameters: &[(String, Value)]) -> String {
    let write = |(name, value): &(String, Value)| match value {
        Value::Integer(number) => format!(";{name}={number}"),
        Value::Text(text) => format!(";{name}=\"{text}\""),
        Value::True => format!(";{name}"),
    };
    parameters.iter().map(write).collect()
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn eat(&mut self, token: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(token)?;
        Some(())
    }

    fn take(&mut self, fits: impl Fn(u8) -> bool) -> String {
        let end = self.rest.bytes().position(|byte| !fits(byte));
        let (taken, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        taken.to_owned()
    }

    /// A string without escapes: the protocol needs none, and one form per value is safer.
    fn string(&mut self) -> Option<String> {
        self.eat("\"")?;
        let text = self.take(|byte| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\');
        self.eat("\"")?;
        Some(text)
    }

    fn parameters(&mut self) -> Option<Vec<(String, Value)>> {
        let mut parameters: Vec<(String, Value)> = Vec::new();
        while self.eat(";").is_some() {
            let name =
                self.take(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*'));
            if name.is_empty() || parameters.iter().any(|(other, _)| *other == name) {
                return None;
            }
            let value = if self.eat("=").is_none() {
                Value::True
            } else if self.rest.starts_with('"') {
                Value::Text(self.string()?)
            } else {
                let digits = self.take(|byte| byte.is_ascii_digit());
                (digits.len() <= 15).then_some(())?;
                Value::Integer(digits.parse().ok()?)
            };
            parameters.push((name, value));
        }
        Some(parameters)
    }
}
