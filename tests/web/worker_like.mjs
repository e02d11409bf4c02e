// As in a runtime that hands the module over and has no more of the web than that: no file, no fetch.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
const module = new WebAssembly.Module(readFileSync(`${folder}/aldis_web_bg.wasm`));
for (const name of ["fetch", "process", "require", "Buffer", "XMLHttpRequest"]) {
  Object.defineProperty(globalThis, name, { value: undefined });
}
const { initSync, check } = await import(pathToFileURL(`${folder}/aldis_web.js`));
initSync({ module });
assert.equal(check('{"directives":[]}').valid, true);
