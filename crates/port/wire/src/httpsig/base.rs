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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{PublicKey, SigningKey};
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    fn url(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    /// RFC 9421 appendix B.2.6 with the key of B.1.4; Ed25519 signatures are deterministic.
    #[test]
    fn makes_the_ed25519_example_of_rfc_9421() {
        let input = Input::read(
            r#"("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#,
        )
        .unwrap();
        let base = signature_base(&input, |component| {
            let value = match component.name.as_str() {
                "date" => "Tue, 20 Apr 2021 02:07:55 GMT",
                "@method" => "POST",
                "@path" => "/foo",
                "@authority" => "example.com",
                "content-type" => "application/json",
                "content-length" => "18",
                _ => return None,
            };
            Some(value.to_owned())
        })
        .unwrap();
        let key =
            SigningKey::from_ed25519_seed(&url("n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU"));
        let key = key.unwrap();
        let public = url("JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs");
        assert_eq!(
            *key.public(),
            PublicKey::Ed25519(public.try_into().unwrap())
        );
        assert_eq!(
            encode(&key.sign(base.as_bytes()).unwrap()),
            "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
        );
    }

    /// RFC 9421 appendix B.2.4 with the key of B.1.3: an answer, signed by ECDSA on P-256.
    #[test]
    fn verifies_the_p256_example_of_rfc_9421() {
        let input = Input::read(
            r#"("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256""#,
        )
        .unwrap();
        let base = signature_base(&input, |component| {
            let value = match component.name.as_str() {
                "@status" => "200",
                "content-type" => "application/json",
                "content-digest" => {
                    "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:"
                }
                "content-length" => "23",
                _ => return None,
            };
            Some(value.to_owned())
        })
        .unwrap();
        let point = [
            vec![4],
            url("qIVYZVLCrPZHGHjP17CTW0_-D9Lfw0EkjqF7xB4FivA"),
            url("Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0"),
        ];
        let key = PublicKey::P256(point.concat().try_into().unwrap());
        let signature = decode(
            "wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==",
        );
        assert_eq!(key.verify(base.as_bytes(), &signature.unwrap()), Ok(()));
    }

    #[test]
    fn reads_only_the_canonical_form() {
        let good = r#"("@method" "signature";req;key="godwit");created=1;keyid="a""#;
        assert_eq!(Input::read(good).unwrap().text, good);
        for bad in [
            r#"("@method"  "x");created=1"#,
            r#"("@method" "@method");created=1"#,
            r#"("@method");created=1;created=2"#,
            r#"("@method");created=-1"#,
            r#"("@method");created=1 "#,
            r#"("@method")x"#,
            r#"("@meth\"od");created=1"#,
            r#"("@method""#,
            "",
        ] {
            assert_eq!(Input::read(bad), None, "{bad}");
        }
    }
}
