//! Figures beside each other, and what they are held to.

use std::fmt;

use crate::stats::ratio;

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Time; shown in the unit that keeps it short.
    Nanos,
    /// Memory.
    Bytes,
    /// Allocations, instructions: a plain number.
    Count,
}

/// A figure of somebody else's, from the same run.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    /// Whose.
    pub name: String,
    /// The figure.
    pub figure: f64,
}

/// What was to be reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// Ours is at most so much of the peer's.
    Ratio(f64),
    /// Ours is at most so much.
    AtMost(f64),
    /// Told, and held to nothing.
    Reported,
}

/// Whether it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Reached,
    /// No, or there is nothing to tell it by.
    Missed,
    /// Nothing was asked.
    Reported,
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What is measured.
    pub what: String,
    /// What both figures count.
    pub unit: Unit,
    /// Ours.
    pub ours: f64,
    /// What it is held against.
    pub peer: Option<Peer>,
    /// What was to be reached.
    pub goal: Goal,
}

impl Row {
    /// Ours to the peer's.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        ratio(self.ours, self.peer.as_ref()?.figure)
    }

    /// Whether the goal was reached. A ratio to nothing is missed.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let reached = match self.goal {
            Goal::Reported => return Verdict::Reported,
            Goal::Ratio(most) => self.ratio().is_some_and(|ratio| ratio <= most),
            Goal::AtMost(most) => self.ours <= most,
        };
        if reached { Verdict::Reached } else { Verdict::Missed }
    }
}

/// The table as Markdown.
#[must_use]
pub fn markdown(rows: &[Row]) -> String {
    let head = "| what | Aldis | peer | | ratio | to reach | |\n|---|---:|---|---:|---:|---:|---|\n";
    rows.iter().fold(head.to_owned(), |table, row| table + &line(row) + "\n")
}

fn line(row: &Row) -> String {
    let Row { what, unit, ours, peer, goal } = row;
    let ours = Shown(*unit, *ours);
    let name = peer.as_ref().map_or("", |peer| &peer.name);
    let theirs = peer.as_ref().map(|peer| Shown(*unit, peer.figure).to_string()).unwrap_or_default();
    let ratio = row.ratio().map(plain).unwrap_or_default();
    let goal = match goal {
        Goal::Ratio(most) => format!("≤ {}", plain(*most)),
        Goal::AtMost(most) => format!("at most {}", Shown(*unit, *most)),
        Goal::Reported => String::new(),
    };
    let verdict = match row.verdict() {
        Verdict::Reached => "reached",
        Verdict::Missed => "**missed**",
        Verdict::Reported => "",
    };
    format!("| {what} | {ours} | {name} | {theirs} | {ratio} | {goal} | {verdict} |")
}

struct Shown(Unit, f64);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(unit, figure) = *self;
        let (figure, name) = match unit {
            Unit::Count => (figure, ""),
            Unit::Nanos => scaled(figure, 1000.0, &[" ns", " µs", " ms", " s"]),
            Unit::Bytes => scaled(figure, 1024.0, &[" B", " KiB", " MiB", " GiB"]),
        };
        write!(f, "{}{name}", plain(figure))
    }
}

fn scaled<'n>(mut figure: f64, step: f64, names: &[&'n str]) -> (f64, &'n str) {
    let mut names = names.iter();
    let mut name = names.next().copied().unwrap_or_default();
    for &larger in names {
        if figure < step {
            break;
        }
        figure /= step;
        name = larger;
    }
    (figure, name)
}

/// Three digits that mean something, without an exponent.
fn plain(figure: f64) -> String {
    let digits = match figure.abs() {
        size if size >= 100.0 || size == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 0.1 => 3,
        size if size >= 0.01 => 4,
        size if size >= 0.001 => 5,
        _ => 6,
    };
    let shown = format!("{figure:.digits$}");
    if shown.contains('.') { shown.trim_end_matches('0').trim_end_matches('.').to_owned() } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ours: f64, theirs: f64, goal: Goal) -> Row {
        let peer = (theirs > 0.0).then(|| Peer { name: "peer".to_owned(), figure: theirs });
        Row { what: "what".to_owned(), unit: Unit::Nanos, ours, peer, goal }
    }

    #[test]
    fn a_goal_is_reached_at_its_limit_and_missed_past_it() {
        assert_eq!(row(1.0, 4.0, Goal::Ratio(0.25)).verdict(), Verdict::Reached);
        assert_eq!(row(1.1, 4.0, Goal::Ratio(0.25)).verdict(), Verdict::Missed);
        assert_eq!(row(0.0, 0.0, Goal::AtMost(0.0)).verdict(), Verdict::Reached);
        assert_eq!(row(0.1, 0.0, Goal::AtMost(0.0)).verdict(), Verdict::Missed);
        assert_eq!(row(9.0, 4.0, Goal::Reported).verdict(), Verdict::Reported);
    }

    #[test]
    fn nothing_to_compare_with_and_no_number_reach_nothing() {
        assert_eq!(row(1.0, 0.0, Goal::Ratio(9.0)).verdict(), Verdict::Missed);
        assert_eq!(row(f64::NAN, 4.0, Goal::Ratio(9.0)).verdict(), Verdict::Missed);
        assert_eq!(row(f64::NAN, 4.0, Goal::AtMost(9.0)).verdict(), Verdict::Missed);
    }

    #[test]
    fn a_line_shows_both_figures_the_ratio_and_the_verdict() {
        let table = markdown(&[
            row(25.04, 91_182.0, Goal::Ratio(0.0004)),
            row(9.0, 10.0, Goal::Ratio(0.8)),
            row(0.0, 0.0, Goal::AtMost(0.0)),
            row(2_500_000.0, 0.0, Goal::Reported),
        ]);
        let lines: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "| what | 25 ns | peer | 91.2 µs | 0.000275 | ≤ 0.0004 | reached |",
                "| what | 9 ns | peer | 10 ns | 0.9 | ≤ 0.8 | **missed** |",
                "| what | 0 ns |  |  |  | at most 0 ns | reached |",
                "| what | 2.5 ms |  |  |  |  |  |",
            ]
        );
    }
}
