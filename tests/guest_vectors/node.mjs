// A guest in Node behind a pipe, for tests/guest_vectors/piped.rs: each line of stdin is a call, and gets a line with what
// came of it. The host under test, and the module, are named on the command line.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [host, module] = process.argv.slice(2);
const { Guest } = await import(pathToFileURL(host));
const guest = new Guest(await WebAssembly.compile(readFileSync(module)));

// Times are decimal strings, since they may be past 2^53, or numbers as clocks give them.
const time = (given) => (typeof given === "string" ? BigInt(given) : given);
const calls = {
  document: ({ file, anchor }) => guest.loadDocument(readFileSync(file), time(anchor)),
  image: ({ file }) => guest.loadImage(readFileSync(file)),
  evaluate: ({ request, now }) => guest.evaluate(request, time(now)),
  explain: ({ request, now }) => guest.explain(request, time(now)),
};

function answer({ call, ...rest }) {
  try {
    return { ok: calls[call](rest) };
  } catch (error) {
    return error.why ? { refused: error.why } : { broken: String(error) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(answer(JSON.parse(line)))}\n`);
}
