//! Many connections, too many, and silent ones.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::daemon::{Home, last_minute, wait_for};

/// Lets this process open as many sockets as it may.
fn raise_own_limit() -> u64 {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, limit).unwrap();
    maximum.unwrap_or(u64::MAX)
}

/// True once the other side has closed.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    match stream.read(&mut [0; 16]) {
        Ok(0) => true,
        Ok(_) => panic!("the plaintext protocol has no answers"),
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn thousands_of_connections_are_served_at_once() {
    let connections = 3_000;
    let allowed = raise_own_limit();
    assert!(
        allowed > connections + 200,
        "only {allowed} files may be open"
    );
    let home = Home::new();
    let daemon = home.start(&[]);
    let minute = last_minute();
    let mut open: Vec<_> = (0..connections).map(|_| daemon.connect()).collect();
    wait_for("all connections to be open", || {
        let active = daemon.metric("plumbago_receiver_connections_active", "");
        (active == connections as f64).then_some(())
    });
    // In reverse, so that nothing depends on the order in which they were accepted.
    for (number, stream) in open.iter_mut().enumerate().rev() {
        let line = format!("crowd.c{number} {number} {minute}\n");
        stream.write_all(line.as_bytes()).unwrap();
    }
    wait_for("all points to be stored", || {
        let found = daemon.get_json("/metrics/expand?query=crowd.*");
        let results = found["results"].as_array().unwrap().len();
        (results == open.len()).then_some(())
    });
    daemon.wait_for_points("crowd.c2999", 3600, &[(minute, 2999.0)]);
    daemon.stop();
}

#[test]
fn one_connection_too_many_is_closed_and_counted() {
    let home = Home::new();
    let daemon = home.start(&["receiver.tcp.connections_max=2"]);
    let kept = [daemon.connect(), daemon.connect()];
    wait_for("two connections", || {
        let active = daemon.metric("plumbago_receiver_connections_active", "");
        (active == 2.0).then_some(())
    });
    let mut third = daemon.connect();
    wait_for("the third to be closed", || {
        is_closed(&mut third).then_some(())
    });
    let refused = daemon.metric("plumbago_receiver_connections_refused_total", "");
    assert_eq!(refused, 1.0);
    drop(kept);
    wait_for("room for another", || {
        let active = daemon.metric("plumbago_receiver_connections_active", "");
        (active == 0.0).then_some(())
    });
    let minute = last_minute();
    daemon.send_tcp(&format!("room.again 1 {minute}\n"));
    daemon.wait_for_points("room.again", 3600, &[(minute, 1.0)]);
    daemon.stop();
}

#[test]
fn silent_connection_is_closed_after_its_timeout() {
    let home = Home::new();
    let daemon = home.start(&["receiver.tcp.idle_timeout=100ms"]);
    let mut silent = daemon.connect();
    wait_for("the silent one to be closed", || {
        is_closed(&mut silent).then_some(())
    });
    assert_eq!(
        daemon.metric("plumbago_receiver_connections_idle_total", ""),
        1.0
    );
    daemon.stop();
}
