//! `native-proxy`: see README.md.

use std::error::Error;
use std::net::SocketAddr;

use aldis_etcd::EtcdDirectiveStore;
use clap::Parser;
use http::uri::Authority;
use native_proxy::{Ring, admin, exporter, proxy, serve, subscriber};
use tokio::net::TcpListener;
use tracing::subscriber::set_global_default;

/// A small reverse proxy that records as much of a request as directives ask for.
#[derive(Debug, Parser)]
struct Args {
    /// Where clients connect.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where operators ask; /exchanges, /status.
    #[arg(long, default_value = "127.0.0.1:8081")]
    admin: SocketAddr,
    /// What requests are forwarded to, as host:port.
    #[arg(long, default_value = "127.0.0.1:9200")]
    upstream: Authority,
    /// etcd, as http://host:port.
    #[arg(long, default_value = "http://127.0.0.1:2379", conflicts_with = "relay")]
    etcd: String,
    /// A relay in its place, as http://host:port.
    #[arg(long)]
    relay: Option<String>,
    /// A collector that takes OTLP over gRPC, as http://host:4317.
    #[arg(long)]
    otlp: Option<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let provider = args.otlp.as_deref().map(exporter).transpose()?;
    set_global_default(subscriber(provider.as_ref()))?;
    let builder = match &args.relay {
        Some(relay) => EtcdDirectiveStore::relay([relay]),
        None => EtcdDirectiveStore::builder([&args.etcd]),
    };
    let (store, ring) = (builder.connect().await?, Ring::default());
    let (clients, operators) = (TcpListener::bind(args.listen).await?, TcpListener::bind(args.admin).await?);
    println!("proxy on http://{}, admin on http://{}", clients.local_addr()?, operators.local_addr()?);
    tokio::select! {
        () = serve(clients, proxy(args.upstream, store.clone(), ring.clone())) => {}
        () = serve(operators, admin(store, ring)) => {}
        ended = tokio::signal::ctrl_c() => ended?,
    }
    // What is still to be exported goes out.
    if let Some(provider) = provider {
        provider.shutdown()?;
    }
    Ok(())
}
