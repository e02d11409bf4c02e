// node main.mjs aldis_guest.wasm directives.json: each line of stdin is a request, as JSON, and gets a line with its decision.

import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline/promises";
import { Guest } from "./aldis.mjs";

const [module, document] = process.argv.slice(2);
const guest = new Guest(await WebAssembly.compile(await readFile(module)));
try {
  guest.loadDocument(await readFile(document), Date.now());
} catch (error) {
  if (!error.why) throw error;
  console.error(`${document}:${error.why.line}:${error.why.column}: ${error.message}`);
  process.exit(1);
}
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(guest.evaluate(JSON.parse(line), Date.now())));
}
