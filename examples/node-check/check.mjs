#!/usr/bin/env node
// Checks documents as `aldis check` does: a line for each problem, exit code 1 if one is refused, 2 if one cannot be read.
//
//   node check.mjs [--strict] FILE...       --strict: a warning is refused, too
import { readFileSync } from "node:fs";
import { check } from "aldis-web";

const isStrict = process.argv.includes("--strict");
const files = process.argv.slice(2).filter((argument) => argument !== "--strict");
let code = 0;

for (const file of files) {
  let document;
  try {
    document = readFileSync(file);
  } catch (error) {
    console.error(`${file}: ${error.code ?? error}`);
    code = 2;
    continue;
  }
  const checked = check(document);
  if (!checked.valid) {
    const { line, column, path, message, help, reason } = checked.error;
    const hint = help === null ? "" : `; ${help}`;
    console.error(`${file}:${line}:${column}: ${path}: ${message}${hint} [${reason}]`);
    code = Math.max(code, 1);
    continue;
  }
  for (const { path, id, message, warning } of checked.warnings) {
    // Quoted, so that nothing in an id can pass for anything else on the terminal.
    console.error(`${file}: ${path} ${JSON.stringify(id)}: ${message} [${warning}]`);
    if (isStrict) code = Math.max(code, 1);
  }
  console.log(`${file}: valid, ${checked.directives} directive${checked.directives === 1 ? "" : "s"}, digest ${checked.digest}`);
}
process.exit(code);
