//! A request or an answer.

use std::io::{self, BufRead, Error, ErrorKind, Read};

/// A name in lower case, and a value of any bytes.
pub type Header = (String, Vec<u8>);

/// A first line, headers and a body.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// `GET /path HTTP/1.1`, or `HTTP/1.1 200 OK`.
    pub first: String,
    /// In the order in which they came.
    pub headers: Vec<Header>,
    /// Whole.
    pub body: Vec<u8>,
}

impl Message {
    /// Reads one; `None` if the connection ends before it begins.
    ///
    /// # Errors
    ///
    /// If the connection ends within it, or it is none.
    pub fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let first = line(from)?;
        if first.is_empty() {
            return Ok(None);
        }
        let mut message = Self { first: text(first)?, ..Self::default() };
        loop {
            let header = line(from)?;
            if header.is_empty() {
                break;
            }
            let colon = header.iter().position(|&byte| byte == b':').ok_or(ErrorKind::InvalidData)?;
            let name = text(header[..colon].to_ascii_lowercase())?;
            message.headers.push((name, header[colon + 1..].trim_ascii().to_vec()));
        }
        message.body = message.read_body(from)?;
        Ok(Some(message))
    }

    /// The status in the first line of an answer.
    pub fn status(&self) -> u16 {
        let status = self.first.split(' ').nth(1).and_then(|status| status.parse().ok());
        status.unwrap_or_else(|| panic!("no status: {}", self.first))
    }

    /// The path in the first line of a request, with its query.
    pub fn path(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or_default()
    }

    /// The value of the first header of that name, as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known == name)?;
        std::str::from_utf8(value).ok()
    }

    fn read_body(&self, from: &mut impl BufRead) -> io::Result<Vec<u8>> {
        if self.header("transfer-encoding") == Some("chunked") {
            return chunks(from);
        }
        let len = self.header("content-length").and_then(|len| len.parse().ok()).unwrap_or(0);
        let mut body = vec![0; len];
        // An answer that nothing changed names the length of what it does not send.
        if !self.first.starts_with("HTTP/1.1 304") {
            from.read_exact(&mut body)?;
        }
        Ok(body)
    }
}

fn chunks(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let len = usize::from_str_radix(&text(line(from)?)?, 16).map_err(|_| ErrorKind::InvalidData)?;
        from.take(len as u64).read_to_end(&mut body)?;
        line(from)?;
        if len == 0 {
            return Ok(body);
        }
    }
}

fn line(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    while line.last().is_some_and(|byte| b"\r\n".contains(byte)) {
        line.pop();
    }
    Ok(line)
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| Error::from(ErrorKind::InvalidData))
}
