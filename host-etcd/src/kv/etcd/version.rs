//! Which etcd answers, where that changes what an answer means.

/// Version of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ServerVersion {
    major: u32,
    minor: u32,
    patch: u32,
}

impl ServerVersion {
    /// Reads `3.5.30`, and also `3.6.0-rc.1`, as that patch.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let release = text.split_once(['-', '+']).map_or(text, |(release, _)| release);
        let mut numbers = release.split('.').map(|number| number.parse().ok());
        let version = Self { major: numbers.next()??, minor: numbers.next()??, patch: numbers.next()?? };
        numbers.next().is_none().then_some(version)
    }

    /// Whether a requested progress notification never overtakes the events before it.
    pub(super) fn orders_progress(self) -> bool {
        match (self.major, self.minor) {
            (3, 4) => self.patch >= 25,
            (3, 5) => self.patch >= 8,
            newer => newer >= (3, 6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_servers_whose_progress_may_overtake() {
        for (text, orders) in [
            ("3.3.27", Some(false)),
            ("3.4.23", Some(false)),
            ("3.4.25", Some(true)),
            ("3.5.1", Some(false)),
            ("3.5.8", Some(true)),
            ("3.6.0-rc.1", Some(true)),
            ("4.0.0", Some(true)),
            ("3.5", None),
            ("3.5.1.2", None),
            ("", None),
        ] {
            assert_eq!(ServerVersion::parse(text).map(ServerVersion::orders_progress), orders, "{text}");
        }
    }
}
