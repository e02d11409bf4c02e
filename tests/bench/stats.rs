//! The two figures that everything is told by.

/// The middle of the samples in order; of an even number, halfway between the two in the middle. `None` if there is
/// none, or one is not a number.
#[must_use]
pub fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    if sorted.iter().any(|sample| sample.is_nan()) {
        return None;
    }
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(sorted.len() / 2 - 1)?;
    Some(f64::midpoint(lower, upper))
}

/// How many times as much ours is as theirs: below one, ours is less. `None` if theirs is not above zero, for then there
/// is nothing to compare with.
#[must_use]
pub fn ratio(ours: f64, theirs: f64) -> Option<f64> {
    (theirs > 0.0 && theirs.is_finite() && ours >= 0.0).then(|| ours / theirs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_in_order_and_no_outlier_moves_it() {
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[1e9, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[1.0, f64::NAN]), None);
    }

    #[test]
    fn a_ratio_is_ours_to_theirs_and_needs_something_to_compare_with() {
        assert_eq!(ratio(1.0, 4.0), Some(0.25));
        assert_eq!(ratio(0.0, 4.0), Some(0.0));
        for (ours, theirs) in
            [(1.0, 0.0), (1.0, -1.0), (1.0, f64::NAN), (f64::NAN, 1.0), (1.0, f64::INFINITY)]
        {
            assert_eq!(ratio(ours, theirs), None, "{ours} to {theirs}");
        }
    }
}
