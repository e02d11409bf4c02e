//! `aldis check`: whether documents are valid, and what about them may not be meant.

use std::path::Path;

use aldis_answer::Checked;
use aldis_core::{DecodeError, UnixMillis, decode};

use crate::mirror::Digest;
use crate::publish::{Warning, warnings};

use super::args::{CheckArgs, Global};
use super::console::{FAINT, GOOD, NOTICE};
use super::failure::{Answer, Failure};
use super::{Console, complaint, input};
use crate::kv::Scope;
use crate::source::Source;
use crate::store::DEFAULT_SCOPE;

/// Checks every file, and says no if one of them is invalid.
pub(super) fn run(global: &Global, args: &CheckArgs, console: &mut Console) -> Result<Answer, Failure> {
    let now = args.now.map_or_else(input::now, Ok)?;
    let key = digest_key(global);
    let mut answer = Answer::Yes;
    let mut trouble = None;
    for path in &args.files {
        let verdict = match input::read(path) {
            Ok(body) => Verdict::of(path, body, &key, now),
            // The other files are still worth a look.
            Err(failure) => {
                trouble = trouble.or(Some(failure));
                continue;
            }
        };
        if verdict.result.is_err() {
            answer = Answer::No;
        }
        match console.is_json() {
            true => console.json(&verdict.as_json(args.files.len() > 1))?,
            false => verdict.print(console)?,
        }
    }
    trouble.map_or(Ok(answer), Err)
}

/// The key that a file's digest is computed for: that of the source, if it names one, or else the usual one. Then it is
/// the digest that every instance shows once these bytes lie under that key.
fn digest_key(global: &Global) -> Vec<u8> {
    match global.source.as_deref().map(str::parse) {
        Some(Ok(Source::Etcd { scope: Scope::Key(key), .. })) => key.as_bytes().to_vec(),
        _ => DEFAULT_SCOPE.into(),
    }
}

struct Verdict {
    file: String,
    body: Vec<u8>,
    digest: Digest,
    result: Result<(usize, Vec<Warning>), DecodeError>,
}

impl Verdict {
    fn of(path: &Path, body: Vec<u8>, key: &[u8], now: UnixMillis) -> Self {
        let digest = Digest::of([(key, body.as_slice())]);
        let result = decode(&body, now).map(|directives| (directives.len(), warnings(&directives, now)));
        Self { file: input::name(path), body, digest, result }
    }

    fn print(&self, console: &mut Console) -> Result<(), Failure> {
        match &self.result {
            Err(error) => console.line(complaint::render(&self.file, &self.body, error)),
            Ok((count, warnings)) => {
                let valid = Console::styled(GOOD, "valid");
                let digest = Console::styled(FAINT, format!("digest {}", self.digest));
                console.line(format!("{}: {valid}, {}, {digest}", self.file, directives(*count)))?;
                warnings.iter().try_for_each(|warning| console.line(line_of(warning)))
            }
        }
    }

    /// With the file's name first if there are several.
    fn as_json(&self, with_file: bool) -> Checked<'_> {
        let checked = match &self.result {
            Err(error) => Checked::invalid(error),
            Ok((directives, warnings)) => Checked::valid(*directives, self.digest, warnings),
        };
        if with_file { checked.of_file(&self.file) } else { checked }
    }
}

/// `1 directive`, `2 directives`.
pub(super) fn directives(count: usize) -> String {
    format!("{count} directive{}", if count == 1 { "" } else { "s" })
}

/// A warning as one line of text.
pub(super) fn line_of(warning: &Warning) -> String {
    let title = Console::styled(NOTICE, format!("warning[{}]:", warning.kind.as_str()));
    format!("{title} directives[{}] `{}`: {}", warning.index, warning.id.escape_debug(), warning.kind)
}
