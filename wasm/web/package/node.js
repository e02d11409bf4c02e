// In Node the module lies on disk, so that everything can be called at once; `init` is there for code that runs in
// browsers as well.
import { readFileSync } from "node:fs";
import { initSync } from "./aldis_web.js";

const exports = initSync({ module: readFileSync(new URL("aldis_web_bg.wasm", import.meta.url)) });

export * from "./aldis_web.js";
export default async function init() {
  return exports;
}
