//! `aldis demo`.

use serde_json::Value;

use crate::aldis::aldis;

#[test]
fn every_claim_of_the_demo_holds() {
    let run = aldis(&["demo", "--format", "json"]);
    let lines: Vec<Value> = run.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (end, claims) = lines.split_last().expect("it says something");
    assert_eq!(run.code, 0, "{}", run.out);
    assert!(claims.len() >= 10 && claims.iter().all(|claim| claim["holds"] == true), "{}", run.out);
    assert_eq!((&end["claims"], &end["hold"]), (&claims.len().into(), &claims.len().into()));
    assert!(run.out.contains("native ShapeTiming, WASM ShapeTiming"), "{}", run.out);
}
