// Memory is flat over a hundred thousand calls, of sets that are freed and of sets that are only let go.
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";

const api = await import(pathToFileURL(`${process.argv[2]}/node.js`));
const { memory } = await api.default();
const document = JSON.stringify({
  directives: Array.from({ length: 50 }, (_, place) => ({
    id: `d${place}`, level: "Shape", ttl_secs: 60, tenant: `t${place}`, sample_per_mille: 500,
  })),
});
const broken = document.replace("tenant", "tennant");
const request = { tenant: "t7", request_id: "r", labels: { a: "b" } };
const round = () => {
  api.check(document);
  api.check(broken);
  api.evaluate(document, request);
  api.evaluate(broken, request);
  const set = api.compile(document);
  set.explain(request);
  set.evaluate({ tenant: 5 });
  set.describe(0, 3);
  set.image();
  set.free();
};
for (let i = 0; i < 500; i += 1) round();
const before = memory.buffer.byteLength;
for (let i = 0; i < 10_000; i += 1) round();
assert.equal(memory.buffer.byteLength, before, "after a hundred thousand calls");

// Those that nobody frees the garbage collector does.
for (let i = 0; i < 100; i += 1) {
  for (let j = 0; j < 100; j += 1) api.compile(document);
  globalThis.gc();
  await new Promise((done) => setImmediate(done));
}
const grown = memory.buffer.byteLength - before;
assert.ok(grown < 16 << 20, `ten thousand sets that were let go left ${grown} bytes`);
console.log(`${before} bytes before, ${grown} more after`);
