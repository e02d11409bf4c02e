use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::{Blackhole, Direction, Link};
use crate::eventually_blocking;

const SOON: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_millis(200);

/// Sends back what it gets, until the test process ends.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || std::io::copy(&mut &client, &mut &client));
        }
    });
    address
}

fn dial(link: &Link) -> TcpStream {
    let stream = TcpStream::connect(link.address()).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

fn hear(stream: &mut TcpStream) -> std::io::Result<u8> {
    let mut byte = [0];
    stream.read_exact(&mut byte).map(|()| byte[0])
}

fn is_silent(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(SILENCE)).unwrap();
    let heard = hear(stream);
    stream.set_read_timeout(Some(SOON)).unwrap();
    matches!(heard, Err(error) if error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn it_passes_and_counts() {
    let link = Link::to(echo());
    let mut stream = dial(&link);
    stream.write_all(b"a").unwrap();
    assert_eq!(hear(&mut stream).unwrap(), b'a');
    assert_eq!((link.accepted(), link.open()), (1, 1));
    drop(stream);
    eventually_blocking("the link closes what the client closed", SOON, || link.open() == 0);
}

#[test]
fn a_cut_resets_and_refuses_until_it_passes_again() {
    let link = Link::to(echo());
    let mut stream = dial(&link);
    stream.write_all(b"a").unwrap();
    assert_eq!(hear(&mut stream).unwrap(), b'a');
    link.cut();
    assert_eq!(hear(&mut stream).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(TcpStream::connect(link.address()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(link.open(), 0);
    link.pass();
    let mut again = dial(&link);
    again.write_all(b"b").unwrap();
    assert_eq!(hear(&mut again).unwrap(), b'b');
}

#[test]
fn closing_what_is_open_leaves_new_connections_alone() {
    let link = Link::to(echo());
    let mut old = dial(&link);
    old.write_all(b"a").unwrap();
    hear(&mut old).unwrap();
    link.close_existing();
    assert!(hear(&mut old).is_err());
    let mut new = dial(&link);
    new.write_all(b"b").unwrap();
    assert_eq!(hear(&mut new).unwrap(), b'b');
}

#[test]
fn it_leads_to_another_server_from_the_next_connection_on() {
    let another = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let link = Link::to(echo());
    let mut old = dial(&link);
    old.write_all(b"a").unwrap();
    assert_eq!(hear(&mut old).unwrap(), b'a');
    link.lead_to(another.local_addr().unwrap());
    old.write_all(b"b").unwrap();
    assert_eq!(hear(&mut old).unwrap(), b'b', "what is open stays");
    let mut new = dial(&link);
    another.accept().unwrap().0.write_all(b"c").unwrap();
    assert_eq!(hear(&mut new).unwrap(), b'c');
}

#[test]
fn a_black_hole_accepts_and_delivers_nothing() {
    for directions in [Blackhole::Both, Blackhole::ToServer, Blackhole::ToClient] {
        let link = Link::to(echo());
        link.blackhole(directions);
        let mut stream = dial(&link);
        stream.write_all(b"a").unwrap();
        assert!(is_silent(&mut stream), "{directions:?}");
        link.pass();
        assert_eq!(hear(&mut stream).unwrap(), b'a', "what was held back comes late, as with TCP");
    }
}

#[test]
fn a_black_hole_one_way_leaves_the_other_open() {
    for directions in [Blackhole::ToClient, Blackhole::ToServer] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let link = Link::to(listener.local_addr().unwrap());
        let mut client = dial(&link);
        let (mut server, _) = listener.accept().unwrap();
        server.set_read_timeout(Some(SOON)).unwrap();
        link.blackhole(directions);
        let (hearing, deaf) = match directions {
            Blackhole::ToServer => (&mut client, &mut server),
            _ => (&mut server, &mut client),
        };
        hearing.write_all(b"a").unwrap();
        deaf.write_all(b"b").unwrap();
        assert_eq!(hear(hearing).unwrap(), b'b', "{directions:?}");
        assert!(is_silent(deaf), "{directions:?}");
    }
}

#[test]
fn a_frozen_flow_stays_silent_while_new_ones_pass() {
    let link = Link::to(echo());
    let mut old = dial(&link);
    old.write_all(b"a").unwrap();
    hear(&mut old).unwrap();
    link.freeze_existing();
    old.write_all(b"b").unwrap();
    assert!(is_silent(&mut old));
    let mut new = dial(&link);
    new.write_all(b"c").unwrap();
    assert_eq!(hear(&mut new).unwrap(), b'c');
    link.pass();
    assert!(is_silent(&mut old), "a forgotten flow does not come back");
}

#[test]
fn a_delay_counts_each_way() {
    let link = Link::to(echo());
    link.delay(Duration::from_millis(100));
    let mut stream = dial(&link);
    let start = Instant::now();
    stream.write_all(b"a").unwrap();
    hear(&mut stream).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(200), "{:?}", start.elapsed());
}

#[test]
fn a_trickle_takes_its_time_and_ends_with_the_weather() {
    let link = Link::to(echo());
    link.throttle(10_000);
    let mut stream = dial(&link);
    let (start, mut heard) = (Instant::now(), [0; 5_000]);
    stream.write_all(&heard).unwrap();
    stream.read_exact(&mut heard).unwrap();
    // The last slice need not wait for its end.
    assert!(start.elapsed() >= Duration::from_millis(450), "{:?}", start.elapsed());
    link.throttle(1);
    stream.write_all(&heard).unwrap();
    assert_eq!(stream.read(&mut heard[..100]).unwrap(), 1, "byte by byte");
    link.pass();
    stream.read_exact(&mut heard[1..]).unwrap();
}

#[test]
fn a_transfer_is_cut_in_its_middle_and_only_once() {
    for direction in [Direction::ToClient, Direction::ToServer] {
        let link = Link::to(echo());
        let mut bystander = dial(&link);
        link.cut_after(direction, 700);
        let mut stream = dial(&link);
        stream.write_all(&[0; 700]).unwrap();
        stream.read_exact(&mut [0; 700]).unwrap();
        assert!(link.is_to_be_cut(), "{direction:?}");
        stream.write_all(&[0]).unwrap();
        assert!(hear(&mut stream).is_err() && hear(&mut bystander).is_err(), "{direction:?}");
        assert!(!link.is_to_be_cut());
        let mut again = dial(&link);
        again.write_all(&[0; 2_000]).unwrap();
        again.read_exact(&mut [0; 2_000]).unwrap();
    }
}

#[test]
fn it_tells_when_clients_dialled() {
    let link = Link::to(echo());
    let before = Instant::now();
    let _streams = [dial(&link), dial(&link)];
    eventually_blocking("both are accepted", SOON, || link.accepted() == 2);
    let times = link.accepted_at();
    assert!(times.is_sorted() && times[0] >= before && times[1] <= Instant::now());
}
