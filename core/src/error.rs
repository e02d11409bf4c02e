//! What can be wrong, split by whose fault it is: a document's author ([`DecodeError`]), whoever builds a set in
//! code ([`CompileError`]), or whatever carried an image ([`ImageError`]).

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use core::error::Error;
use core::fmt;
use core::ops::Range;

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $slug:literal, $message:literal;)+) => {
        /// Why a document is refused. The slugs are stable: they may be matched on, counted and alerted on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[$doc])* $variant,)+ }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The stable name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $slug,)+ }
            }

            /// The reason of a name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($slug => Some(Self::$variant),)+ _ => None }
            }

            /// One line for people.
            pub(crate) const fn message(self) -> &'static str {
                match self { $(Self::$variant => $message,)+ }
            }
        }
    };
}

reasons! {
    /// The bytes are not JSON, or not UTF-8.
    InvalidJson = "invalid_json", "not valid JSON";
    /// The document, or a directive, is not an object.
    NotAnObject = "not_an_object", "expected an object";
    /// A field that this version does not know.
    UnknownField = "unknown_field", "unknown field";
    /// The document has no `directives`.
    MissingDirectives = "missing_directives", "the field `directives` is missing";
    /// A directive has no `id`.
    MissingId = "missing_id", "the directive has no `id`";
    /// A directive has no `level`.
    MissingLevel = "missing_level", "the directive has no `level`";
    /// The level is none of the four.
    UnknownLevel = "unknown_level", "unknown level; known are Off, Shape, ShapeTiming, ShapeRewriteDiff";
    /// A directive has neither `ttl_secs` nor `expires_at`.
    MissingTtlSecs = "missing_ttl_secs", "the directive has neither `ttl_secs` nor `expires_at`, so it would never end";
    /// `ttl_secs` is zero.
    ZeroTtl = "zero_ttl", "`ttl_secs` must be at least 1";
    /// The sampling rate is not an integer from 0 to 1000.
    BadSampleRate = "bad_sample_rate", "`sample_per_mille` must be an integer from 0 to 1000";
    /// An endpoint is not a string.
    BadEndpoint = "bad_endpoint", "an endpoint must be a string";
    /// An endpoint is none of the twelve.
    UnknownEndpoint = "unknown_endpoint", "unknown endpoint; known are IngestDoc, IngestBulk, Search, MultiSearch, \
        Count, GetById, MultiGet, DeleteById, DeleteByQuery, Cursor, Admin, Unknown";
    /// The document is larger than [`MAX_BODY_BYTES`](crate::limits::MAX_BODY_BYTES).
    BodyTooLarge = "body_too_large", "the document is larger than 16 MiB";
    /// Arrays and objects nest deeper than [`MAX_DEPTH`](crate::limits::MAX_DEPTH).
    TooDeep = "too_deep", "arrays and objects nest deeper than 8";
    /// Something follows the document.
    TrailingData = "trailing_data", "something follows the end of the document";
    /// A value has the wrong JSON type.
    WrongType = "wrong_type", "the value has the wrong type";
    /// A field, or a label, is given twice.
    DuplicateField = "duplicate_field", "the field is given twice";
    /// Two directives of one document have the same `id`.
    DuplicateId = "duplicate_id", "another directive of the document has the same `id`";
    /// An `id` is empty, too long, or holds a control character.
    BadId = "bad_id", "an `id` must have 1 to 128 bytes and no control characters";
    /// A target value, a label name or value, or an any-of list is empty.
    EmptyTarget = "empty_target", "a target must not be empty";
    /// A target value, a label name or a label value is longer than
    /// [`MAX_TARGET_BYTES`](crate::limits::MAX_TARGET_BYTES).
    TargetTooLong = "target_too_long", "a target must have at most 256 bytes";
    /// Both the singular and the plural form of a target are given.
    ConflictingTarget = "conflicting_target", "a target is given either as one value or as a list, not both";
    /// An any-of list, or the product of several, or the sum of those products, is too large.
    TooManyTargets = "too_many_targets", "too many combinations of targets: a list takes 64 values, the lists of \
        one directive 1024 combinations, a document 1048576";
    /// More than [`MAX_LABELS`](crate::limits::MAX_LABELS) labels.
    TooManyLabels = "too_many_labels", "a directive takes at most 16 labels";
    /// More than [`MAX_DIRECTIVES`](crate::limits::MAX_DIRECTIVES) directives.
    TooManyDirectives = "too_many_directives", "a document takes at most 200000 directives";
    /// `ttl_secs` is more than [`MAX_TTL_SECS`](crate::limits::MAX_TTL_SECS).
    TtlTooLong = "ttl_too_long", "`ttl_secs` must be at most 31536000, one year";
    /// Both `ttl_secs` and `expires_at` are given.
    ConflictingExpiry = "conflicting_expiry", "give either `ttl_secs` or `expires_at`, not both";
    /// A timestamp is not RFC 3339.
    BadTimestamp = "bad_timestamp", "expected a date and time with offset as in RFC 3339: 2026-11-20T14:05:00Z";
    /// `sample_by` is none of the four.
    UnknownSampleBy = "unknown_sample_by", "unknown `sample_by`; known are request_id, trace_id, tenant, principal";
    /// A `salt` is longer than [`MAX_SALT_BYTES`](crate::limits::MAX_SALT_BYTES).
    SaltTooLong = "salt_too_long", "a `salt` must have at most 128 bytes";
    /// `suppress` stands beside a level other than `Off`.
    SuppressLevel = "suppress_level", "`suppress` needs the level Off";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a document was refused, and where. Holds no value of the document, only names of fields and labels, so that it
/// may be logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError(Box<Detail>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Detail {
    reason: Reason,
    path: String,
    span: Range<usize>,
    line: u32,
    column: u32,
    message: Cow<'static, str>,
    help: Option<String>,
}

impl DecodeError {
    /// `span` is in bytes of `body`, from which line and column are counted.
    pub(crate) fn new(
        reason: Reason,
        path: String,
        body: &[u8],
        span: Range<usize>,
        message: Cow<'static, str>,
        help: Option<String>,
    ) -> Self {
        let (line, column) = line_and_column(body, span.start);
        Self(Box::new(Detail { reason, path, span, line, column, message, help }))
    }

    /// What kind of refusal it is.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    /// Where in the document's structure, such as `directives[3].tennant`; empty for the document as a whole.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// Line, counted from one.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.0.line
    }

    /// Column in characters, counted from one.
    #[must_use]
    pub fn column(&self) -> u32 {
        self.0.column
    }

    /// Which bytes of the document are meant. May be empty, and lie at its very end.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.0.span.clone()
    }

    /// One line for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What might mend it.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.0.help.as_deref()
    }
}

/// Lines end with a line feed, as in editors; bytes that are not UTF-8 count as one character for each maximal
/// invalid run.
fn line_and_column(body: &[u8], offset: usize) -> (u32, u32) {
    let before = body.get(..offset).unwrap_or(body);
    let line_feeds = before.iter().filter(|&&byte| byte == b'\n').count();
    let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at.saturating_add(1));
    let last_line = before.get(line_start..).unwrap_or_default();
    let characters: usize = last_line
        .utf8_chunks()
        .map(|chunk| chunk.valid().chars().count().saturating_add(usize::from(!chunk.invalid().is_empty())))
        .fold(0, usize::saturating_add);
    let one_based = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1);
    (one_based(line_feeds), one_based(characters))
}

/// One line: position, path, message, help, and the reason's stable name.
impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.0.line, self.0.column)?;
        if !self.0.path.is_empty() {
            write!(f, "{}: ", self.0.path)?;
        }
        f.write_str(&self.0.message)?;
        if let Some(help) = &self.0.help {
            write!(f, "; {help}")?;
        }
        write!(f, " [{}]", self.0.reason)
    }
}

impl Error for DecodeError {}

/// `{"reason","path","line","column","message","help"}`, `help` being null where there is none.
impl Serialize for DecodeError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("DecodeError", 6)?;
        object.serialize_field("reason", self.0.reason.as_str())?;
        object.serialize_field("path", &self.0.path)?;
        object.serialize_field("line", &self.0.line)?;
        object.serialize_field("column", &self.0.column)?;
        object.serialize_field("message", &self.0.message)?;
        object.serialize_field("help", &self.0.help)?;
        object.end()
    }
}

/// Why directives made in code, or several documents together, do not make a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompileError {
    /// The directive at this place breaks a rule of the document.
    Directive {
        /// Place in the sequence, counted from zero.
        index: usize,
        /// The rule.
        reason: Reason,
    },
    /// The image would outgrow its 32-bit offsets, or the bounds on entries and directives of a set.
    TooLarge,
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directive { index, reason } => {
                write!(f, "directive {index}: {} [{reason}]", reason.message())
            }
            Self::TooLarge => f.write_str("the directives are too many for one set"),
        }
    }
}

impl Error for CompileError {}

/// Why bytes are not an image that this version can evaluate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageError {
    /// The bytes do not start as an image does.
    NotAnImage,
    /// The image was written in a layout that this version does not read.
    UnsupportedVersion(u16),
    /// The image is shorter or longer than it says.
    WrongLength,
    /// The checksum does not fit the content: bytes were changed on the way.
    BadChecksum,
    /// The content breaks the layout at this byte offset.
    Malformed(u32),
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnImage => f.write_str("these bytes are not an image of a directive set"),
            Self::UnsupportedVersion(version) => write!(
                f,
                "the image has version {version}, this build reads {}; compile the document anew",
                crate::limits::IMAGE_VERSION
            ),
            Self::WrongLength => f.write_str("the image is not as long as it says; it was cut or padded"),
            Self::BadChecksum => {
                f.write_str("the checksum of the image is wrong; bytes were changed on the way")
            }
            Self::Malformed(offset) => write!(f, "the image breaks its layout at byte {offset}"),
        }
    }
}

impl Error for ImageError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_distinct_and_go_both_ways() {
        for &reason in Reason::ALL {
            assert_eq!(Reason::from_name(reason.as_str()), Some(reason));
        }
        assert_eq!(Reason::ALL.len(), 31);
    }

    #[test]
    fn positions_count_lines_and_characters() {
        let body = "{\n  \"täglich\": x\n}".as_bytes();
        let x = body.iter().position(|&byte| byte == b'x').expect("x is there");
        assert_eq!(line_and_column(body, x), (2, 14));
        assert_eq!(line_and_column(body, 0), (1, 1));
        assert_eq!(line_and_column(body, body.len()), (3, 2));
        assert_eq!(line_and_column(b"a\xff\xfeb", 3), (1, 4));
    }
}
