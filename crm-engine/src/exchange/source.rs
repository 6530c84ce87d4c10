//! The text of an import, decoded to UTF-8 as it is read.

use std::fs::File;
use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};

use super::{ImportJob, invalid_job, not_as_declared};
use crate::error::{Code, Error, Result};
use crate::limits::{IMPORT_BYTES_MAX, IMPORT_RECORD_BYTES_MAX};

/// Stands as a line of its own behind the last line of every text. No text holds a U+0000, so a
/// table that does not end with this line has swallowed it: a quote was never closed.
pub(super) const END_MARK: &str = "\0";

const CHUNK_BYTES: usize = 64 * 1_024;

/// Where the text comes from; it can be read any number of times.
pub(super) struct Source<'a> {
    name: &'a str,
    origin: Origin<'a>,
    encoding: &'static Encoding,
}

enum Origin<'a> {
    File,
    Text(&'a str),
}

impl<'a> Source<'a> {
    pub(super) fn new(job: &'a ImportJob) -> Result<Source<'a>> {
        let encoding = Encoding::for_label(job.encoding.as_bytes()).ok_or_else(|| {
            invalid_job(format!("`{}` is not a known encoding", job.encoding)).field("encoding")
        })?;
        let (name, origin) = match (&job.path, &job.text) {
            (Some(path), None) => (path.as_str(), Origin::File),
            (None, Some(_)) if encoding != UTF_8 => {
                let message = "`encoding` is that of a file: a `text` is UTF-8 already";
                return Err(invalid_job(message).field("encoding"));
            }
            (None, Some(text)) => (job.name.as_deref().unwrap_or("text"), Origin::Text(text)),
            _ => return Err(invalid_job("an import takes either a `path` or a `text`")),
        };
        Ok(Source {
            name,
            origin,
            encoding,
        })
    }

    /// What faults call it.
    pub(super) fn name(&self) -> &'a str {
        self.name
    }

    /// The text from its beginning.
    pub(super) fn open(&self) -> Result<Decoded<'a>> {
        self.open_as(self.encoding)
    }

    /// Any bytes are text in the encodings that use one byte per character. A whole file of
    /// valid UTF-8 beyond ASCII is no accident: such a file is declared wrongly.
    pub(super) fn refuse_undeclared_utf8(&self) -> Result<()> {
        if !self.encoding.is_single_byte() {
            return Ok(());
        }
        let mut probe = self.open_as(UTF_8)?;
        let mut chunk = vec![0; CHUNK_BYTES];
        let valid = loop {
            probe.begin_record();
            match probe.read(&mut chunk) {
                Ok(0) => break true,
                Ok(_) => {}
                Err(_) => break false,
            }
        };
        match probe.line_beyond_ascii {
            Some(line) if valid => Err(self.undeclared(UTF_8).with("line", line)),
            _ => Ok(()),
        }
    }

    fn open_as(&self, encoding: &'static Encoding) -> Result<Decoded<'a>> {
        let mut input: Box<dyn Read + 'a> = match self.origin {
            Origin::Text(text) => Box::new(text.as_bytes()),
            Origin::File => Box::new(self.open_file()?),
        };
        let mut raw = Vec::with_capacity(CHUNK_BYTES);
        read_chunk(&mut input, &mut raw).map_err(|error| self.unreadable(&error))?;
        let mark_bytes = match Encoding::for_bom(&raw) {
            Some((marked, _)) if marked != encoding => return Err(self.undeclared(marked)),
            Some((_, bytes)) => bytes,
            None => 0,
        };
        Ok(Decoded {
            name: self.name,
            input,
            encoding,
            decoder: encoding.new_decoder_without_bom_handling(),
            raw,
            raw_at: mark_bytes,
            text: Vec::with_capacity(CHUNK_BYTES),
            text_at: 0,
            line: 1,
            ends_line: true,
            line_beyond_ascii: None,
            ended: false,
            record_bytes: 0,
        })
    }

    fn open_file(&self) -> Result<File> {
        let file = File::open(self.name).map_err(|error| self.unreadable(&error))?;
        let bytes = file
            .metadata()
            .map_err(|error| self.unreadable(&error))?
            .len();
        if bytes > IMPORT_BYTES_MAX {
            let message = format!(
                "the file has {bytes} bytes, more than the {IMPORT_BYTES_MAX} of an import"
            );
            return Err(Error::new(Code::LimitExceeded, message).with("file", self.name));
        }
        Ok(file)
    }

    fn undeclared(&self, found: &'static Encoding) -> Error {
        let (found, declared) = (found.name(), self.encoding.name());
        let message = format!("the file is {found}, not {declared} as declared");
        not_as_declared(self.name, 1, message).with("encoding", found)
    }

    fn unreadable(&self, error: &io::Error) -> Error {
        unreadable(self.name, error)
    }
}

/// A text as it is read: UTF-8 without a byte order mark, its last line ended, then
/// [`END_MARK`].
pub(super) struct Decoded<'a> {
    name: &'a str,
    input: Box<dyn Read + 'a>,
    encoding: &'static Encoding,
    decoder: Decoder,
    raw: Vec<u8>,
    raw_at: usize,
    text: Vec<u8>,
    text_at: usize,
    /// The line that the end of `text` stands in.
    line: u64,
    ends_line: bool,
    line_beyond_ascii: Option<u64>,
    ended: bool,
    /// How much was handed out since the present record began.
    record_bytes: usize,
}

impl Decoded<'_> {
    /// A record begins: its length is counted from here.
    pub(super) fn begin_record(&mut self) {
        self.record_bytes = 0;
    }

    /// Decodes the next stretch.
    fn fill(&mut self) -> Result<()> {
        if self.raw_at == self.raw.len() {
            self.raw.clear();
            self.raw_at = 0;
            read_chunk(&mut self.input, &mut self.raw).map_err(|e| unreadable(self.name, &e))?;
        }
        let last = self.raw.is_empty();
        self.text.resize(CHUNK_BYTES, 0);
        self.text_at = 0;
        let raw = &self.raw[self.raw_at..];
        let (result, read, written) =
            self.decoder
                .decode_to_utf8_without_replacement(raw, &mut self.text, last);
        self.raw_at += read;
        self.text.truncate(written);
        self.look_at_text()?;
        match result {
            DecoderResult::Malformed(..) => {
                let name = self.encoding.name();
                let message = format!("the line is not valid {name}: another `encoding`?");
                Err(not_as_declared(self.name, self.line, message))
            }
            DecoderResult::InputEmpty if last => {
                self.ended = true;
                if !self.ends_line {
                    self.text.push(b'\n');
                }
                self.text.extend_from_slice(END_MARK.as_bytes());
                self.text.push(b'\n');
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Counts lines, notes where ASCII ends and refuses U+0000, which no text file holds.
    fn look_at_text(&mut self) -> Result<()> {
        let lines_before = |at: usize| self.text[..at].iter().filter(|b| **b == b'\n').count();
        if let Some(at) = self.text.iter().position(|byte| *byte == 0) {
            let line = self.line + lines_before(at) as u64;
            let message = format!(
                "the line holds a zero character: the file is no text in {}",
                self.encoding.name()
            );
            return Err(not_as_declared(self.name, line, message));
        }
        if self.line_beyond_ascii.is_none()
            && let Some(at) = self.text.iter().position(|byte| !byte.is_ascii())
        {
            self.line_beyond_ascii = Some(self.line + lines_before(at) as u64);
        }
        self.line += lines_before(self.text.len()) as u64;
        if let Some(last) = self.text.last() {
            self.ends_line = *last == b'\n';
        }
        Ok(())
    }
}

impl Read for Decoded<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.text_at == self.text.len() && !self.ended {
            self.fill().map_err(io::Error::other)?;
        }
        let rest = &self.text[self.text_at..];
        let bytes = rest.len().min(out.len());
        out[..bytes].copy_from_slice(&rest[..bytes]);
        self.text_at += bytes;
        self.record_bytes += bytes;
        if self.record_bytes > IMPORT_RECORD_BYTES_MAX {
            let message = format!(
                "a record is longer than {IMPORT_RECORD_BYTES_MAX} bytes: is a quote never closed?"
            );
            return Err(io::Error::other(Error::new(Code::ImportFormat, message)));
        }
        Ok(bytes)
    }
}

/// Fills `chunk` to its capacity, or to the end of the input.
fn read_chunk(input: &mut dyn Read, chunk: &mut Vec<u8>) -> io::Result<()> {
    input.take(CHUNK_BYTES as u64).read_to_end(chunk).map(drop)
}

fn unreadable(name: &str, error: &io::Error) -> Error {
    Error::new(Code::Io, format!("`{name}` cannot be read: {error}")).with("file", name)
}
