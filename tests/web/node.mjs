// The package in Node, behind a pipe: a call on each line, and a line with what came of it.
//
//   node node.mjs FOLDER-OF-THE-PACKAGE
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { engine } from "./engine.mjs";

const ask = engine(await import(pathToFileURL(`${process.argv[2]}/node.js`)));
for await (const line of createInterface({ input: process.stdin })) {
  const call = JSON.parse(line);
  const answer = await ask(call, () => readFile(call.file)).catch((error) => ({ broken: String(error) }));
  console.log(JSON.stringify(answer));
}
