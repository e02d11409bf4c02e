//! What all instances of the filter in a proxy share: who polls, which image is in force, and whether there is a newer one.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use aldis_core::UnixMillis;
use aldis_core::limits::IMAGE_VERSION;

use crate::config::Relay;
use crate::host::Host;
use crate::lease::{Lease, Step};
use crate::record::{self, Stamp};

/// One relay's place in shared data. Plugins that ask the same relay the same thing share one.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    lease: String,
    news: String,
    image: String,
}

/// What is said of an image that is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) number: u64,
    /// The latest time, to about a second, that an instance has seen while that image was in force.
    pub(crate) latest: UnixMillis,
    pub(crate) version: u32,
}

/// An image that was shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) image: Vec<u8>,
    pub(crate) stamp: Stamp,
    /// Of the record, for replacing just this one.
    pub(crate) version: u32,
}

impl Shared {
    pub(crate) fn of(relay: &Relay) -> Self {
        Self::for_images(relay, IMAGE_VERSION)
    }

    /// The same for images of any version. A filter that reads other ones can use neither the image nor its number, and whoever
    /// polls for it polls for no other: so all three are apart. Instances are counted and numbered together.
    pub(crate) fn for_images(relay: &Relay, image_version: u16) -> Self {
        let Relay { cluster, authority, path, .. } = relay;
        // How long requests may be held changes nothing of what is asked for.
        let path = path.split('?').next().unwrap_or_default();
        let key = |what| key(&format!("{image_version}/{cluster}/{authority}{path}#{what}"));
        Self { lease: key("lease"), news: key("news"), image: key("image") }
    }

    /// Has something under each key that is replaced by compare-and-swap.
    pub(crate) fn prepare(&self, host: &impl Host) {
        let nothing = record::write(Vec::new(), &Stamp::default());
        put_first(host, &self.lease, &Lease::VACANT.to_bytes());
        put_first(host, &self.image, &nothing);
    }

    /// Whether the instance with this ticket polls now: it does already, or nobody does. Then it may be silent for so long.
    pub(crate) fn leads(&self, host: &impl Host, me: u64, now: UnixMillis, silence_ms: u64) -> bool {
        let Some((lease, version)) = host.shared(&self.lease) else { return false };
        match Lease::from_bytes(&lease).step(me, now, silence_ms) {
            Step::Lead => true,
            Step::Put(lease) => host.set_shared(&self.lease, &lease.to_bytes(), version),
            Step::Follow => false,
        }
    }

    /// Leaves polling to others, if it was this instance that did.
    pub(crate) fn resign(&self, host: &impl Host, me: u64) {
        let Some((lease, version)) = host.shared(&self.lease) else { return };
        if Lease::from_bytes(&lease).holder == me {
            host.set_shared(&self.lease, &Lease::VACANT.to_bytes(), version);
        }
    }

    /// What is said of the image that is shared: all that is read at every tick.
    pub(crate) fn news(&self, host: &impl Host) -> Option<News> {
        let (news, version) = host.shared(&self.news)?;
        let &[number, latest] = news.as_chunks::<8>().0.first_chunk::<2>()?;
        let latest = UnixMillis::new(u64::from_le_bytes(latest));
        Some(News { number: u64::from_le_bytes(number), latest, version })
    }

    /// Says that the image of this number is shared, and by which time it was decided last. Never back to less, should two have
    /// polled at one time.
    pub(crate) fn announce(&self, host: &impl Host, number: u64, latest: UnixMillis) {
        if self.news(host).is_none_or(|news| news.number < number) {
            self.tell(host, News { number, latest, version: 0 });
        }
    }

    /// Puts news in place of those of the same version.
    pub(crate) fn tell(&self, host: &impl Host, news: News) {
        let bytes = [news.number, news.latest.as_u64()].map(u64::to_le_bytes);
        host.set_shared(&self.news, bytes.as_flattened(), news.version);
    }

    /// The image that is shared; that of number zero is none yet. `None` as well for what is no record.
    pub(crate) fn take(&self, host: &impl Host) -> Option<Taken> {
        let (bytes, version) = host.shared(&self.image)?;
        let (image, stamp) = record::read(bytes)?;
        Some(Taken { image, stamp, version })
    }

    /// Shares an image in place of the record of this version, and of no other.
    pub(crate) fn put(&self, host: &impl Host, image: Vec<u8>, stamp: &Stamp, version: u32) -> bool {
        host.set_shared(&self.image, &record::write(image, stamp), version)
    }
}

/// A name in shared data. It tells the layout of what lies there: a filter by which that is another has names of its own.
pub(crate) fn key(what: &str) -> String {
    format!("aldis/2/{what}")
}

/// Has something under a key, as only what is there can be replaced by compare-and-swap. Envoy configures a first instance
/// on its main thread before any other, so that nobody else writes at the same time.
pub(crate) fn put_first(host: &impl Host, key: &str, value: &[u8]) {
    if host.shared(key).is_none() {
        host.set_shared(key, value, 0);
    }
}
