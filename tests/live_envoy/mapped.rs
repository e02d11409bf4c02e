//! Each place that a fact can come from, read by a real Envoy.

use std::process::Command;

use rig::tls::Certificates;
use serde_json::{Value, json};

use crate::scene::{BOUND, Scene, relayed, seen};

/// A request that has everything, as path and headers.
const PATH: &str = "/orders/2026/_search?size=10";

fn configuration() -> Value {
    let mut configuration = relayed();
    configuration["labels"] = json!({
        "header": {"header": "X-Zone"},
        "method": {"header": ":method"},
        "segment": {"path_segment": 1},
        "authority": {"authority": true},
        "traceparent": {"traceparent": true},
        "property": {"property": ["request", "url_path"]},
        "node": {"property": ["xds", "node", "id"]},
        "constant": {"constant": "edge"},
        "default": {"header": "x-not-there", "default": "none"},
        "absent property": {"property": ["connection", "requested_server_name"], "default": "no sni"},
    });
    configuration["endpoint"] = json!({"path_segment": -1, "translate": {"_search": "Search"}});
    configuration
}

/// What each of them is in that request.
const VALUES: [(&str, &str); 10] = [
    ("header", "b"),
    ("method", "GET"),
    ("segment", "2026"),
    ("authority", "test"),
    ("traceparent", "4bf92f3577b34da6a3ce929d0e0e4736"),
    ("property", "/orders/2026/_search"),
    ("node", "test"),
    ("constant", "edge"),
    ("default", "none"),
    ("absent property", "no sni"),
];

#[test]
fn every_origin_is_read() {
    let scene = Scene::with(&configuration(), |builder| builder);
    let mut connection = scene.envoy.connect();
    // The first set wants each as it is; each of the others one of them otherwise, and the last another endpoint.
    let twins = VALUES.iter().map(|(name, _)| Some(*name)).chain([Some("endpoint")]);
    for (revision, wrong) in (1..).zip([None].into_iter().chain(twins)) {
        let value =
            |name, value: &str| if wrong == Some(name) { format!("{value}?") } else { value.to_owned() };
        let labels: serde_json::Map<_, _> =
            VALUES.iter().map(|(name, text)| ((*name).to_owned(), value(name, text).into())).collect();
        let endpoint = if wrong == Some("endpoint") { "Count" } else { "Search" };
        // Besides, a directive that always applies says which set is in force.
        let (first, end) = (format!("set-{revision}"), "2999-01-01T00:00:00Z");
        scene.publish(
            revision,
            &json!({"directives": [
                {"id": "all", "level": "ShapeTiming", "expires_at": end, "labels": labels, "endpoint": endpoint},
                {"id": first, "level": "Shape", "expires_at": end},
            ]}),
        );
        let expected = if wrong.is_none() { "all" } else { first.as_str() };
        rig::eventually_blocking(&format!("with another {wrong:?}, {expected} decides"), BOUND, || {
            let headers: [(&str, &[u8]); 2] = [
                ("x-zone", b"b"),
                ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"),
            ];
            let answer = connection.get(PATH, &headers).expect("is answered");
            seen(&answer, "x-aldis-decided-by").as_deref() == Some(expected)
        });
    }
}

/// Who a peer is, its certificate says: the URI in it if there is one, else the DNS name.
#[test]
fn the_peer_is_known_by_its_certificate() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let certificates = Certificates::generate(scratch.path(), "somebody");
    let mut configuration = relayed();
    configuration["principal"] = json!({"peer_principal": true});
    let scene = Scene::with(&configuration, |builder| builder.mutual_tls(&certificates));
    for (revision, principal, expected) in [(1, "localhost", Some("peer")), (2, "somebody else", None)] {
        let directive = json!({"id": "peer", "level": "Shape", "expires_at": "2999-01-01T00:00:00Z", "principal": principal});
        scene.publish(revision, &json!({"directives": [directive]}));
        rig::eventually_blocking(&format!("{principal}: {expected:?}"), BOUND, || {
            let seen = over_tls(scene.envoy.port(), &certificates);
            seen.lines().find_map(|line| line.strip_prefix("x-aldis-decided-by:")) == expected
        });
    }
}

/// What the upstream sees of a request by a client that shows its certificate. In Python, which brings TLS along.
fn over_tls(port: u16, certificates: &Certificates) -> String {
    const CLIENT: &str = "import http.client, ssl, sys
port, certificate, key = sys.argv[1:]
context = ssl._create_unverified_context()
context.load_cert_chain(certificate, key)
connection = http.client.HTTPSConnection('127.0.0.1', int(port), context=context)
connection.request('GET', '/')
print(connection.getresponse().read().decode())";
    let mut python = Command::new("python3");
    python.args(["-c", CLIENT]).arg(port.to_string());
    python.arg(certificates.client_certificate()).arg(certificates.client_key());
    let output = python.output().expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("is text")
}
