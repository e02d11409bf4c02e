//! Three etcds that form a cluster, on loopback. Each reaches each other over a link of its own, so that a member can be
//! isolated from its peers while its clients still reach it.

mod crossing;

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use self::crossing::{Crossing, Pids};
use crate::etcd::{Etcd, Version};
use crate::link::Link;
use crate::wait::eventually_blocking;

/// How many there are: one may be lost.
pub const MEMBERS: usize = 3;

/// How long an election may take, on a machine with other things to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// Six etcds at a time are enough for a small machine.
static TURN: Semaphore = Semaphore::const_new(2);

/// A running cluster. Ended and wiped when dropped. Within one process there are two at a time; the next waits.
pub struct Cluster {
    members: Vec<Etcd>,
    /// The way from each member to each, by their places; what lies between a member and itself is not used.
    links: Vec<Vec<Link>>,
    pids: Pids,
    _crossings: Vec<Crossing>,
    turn: SemaphorePermit<'static>,
}

impl Cluster {
    /// Runs three members of this version and waits until they have a leader.
    ///
    /// # Panics
    ///
    /// When they do not within a minute, with the end of a log.
    pub fn start(version: &Version) -> Self {
        const TRIES: u32 = 5;
        let mut turn = None;
        eventually_blocking("one of the clusters before ends", 10 * PATIENCE, || {
            turn = TURN.try_acquire().ok();
            turn.is_some()
        });
        let mut turn = turn.expect("just taken");
        for _ in 1..TRIES {
            match Self::prepare(version, turn).run() {
                Ok(cluster) => return cluster,
                // Somebody took a port between the look and the bind.
                Err((cluster, reason)) if reason.contains("address already in use") => turn = cluster.turn,
                Err((_, reason)) => panic!("{reason}"),
            }
        }
        Self::prepare(version, turn).run().unwrap_or_else(|(_, reason)| panic!("{reason}"))
    }

    fn prepare(version: &Version, turn: SemaphorePermit<'static>) -> Self {
        let pids = Pids::default();
        let mut members: Vec<Etcd> =
            (0..MEMBERS).map(|_| Etcd::builder().version(version).prepare()).collect();
        let addresses: Vec<_> = members.iter().map(Etcd::peer_address).collect();
        let links: Vec<Vec<Link>> =
            (0..MEMBERS).map(|_| addresses.iter().map(|&address| Link::to(address)).collect()).collect();
        let crossings: Vec<Crossing> = (0..MEMBERS)
            .map(|to| Crossing::new(pids.clone(), links.iter().map(|ways| ways[to].address()).collect()))
            .collect();
        let peers: Vec<String> =
            crossings.iter().map(|crossing| format!("http://{}", crossing.address())).collect();
        let names = |place: usize| format!("member{place}");
        let all = peers.iter().enumerate().map(|(place, peer)| format!("{}={peer}", names(place)));
        let all = all.collect::<Vec<_>>().join(",");
        for (place, (member, peer)) in members.iter_mut().zip(&peers).enumerate() {
            member.join([
                format!("--name={}", names(place)),
                format!("--initial-cluster={all}"),
                format!("--initial-advertise-peer-urls={peer}"),
                // Short enough for tests; long enough for members that wait for the processor.
                "--heartbeat-interval=100".to_owned(),
                "--election-timeout=1000".to_owned(),
            ]);
        }
        Self { members, links, pids, _crossings: crossings, turn }
    }

    /// None of them answers before two run, so all are run first.
    fn run(mut self) -> Result<Self, (Self, String)> {
        for place in 0..MEMBERS {
            self.launch(place);
        }
        for place in 0..MEMBERS {
            if let Err(reason) = self.members[place].until_it_answers() {
                return Err((self, reason));
            }
        }
        self.leader();
        Ok(self)
    }

    /// Where clients reach them, by their places.
    pub fn endpoints(&self) -> Vec<String> {
        self.members.iter().map(Etcd::endpoint).collect()
    }

    /// The member at this place, to write to it and ask it; to stop it and let it continue.
    pub fn member(&self, place: usize) -> &Etcd {
        &self.members[place]
    }

    /// SIGKILL.
    pub fn kill(&mut self, place: usize) {
        self.members[place].kill();
        self.pids.set(place, None);
    }

    /// Kills it if it still runs, starts it on the same data and ports, and waits until it answers, for which it needs
    /// one more member.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn restart(&mut self, place: usize) {
        self.kill(place);
        self.launch(place);
        self.members[place].until_it_answers().unwrap_or_else(|reason| panic!("{reason}"));
    }

    /// Cuts it off from its peers. Clients still reach it.
    pub fn isolate(&self, place: usize) {
        self.ways(place).for_each(Link::cut);
    }

    /// Ends [`Cluster::isolate`].
    pub fn rejoin(&self, place: usize) {
        self.ways(place).for_each(Link::pass);
    }

    /// The place of the leader: of one that says so of itself. Waits for an election.
    ///
    /// # Panics
    ///
    /// When there is none within a minute.
    pub fn leader(&self) -> usize {
        let mut leader = None;
        eventually_blocking("a leader is elected", PATIENCE, || {
            leader = (0..MEMBERS).find(|&place| self.leads(place));
            leader.is_some()
        });
        leader.expect("just found")
    }

    /// Makes another member the leader, in good order.
    ///
    /// # Panics
    ///
    /// When it does not become it within a minute.
    pub fn move_leader(&self, to: usize) {
        eventually_blocking("the leader is moved", PATIENCE, || {
            if self.leads(to) {
                return true;
            }
            let Some((id, _)) = self.ids(to) else { return false };
            // May fail while an election is under way; then it is tried again.
            let _ = self.members[self.leader()].try_etcdctl(&["move-leader", &format!("{id:x}")]);
            false
        });
    }

    fn leads(&self, place: usize) -> bool {
        self.ids(place).is_some_and(|(id, leader)| id == leader)
    }

    /// The member's own id, and whom it takes for the leader; nothing if it does not answer.
    fn ids(&self, place: usize) -> Option<(u64, u64)> {
        let ask = ["endpoint", "status", "--write-out=fields", "--command-timeout=1s"];
        let said = self.members[place].try_etcdctl(&ask).stdout;
        let said = String::from_utf8_lossy(&said);
        let number = |name| said.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        Some((number("\"MemberID\" :")?, number("\"Leader\" :")?))
    }

    fn launch(&mut self, place: usize) {
        self.members[place].launch();
        self.pids.set(place, self.members[place].pid());
    }

    /// Every link from it and to it.
    fn ways(&self, place: usize) -> impl Iterator<Item = &Link> {
        let others = move |other: &usize| *other != place;
        (0..MEMBERS)
            .filter(others)
            .flat_map(move |other| [&self.links[place][other], &self.links[other][place]])
    }
}

#[cfg(test)]
mod tests;
