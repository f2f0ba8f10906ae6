//! The StartTLS exchange: the only LDAP message that travels in the clear.
//!
//! It is done here, on the bare stream, and not by the LDAP library, because its answer comes from
//! whoever holds the wire: it is read with a hard size limit and by a reader that cannot recurse.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What came back instead of "go ahead".
#[derive(Debug)]
pub(crate) enum StartTlsError {
    /// The connection broke.
    Io(std::io::Error),
    /// The answer is not an LDAP ExtendedResponse.
    NotLdap,
    /// The server said no.
    Refused(u8),
}

/// ExtendedRequest 1.3.6.1.4.1.1466.20037 with message id 1 (RFC 4511 4.14.1).
const REQUEST: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

/// The longest answer that is read.
const LIMIT: usize = 4096;

/// Asks for TLS and reads the answer, exactly, so that the TLS handshake starts on a clean stream.
pub(crate) async fn negotiate(stream: &mut TcpStream) -> Result<(), StartTlsError> {
    stream.write_all(REQUEST).await.map_err(StartTlsError::Io)?;
    let mut head = [0; 2];
    read(stream, &mut head).await?;
    if head[0] != 0x30 {
        return Err(StartTlsError::NotLdap);
    }
    let length = match head[1] {
        short @ 0..=0x7f => usize::from(short),
        long @ 0x81..=0x84 => {
            let mut octets = [0; 4];
            let used = usize::from(long & 0x0f);
            read(stream, &mut octets[4 - used..]).await?;
            usize::try_from(u32::from_be_bytes(octets)).map_err(|_| StartTlsError::NotLdap)?
        }
        _ => return Err(StartTlsError::NotLdap),
    };
    if length > LIMIT {
        return Err(StartTlsError::NotLdap);
    }
    let mut body = vec![0; length];
    read(stream, &mut body).await?;
    match result_code(&body) {
        Some(0) => Ok(()),
        Some(code) => Err(StartTlsError::Refused(code)),
        None => Err(StartTlsError::NotLdap),
    }
}

async fn read(stream: &mut TcpStream, into: &mut [u8]) -> Result<(), StartTlsError> {
    stream
        .read_exact(into)
        .await
        .map(|_| ())
        .map_err(StartTlsError::Io)
}

/// The result code of the ExtendedResponse inside an LDAPMessage's content.
pub(crate) fn result_code(body: &[u8]) -> Option<u8> {
    let (0x02, _, rest) = element(body)? else {
        return None;
    };
    let (0x78, response, _) = element(rest)? else {
        return None;
    };
    let (0x0a, code, _) = element(response)? else {
        return None;
    };
    match code {
        [code] => Some(*code),
        _ => None,
    }
}

/// One BER element: tag, content, rest.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let length = if first < 0x80 {
        usize::from(first)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let (octets, after) = rest.split_at_checked(count)?;
        rest = after;
        octets
            .iter()
            .fold(0, |sum, octet| sum << 8 | usize::from(*octet))
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_read_in_short_and_long_form() {
        let short = b"\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00";
        let long = b"\x02\x01\x01\x78\x84\x00\x00\x00\x07\x0a\x01\x35\x04\x00\x04\x00";
        assert_eq!(result_code(short), Some(0));
        assert_eq!(result_code(long), Some(53));
    }

    #[test]
    fn broken_answers_are_refused() {
        let good = b"\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00";
        for cut in 0..8 {
            assert_eq!(result_code(&good[..cut]), None);
        }
        assert_eq!(
            result_code(b"\x02\x01\x01\x78\xff\xff\xff\xff\xff\xff"),
            None
        );
    }

    #[test]
    fn the_request_has_the_lengths_it_says() {
        assert_eq!(usize::from(REQUEST[1]), REQUEST.len() - 2);
        assert_eq!(element(&REQUEST[2..]).map(|(tag, _, _)| tag), Some(2));
    }
}
