//! The files that Envoy is configured by. JSON is YAML, so that nothing has to be escaped by hand.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Builder, Delivery, OnTrap, Ports};
use crate::tls::Certificates;

const HTTP: &str = "type.googleapis.com/envoy.extensions.filters";

/// The names and contents of the files, of this version.
pub(super) fn files(
    options: &Builder,
    ports: Ports,
    home: &Path,
    version: u32,
) -> Vec<(&'static str, Value)> {
    let listener = listener(options, ports, home);
    let resource = |kind: &str, resource: &Value| {
        let mut resource = resource.clone();
        resource["@type"] = format!("type.googleapis.com/{kind}").into();
        json!({"version_info": version.to_string(), "resources": [resource]})
    };
    let mut files = Vec::new();
    if options.delivery == Delivery::Listener {
        files.push(("listener.json", resource("envoy.config.listener.v3.Listener", &listener)));
    }
    if options.delivery == Delivery::Extension {
        let extension = json!({"name": "aldis", "typed_config": wasm(options)});
        files.push(("extension.json", resource("envoy.config.core.v3.TypedExtensionConfig", &extension)));
    }
    // Read once, at the start.
    if version == 1 {
        files.push(("bootstrap.json", bootstrap(options, ports, home, &listener)));
    }
    files
}

fn bootstrap(options: &Builder, ports: Ports, home: &Path, listener: &Value) -> Value {
    let mut clusters = vec![cluster("upstream", options.upstream)];
    clusters.extend(options.relay.map(|port| cluster("relay", port)));
    let mut bootstrap = json!({
        "node": {"id": "test", "cluster": "test"},
        "admin": {"address": address(ports.admin)},
        "static_resources": {"clusters": clusters},
    });
    if options.delivery == Delivery::Listener {
        bootstrap["dynamic_resources"] = json!({"lds_config": from_file(&home.join("listener.json"))});
    } else {
        bootstrap["static_resources"]["listeners"] = json!([listener]);
    }
    bootstrap
}

fn listener(options: &Builder, ports: Ports, home: &Path) -> Value {
    let mut filters = Vec::new();
    if options.guarded {
        filters.push(guard());
    }
    filters.extend(options.module.as_ref().map(|_| filter(options, home)));
    filters.push(json!({
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": format!("{HTTP}.http.router.v3.Router")},
    }));
    let manager = json!({
        "@type": format!("{HTTP}.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "in",
        "access_log": options.logs_access.then(|| access_log(home)).into_iter().collect::<Vec<_>>(),
        "route_config": {"virtual_hosts": [{
            "name": "all", "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "upstream"}}],
        }]},
        "http_filters": filters,
    });
    let mut chain = json!({"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]});
    if let Some(certificates) = &options.mutual_tls {
        chain["transport_socket"] = mutual_tls(certificates);
    }
    json!({"name": "main", "address": address(ports.listener), "filter_chains": [chain]})
}

fn filter(options: &Builder, home: &Path) -> Value {
    if options.delivery != Delivery::Extension {
        return json!({"name": "aldis", "typed_config": wasm(options)});
    }
    json!({"name": "aldis", "config_discovery": {
        "config_source": from_file(&home.join("extension.json")),
        "type_urls": [format!("{HTTP}.http.wasm.v3.Wasm")],
    }})
}

fn wasm(options: &Builder) -> Value {
    let mut plugin = json!({
        "name": "aldis",
        "root_id": "aldis",
        "vm_config": {
            "vm_id": "aldis",
            "runtime": "envoy.wasm.runtime.v8",
            "code": {"local": {"filename": options.module}},
        },
        "configuration": {
            "@type": "type.googleapis.com/google.protobuf.StringValue",
            "value": options.configuration,
        },
    });
    match options.on_trap {
        OnTrap::Open => plugin["fail_open"] = json!(true),
        OnTrap::OpenAfterwards => plugin["failure_policy"] = json!("FAIL_OPEN"),
        OnTrap::Reload => plugin["failure_policy"] = json!("FAIL_RELOAD"),
    }
    json!({"@type": format!("{HTTP}.http.wasm.v3.Wasm"), "config": plugin})
}

fn mutual_tls(certificates: &Certificates) -> Value {
    let file = |path: PathBuf| json!({"filename": path});
    let ours = json!({
        "certificate_chain": file(certificates.server_certificate()),
        "private_key": file(certificates.server_key()),
    });
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "require_client_certificate": true,
            "common_tls_context": {
                "tls_certificates": [ours],
                "validation_context": {"trusted_ca": file(certificates.ca())},
            },
        },
    })
}

/// Removes the headers that the filter sets, as the README shows it.
fn guard() -> Value {
    let removals =
        ["x-aldis-level", "x-aldis-decided-by", "x-aldis-flags"].map(|name| json!({"remove": name}));
    json!({
        "name": "envoy.filters.http.header_mutation",
        "typed_config": {
            "@type": format!("{HTTP}.http.header_mutation.v3.HeaderMutation"),
            "mutations": {"request_mutations": removals},
        },
    })
}

fn access_log(home: &Path) -> Value {
    let line = "%REQ(:PATH)% %RESPONSE_CODE% %FILTER_STATE(wasm.aldis:PLAIN)%\n";
    json!({
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": home.join("access.log"),
            "log_format": {"text_format_source": {"inline_string": line}},
        },
    })
}

fn cluster(name: &str, port: u16) -> Value {
    let endpoint = json!({"endpoint": {"address": address(port)}});
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    })
}

fn address(port: u16) -> Value {
    json!({"socket_address": {"address": "127.0.0.1", "port_value": port}})
}

fn from_file(path: &Path) -> Value {
    json!({"path_config_source": {"path": path}, "resource_api_version": "V3"})
}
