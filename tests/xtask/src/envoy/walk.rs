//! The way through the example that its README goes, each step with what must come of it.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use super::Example;

/// Within this a flip must have arrived.
const BOUND: Duration = Duration::from_secs(20);

pub(super) fn walk(example: &Example) -> Result<()> {
    println!("nothing is published:");
    expect(10000, "/orders/_search", None)?;
    println!("searches of acme are turned up:");
    let published = example.aldis().args(["publish", "examples/envoy/directives.json"]).status()?;
    ensure!(published.success(), "the publish fails");
    expect(10000, "/orders/_search", Some("ShapeTiming"))?;
    expect(10000, "/orders/_count", None)?;
    println!("and down again:");
    ensure!(example.aldis().arg("clear").status()?.success(), "the clear fails");
    expect(10000, "/orders/_search", None)?;

    println!("by a file that is renamed into place:");
    expect(10002, "/", None)?;
    let next = example.scratch.join("next.yaml");
    example.place("watched.yaml", &next)?;
    fs::rename(next, example.scratch.join("filter.yaml"))?;
    expect(10002, "/", Some("Shape"))?;
    thread::sleep(Duration::from_millis(500));
    print!("the access log:\n{}", fs::read_to_string(example.scratch.join("access.log"))?);
    Ok(())
}

/// Asks as acme, claiming a level of its own, until the upstream sees this one.
fn expect(port: u16, path: &str, level: Option<&str>) -> Result<()> {
    let begun = Instant::now();
    loop {
        let seen = ask(port, path)?;
        let found = seen.lines().find_map(|line| line.strip_prefix("x-aldis-level: "));
        if found == level {
            println!("  {path} on {port}: the upstream sees {}", found.unwrap_or("no level"));
            return Ok(());
        }
        if begun.elapsed() > BOUND {
            bail!("{path} on {port}: expected {level:?}, the upstream sees {found:?}:\n{seen}");
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn ask(port: u16, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    let claims = "x-tenant: acme\r\nx-aldis-level: ShapeRewriteDiff\r\n";
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\n{claims}connection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Ok(answer)
}
