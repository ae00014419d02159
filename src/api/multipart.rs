//! Forms as `curl -F` and upload fields send them: `multipart/form-data` (RFC 7578).

use memchr::memmem;

/// The fields of a body in order, undecoded; files are no fields. `None` when the body is not of this
/// form.
pub(super) fn fields<'a>(body: &'a [u8], boundary: &str) -> Option<Vec<(&'a [u8], &'a [u8])>> {
    let delimiter = format!("\r\n--{boundary}");
    // The first one has no line before it, or one that nobody is to read.
    let start = match body.strip_prefix(&delimiter.as_bytes()[2..]) {
        Some(rest) => rest,
        None => split(body, delimiter.as_bytes())?.1,
    };
    let mut fields = Vec::new();
    let mut rest = start;
    while !rest.starts_with(b"--") {
        let (_, part) = split(rest, b"\r\n")?;
        let (content, next) = split(part, delimiter.as_bytes())?;
        let (head, value) = match content.strip_prefix(b"\r\n") {
            Some(value) => (&[][..], value),
            None => split(content, b"\r\n\r\n")?,
        };
        fields.extend(name(head).map(|name| (name, value)));
        rest = next;
    }
    Some(fields)
}

/// What is before and behind the first occurrence.
fn split<'a>(bytes: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = memmem::find(bytes, separator)?;
    Some((&bytes[..at], &bytes[at + separator.len()..]))
}

/// The name of a field by its head; `None` for a file.
fn name(head: &[u8]) -> Option<&[u8]> {
    const HEADER: &[u8] = b"content-disposition:";
    let lines = head.split(|byte| *byte == b'\n');
    let mut dispositions = lines.filter_map(|line| {
        let (header, value) = line.split_at_checked(HEADER.len())?;
        header.eq_ignore_ascii_case(HEADER).then_some(value)
    });
    let disposition = dispositions.next()?;
    let mut name = None;
    for parameter in disposition.split(|byte| *byte == b';') {
        let parameter = parameter.trim_ascii();
        if parameter.starts_with(b"filename") {
            return None;
        }
        if let Some(value) = parameter.strip_prefix(b"name=") {
            let inner = value
                .strip_prefix(b"\"")
                .and_then(|value| value.strip_suffix(b"\""));
            name = Some(inner.unwrap_or(value));
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Option<Vec<(String, String)>> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let fields = fields(body.as_bytes(), "b")?;
        let pairs = fields
            .into_iter()
            .map(|(name, value)| (text(name), text(value)));
        Some(pairs.collect())
    }

    #[test]
    fn fields_keep_their_order_and_files_are_left_out() {
        let body = "--b\r\nContent-Disposition: form-data; name=\"target\"\r\n\r\na.*\r\n--b\r\n\
                    content-disposition: form-data; name=file; filename=\"x\"\r\n\r\nno\r\n--b\r\n\
                    Content-Type: text/plain\r\nContent-Disposition: form-data; name=target\r\n\r\n\
                    two\r\nlines --b\r\n--b\r\nContent-Disposition: form-data; name=\"e\"\r\n\r\n\r\n\
                    --b--\r\n";
        let expected = [("target", "a.*"), ("target", "two\r\nlines --b"), ("e", "")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read(body).unwrap(), expected);
        assert_eq!(read(&format!("preamble\r\n{body}")).unwrap(), expected);
    }

    #[test]
    fn body_that_is_cut_is_no_form() {
        let body = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nvalue\r\n--b--";
        assert_eq!(read(body).unwrap().len(), 1);
        for cut in 0..body.len() {
            assert_eq!(read(&body[..cut]), None, "{cut}");
        }
        assert_eq!(read("--b--").unwrap(), []);
        assert_eq!(read("--b\r\n\r\nnameless\r\n--b--").unwrap(), []);
    }
}
