// What every function answers, down to the last field; nothing throws.
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";

const api = await import(pathToFileURL(`${process.argv[2]}/node.js`));
const now = "2026-11-20T13:42:00Z";
const document = `{"directives":[
  {"id":"😀","level":"ShapeTiming","ttl_secs":1380,"tenant":"acme","endpoint":"Search","sample_per_mille":250},
  {"id":"all","level":"Shape","ttl_secs":60}
]}`;
const digest = api.check(document, { now }).digest;
assert.match(digest, /^[0-9a-f]{64}$/);
assert.deepEqual(api.check(document, { now }), {
  valid: true,
  directives: 2,
  digest,
  warnings: [
    {
      warning: "fleet_wide",
      path: "directives[1]",
      id: "all",
      message: "it has no target, so it takes every request of the fleet",
      range: { from: document.indexOf('{"id":"all"'), to: document.indexOf("\n]") },
    },
  ],
});
assert.deepEqual(api.check(new TextEncoder().encode(document), { now }), api.check(document, { now }));
assert.notEqual(api.check(document, { key: "other" }).digest, digest);

// The place is counted as editors do: the face is two units, and one character.
const broken = document.replace('"endpoint"', '"endpiont"');
assert.deepEqual(api.check(broken, { now }), {
  valid: false,
  error: {
    reason: "unknown_field",
    path: "directives[0].endpiont",
    line: 2,
    column: 67,
    message: "unknown field",
    help: "did you mean `endpoint`?",
    range: { from: broken.indexOf('"endpiont"'), to: broken.indexOf('"endpiont"') + 10 },
  },
});
for (const refused of [api.compile(broken), api.evaluate(broken, {}), api.explain(broken, {}), api.difference(document, broken)]) {
  assert.equal(refused.error.reason, "unknown_field");
  assert.deepEqual(Object.keys(refused), ["error"]);
}

const request = { tenant: "acme", endpoint: "Count", labels: { a: "b" } };
const decided = { level: "Shape", ring_buffer: false, capture: false, decided_by: "all", revision: null, digest };
assert.deepEqual(api.evaluate(document, request, { now }), decided);
const explained = { ...decided, explain: [{ id: "😀", applies: false, why: "endpoint" }, { id: "all", applies: true }] };
assert.deepEqual(api.explain(document, request, { now }), explained);

const set = api.compile(document, { now });
assert.deepEqual([set.length, set.digest], [2, digest]);
assert.deepEqual(set.evaluate(request, new Date(now)), decided);
assert.deepEqual(set.explain(request, Date.parse(now)), explained);
assert.equal(set.evaluate(request).level, "Off", "a minute of 2026 is over");
assert.deepEqual(set.describe(0, 1, now), [
  {
    id: "😀",
    level: "ShapeTiming",
    reach: "every Search of tenant acme, one request in four, until 14:05 UTC, in 23 min",
    effect: "records ShapeTiming",
    not_before: null,
    expires_at: Date.parse("2026-11-20T14:05:00Z"),
    sample_per_mille: 250,
    sample_by: "request_id",
    suppress: false,
    range: { from: document.indexOf('{"id":"😀"'), to: document.indexOf(",\n  {") },
  },
]);
const again = api.DirectiveSet.fromImage(set.image());
assert.deepEqual(again.explain(request, now), { ...explained, digest: null });
assert.deepEqual(api.difference(document, set.document(), { now }), { added: [], removed: [], changed: [] });
assert.deepEqual(api.difference(document, '{"directives":[]}', { now }).removed, ["all", "😀"]);
assert.deepEqual(api.DirectiveSet.fromImage(new Uint8Array(9)).error.reason, "bad_image");

// Whatever is handed over instead of what should be.
const circle = {};
circle.circle = circle;
for (const wrong of [null, undefined, 5, {}, [], circle, Symbol("x"), 5n]) {
  for (const answer of [api.check(wrong), api.compile(wrong), api.evaluate(wrong, {})]) {
    assert.equal(answer.error.reason, "bad_request", String(wrong?.toString()));
  }
}
for (const wrong of [null, undefined, 5, "x", circle, 5n, { tennant: "acme" }, { tenant: 5 }, { endpoint: "Serach" }]) {
  assert.equal(set.evaluate(wrong).error.reason, "bad_request");
}
for (const wrong of [{ now: NaN }, { now: -1 }, { now: 1.5 }, { now: "soon" }, { now: null }, { nwo: 1 }, 5, circle]) {
  assert.equal(api.check(document, wrong).error.reason, "bad_request", JSON.stringify(Object.keys(wrong)));
}
assert.equal(api.check(document, { now: Infinity }).error.reason, "bad_request");
assert.equal(api.check("x".repeat(17 << 20)).error.reason, "body_too_large");
assert.deepEqual(api.versions(), { aldis: "0.1.0", image: 2 });
assert.equal(api.schema().$schema, "https://json-schema.org/draft/2020-12/schema");
assert.equal(typeof (await api.default()).memory, "object");
