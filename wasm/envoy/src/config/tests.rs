use super::*;
use crate::attribute::Origin;

fn parse(json: &str) -> Result<Config, String> {
    Config::parse(json.as_bytes()).map_err(|error| error.to_string())
}

fn refusal(json: &str) -> String {
    parse(json).expect_err(json)
}

#[test]
fn the_least_that_is_needed_has_sensible_defaults() {
    let config = parse(r#"{"relay_cluster":"relay"}"#).expect("is one");
    let relay = Relay {
        cluster: "relay".to_owned(),
        authority: "relay".to_owned(),
        path: "/v1/image?wait=30s".to_owned(),
        wait_ms: 30_000,
        interval_ms: 1_000,
        timeout_ms: 5_000,
    };
    assert_eq!(config.relay, Some(relay));
    assert!(config.inline.is_empty());
    assert_eq!((config.refresh_ms, config.stats_prefix.as_str()), (100, "aldis"));
    let outputs = &config.outputs;
    let names = [&outputs.level, &outputs.decided_by, &outputs.flags, &outputs.revision];
    let names = names.map(|header| header.as_ref().map(|header| header.name.as_str()));
    assert_eq!(names, [Some("x-aldis-level"), Some("x-aldis-decided-by"), Some("x-aldis-flags"), None]);
    assert!(matches!(config.mapping.request_id.expect("a default").origin, Origin::Header(_)));
    assert!(matches!(config.mapping.trace_id.expect("a default").origin, Origin::Traceparent(_)));
    assert!(config.mapping.tenant.is_none());
}

#[test]
fn every_field_has_its_effect() {
    let config = parse(
        r#"{
        "document": {"directives": [{"id":"a","level":"Shape","expires_at":"2030-01-01T00:00:00Z"}]},
        "relay_cluster": "relay", "relay_authority": "relay.example", "relay_path_prefix": "/aldis",
        "poll_wait_secs": 0, "poll_interval_ms": 250, "poll_timeout_ms": 700, "refresh_ms": 50,
        "tenant": {"header": "X-Tenant", "default": "nobody"},
        "index": {"path_segment": 1},
        "principal": {"peer_principal": true},
        "endpoint": {"path_segment": -1, "translate": {"_search": "Search"}, "default": "Unknown"},
        "request_id": {"header": "x-id"},
        "trace_id": {"header": "x-trace"},
        "labels": {"env": {"constant": "prod"}, "host": {"authority": true}, "sni": {"property": ["connection", "requested_server_name"]}},
        "headers": {"level": "x-level", "revision": "x-revision"},
        "when_off": true,
        "filter_state": "aldis.decision",
        "sampled": {"from": "ShapeTiming", "traceparent": true, "header": "x-force", "value": "yes"},
        "stats_prefix": "edge"
    }"#,
    )
    .expect("is one");
    let relay = config.relay.expect("is given");
    assert_eq!((relay.path.as_str(), relay.authority.as_str()), ("/aldis/v1/image", "relay.example"));
    assert_eq!((relay.wait_ms, relay.interval_ms, relay.timeout_ms), (0, 250, 700));
    assert_eq!((config.inline.len(), config.refresh_ms, config.stats_prefix.as_str()), (1, 50, "edge"));
    let outputs = config.outputs;
    assert_eq!(outputs.level.expect("is given").name, "x-level");
    assert!(outputs.decided_by.is_none() && outputs.flags.is_none());
    assert_eq!((outputs.when_off, outputs.property.as_str()), (true, "aldis.decision"));
    let sampled = outputs.sampled.expect("is given");
    assert!(sampled.traceparent.is_some());
    assert_eq!(
        sampled.header.map(|(header, value)| (header.name, value)),
        Some(("x-force".into(), "yes".into()))
    );
    let mapping = config.mapping;
    assert_eq!(mapping.labels.len(), 3);
    assert_eq!(mapping.properties.len(), 2, "one for the peer, one for a label");
    assert_eq!(mapping.properties[1].paths, [b"connection\0requested_server_name".to_vec()]);
}

#[test]
fn what_is_wrong_is_refused_with_its_place() {
    for (json, complaint) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("[]", "invalid type: sequence, expected an object at line 1 column 0"),
        (r#"{"relay_cluster":"r"} x"#, "trailing characters at line 1 column 23"),
        (
            r#"{"relay_cluster":"r","relay_cluster":"s"}"#,
            "duplicate field `relay_cluster` at line 1 column 36",
        ),
        ("{}", "configuration: give `document`, `relay_cluster` or both"),
        (
            r#"{"poll_wait_secs":5,"document":{"directives":[]}}"#,
            "relay_cluster: is missing, and other fields say how to ask it",
        ),
        (r#"{"relay_cluster":""}"#, "relay_cluster: give a name without blanks"),
        (r#"{"relay_cluster":"r","relay_authority":"a b"}"#, "relay_authority: give a name without blanks"),
        (
            r#"{"relay_cluster":"r","relay_path_prefix":"/a?b"}"#,
            "relay_path_prefix: begin with a slash, end without, no blanks",
        ),
        (r#"{"relay_cluster":"r","poll_wait_secs":301}"#, "poll_wait_secs: give a number from 0 to 300"),
        (
            r#"{"relay_cluster":"r","poll_interval_ms":0}"#,
            "poll_interval_ms: give a number from 10 to 3600000",
        ),
        (r#"{"relay_cluster":"r","refresh_ms":1}"#, "refresh_ms: give a number from 10 to 10000"),
        (
            r#"{"relay_cluster":"r","stats_prefix":"a b"}"#,
            "stats_prefix: letters, digits, dots, dashes and underscores only",
        ),
        (
            r#"{"relay_cluster":"r","filter_state":"a b"}"#,
            "filter_state: letters, digits, dots, dashes and underscores only",
        ),
        (r#"{"relay_cluster":"r","tenant":{"header":"a b"}}"#, "tenant: this is no name of a header"),
        (
            r#"{"relay_cluster":"r","headers":{"level":":path"}}"#,
            "headers.level: this is no name of a header",
        ),
        (
            r#"{"relay_cluster":"r","headers":{"level":"host"}}"#,
            "headers.level: this header cannot be ours to set",
        ),
        (
            r#"{"relay_cluster":"r","headers":{"level":"x","flags":"X"}}"#,
            "headers.flags: another output has this name",
        ),
        (
            r#"{"relay_cluster":"r","tenant":{"header":"x-aldis-level"}}"#,
            "x-aldis-level: a header that goes out cannot be read from as well",
        ),
        (r#"{"relay_cluster":"r","labels":{"a":{"authority":false}}}"#, "labels.a: leave out what is false"),
        (
            r#"{"relay_cluster":"r","endpoint":{"constant":"search"}}"#,
            "endpoint: a constant, default or translation is no endpoint",
        ),
        (
            r#"{"relay_cluster":"r","endpoint":{"header":"x","default":"search"}}"#,
            "endpoint: a constant, default or translation is no endpoint",
        ),
        (
            r#"{"relay_cluster":"r","endpoint":{"header":"x","translate":{"a":"b"}}}"#,
            "endpoint: a constant, default or translation is no endpoint",
        ),
        (r#"{"relay_cluster":"r","index":{"property":[]}}"#, "index: give the names of the property's path"),
        (
            r#"{"relay_cluster":"r","sampled":{"from":"shape","traceparent":true}}"#,
            "sampled.from: this is no level",
        ),
        (
            r#"{"relay_cluster":"r","sampled":{"from":"Shape"}}"#,
            "sampled: give `traceparent`, `header` or both",
        ),
        (
            r#"{"relay_cluster":"r","sampled":{"from":"Shape","traceparent":true,"value":"x"}}"#,
            "sampled.value: is of use beside `header` only",
        ),
        (
            r#"{"relay_cluster":"r","sampled":{"from":"Shape","header":"x","value":"\n"}}"#,
            "sampled.value: no control characters, please",
        ),
    ] {
        assert_eq!(refusal(json), complaint, "{json}");
    }
}

#[test]
fn an_unknown_field_is_refused_wherever_it_stands() {
    for json in [
        r#"{"relay_cluster":"r","tennant":{"header":"x"}}"#,
        r#"{"relay_cluster":"r","tenant":{"headers":"x"}}"#,
        r#"{"relay_cluster":"r","labels":{"a":{"headers":"x"}}}"#,
        r#"{"relay_cluster":"r","headers":{"levels":"x"}}"#,
        r#"{"relay_cluster":"r","sampled":{"from":"Shape","level":"x"}}"#,
    ] {
        assert!(refusal(json).starts_with("unknown field `"), "{json}: {}", refusal(json));
    }
    let in_order = r#"{"relay_cluster":"r","sampled":["Shape",true,null,null]}"#;
    assert!(refusal(in_order).starts_with("invalid type: sequence, expected an object"));
    let twice = r#"{"relay_cluster":"r","labels":{"a":{"header":"x"},"a":{"header":"y"}}}"#;
    assert_eq!(refusal(twice), "a name is given twice at line 1 column 53");
}

#[test]
fn a_refusal_holds_no_value() {
    for (json, complaint) in [
        (
            r#"{"relay_cluster":"r","when_off":"s3cret"}"#,
            "invalid type: string, expected a boolean at line 1 column 40",
        ),
        (
            r#"{"relay_cluster":"r","when_off":"s3cret, expected \"s3cret"}"#,
            "invalid type: string, expected a boolean at line 1 column 59",
        ),
        (r#"{"relay_cluster":7733}"#, "invalid type: integer, expected a string at line 1 column 21"),
        (r#"{"refresh_ms":-7733}"#, "invalid value: integer, expected u32 at line 1 column 19"),
        (r#"{"refresh_ms":77.33}"#, "invalid type: floating point, expected u32 at line 1 column 19"),
        (r#"{"relay_cluster":true}"#, "invalid type: boolean, expected a string at line 1 column 21"),
        (r#"{"sampled":"s3cret"}"#, "invalid type: string, expected an object at line 1 column 19"),
        (
            r#"{"relay_cluster":null,"when_off":{}}"#,
            "invalid type: map, expected a boolean at line 1 column 33",
        ),
        (
            r#"{"endpoint":{"header":"x","translate":{"s3cret":"Search","s3cret":"Count"}}}"#,
            "a name is given twice at line 1 column 65",
        ),
    ] {
        assert_eq!(refusal(json), complaint, "{json}");
    }
}

#[test]
fn a_fact_has_exactly_one_origin() {
    for attribute in [
        "{}",
        r#"{"default":"x"}"#,
        r#"{"header":"x","constant":"y"}"#,
        r#"{"path_segment":0,"authority":true}"#,
        r#"{"peer_principal":true,"traceparent":true}"#,
        r#"{"property":["a"],"header":"x"}"#,
    ] {
        let json = format!(r#"{{"relay_cluster":"r","tenant":{attribute}}}"#);
        assert!(refusal(&json).starts_with("tenant: give exactly one of `header`"), "{attribute}");
    }
}

#[test]
fn an_inline_document_is_held_to_the_contract_and_must_end_by_itself() {
    let refusal = |document: &str| refusal(&format!(r#"{{"document":{document}}}"#));
    assert_eq!(
        refusal(
            r#"{"directives":[{"id":"a","level":"Shape","expires_at":"2030-01-01T00:00:00Z","tennant":"x"}]}"#
        ),
        "document: 1:78: directives[0].tennant: unknown field; did you mean `tenant`? [unknown_field]",
    );
    assert_eq!(
        refusal(
            r#"{"directives":[{"id":"a","level":"Shape","expires_at":"2030-01-01T00:00:00Z"},
                {"id":"b","level":"Shape","ttl_secs":60}]}"#
        ),
        "document: directives[1]: give `expires_at`; `ttl_secs` would start anew with each VM",
    );
}
