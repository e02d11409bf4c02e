//! The two times that count.

use std::fmt;
use std::time::Duration;

/// What a fault came to. Of a fault that came several times, the slowest counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// From the fault to its being on show, where it is to be noticed.
    pub(super) noticed: Option<Duration>,
    /// From the end of the fault to the present value.
    pub(super) converged: Option<Duration>,
}

impl Figures {
    pub(super) fn noticed(&mut self, took: Duration) {
        self.noticed = self.noticed.max(Some(took));
    }

    pub(super) fn converged(&mut self, took: Duration) {
        self.converged = self.converged.max(Some(took));
    }
}

/// `noticed | converged`, in seconds.
impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |duration: Duration| format!("{:.2} s", duration.as_secs_f64());
        let shown = |figure: Option<Duration>| figure.map_or_else(|| "-".to_owned(), seconds);
        write!(formatter, "{} | {}", shown(self.noticed), shown(self.converged))
    }
}
