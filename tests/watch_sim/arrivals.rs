//! What arrives, at the server or at the client, and what of it the driver hands to the machine.

use aldis_etcd::kv::WatchMessage;
use aldis_etcd::watch::{Input, Output};

use crate::link::{Parcel, What, failure};
use crate::tally::Fault;
use crate::world::World;

impl World {
    pub(crate) fn arrive(&mut self) {
        let Some((_, parcel)) = self.parcels.pop_first() else { return };
        let Some(connection) = self.connection.as_mut().filter(|one| one.number == parcel.connection) else {
            return self.count_late(&parcel);
        };
        let watch = connection.watch.as_ref().map(|watch| watch.number);
        let hole = connection.hole;
        let is_swallowed = (hole.to_server && parcel.what.is_for_the_server())
            || (hole.to_client && parcel.what.is_for_the_client())
            || (connection.is_broken && !parcel.what.is_local());
        if is_swallowed || (parcel.watch.is_some() && parcel.watch != watch) {
            return;
        }
        match parcel.what {
            What::Call(call) => self.serve(&call),
            What::NextPage => self.serve_page(),
            What::Answer(Input::Message(message)) => self.hear(message),
            What::Answer(input) | What::Aside(input) => self.tell(input),
            What::Page(page) => self.turn_page(page),
            What::Piece(events) => {
                connection.watch.iter_mut().for_each(|watch| watch.pieces.extend_from_slice(&events));
            }
            What::NoLeader(input) => {
                connection.is_broken = true;
                self.tell(input);
            }
            What::Deadline(call) if connection.call == Some(call) => {
                self.drop_list();
                self.tell(Input::CallFailed(failure("no answer in time")));
            }
            What::Deadline(_) => {}
            What::Keepalive if connection.is_broken => {}
            What::Keepalive => {
                self.tally.count(Fault::Keepalive);
                self.break_off("keepalive timed out");
            }
            What::Sync => self.pump(),
        }
    }

    /// The backend has given a list up, and takes no page of it any more; not either where its call is still on the way.
    fn drop_list(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        connection.paging = None;
        let number = connection.number;
        let is_of_list =
            |what: &What| matches!(what, What::Call(Output::List) | What::NextPage | What::Page(_));
        self.parcels.retain(|_, parcel| parcel.connection != number || !is_of_list(&parcel.what));
    }

    /// What belongs to a connection that was left is dropped by the driver.
    fn count_late(&mut self, parcel: &Parcel) {
        match parcel.what {
            _ if self.connection.is_none() => {}
            What::Answer(Input::Connected) => self.tally.count(Fault::LateConnect),
            What::Answer(_) | What::Page(_) => self.tally.count(Fault::LateAnswer),
            _ => {}
        }
    }

    /// A message of the watch, merged with the pieces that came before it.
    fn hear(&mut self, mut message: WatchMessage) {
        if let Some(watch) = self.connection.as_mut().and_then(|connection| connection.watch.as_mut()) {
            match &mut message {
                WatchMessage::Events(header, _) => watch.heard = watch.heard.max(header.revision),
                // As the backend does with servers whose progress may overtake events.
                WatchMessage::Progress(header) if self.is_old => {
                    header.revision = header.revision.min(watch.heard);
                }
                _ => {}
            }
        }
        if let WatchMessage::Events(_, events) = &mut message
            && let Some(watch) = self.connection.as_mut().and_then(|connection| connection.watch.as_mut())
            && !watch.pieces.is_empty()
        {
            let last = std::mem::replace(events, std::mem::take(&mut watch.pieces));
            events.extend(last);
            self.tally.count(Fault::Fragments);
        }
        let open = self.watch().map(|watch| watch.number);
        let again = (!self.is_calm && self.random.u8(0..16) == 0).then(|| message.clone());
        self.tell(Input::Message(message));
        // With a watch that was closed by the first of them goes the second.
        let is_still_open = self.watch().map(|watch| watch.number) == open;
        if let Some(message) = again.filter(|_| is_still_open) {
            self.tally.count(Fault::Duplicate);
            self.tell(Input::Message(message));
        }
    }

    pub(crate) fn tell(&mut self, input: Input) {
        if let (Input::Listed(_) | Input::CallFailed(_), Some(connection)) = (&input, &mut self.connection) {
            connection.call = None;
        }
        self.note(&input);
        self.client.hears(&input);
        self.client.watch.handle(input, self.now);
        if std::mem::take(&mut self.panics) {
            // What the machine has just handed out is lost.
            self.tally.count(Fault::Panic);
            self.connection = None;
            self.client.watch.handle(Input::Panicked, self.now);
        }
        self.obey();
    }
}
