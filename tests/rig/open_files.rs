//! How many files this process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Makes sure that this many may be open at a time.
///
/// # Panics
///
/// When the machine does not allow that.
pub fn open_files(count: usize) {
    let wanted = u64::try_from(count).expect("a sensible number");
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = Rlimit { current: limit.maximum.or(Some(wanted)), maximum: limit.maximum };
        setrlimit(Resource::Nofile, raised).expect("a limit may be raised to its maximum");
        let is_enough = limit.maximum.is_none_or(|maximum| maximum >= wanted);
        assert!(is_enough, "this machine allows {:?} open files; the test needs {wanted}", limit.maximum);
    }
}
