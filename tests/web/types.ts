// A program that uses all of the package, as its types say.
import init, { DirectiveSet, check, compile, difference, evaluate, explain, schema, versions } from "aldis-web";
import type { Document, Level, Request, Shown } from "aldis-web";

await init();
const document: Document = new Uint8Array();
const request: Request = { tenant: "acme", endpoint: "Search", labels: [["a", "b"]] };

const checked = check(document, { now: new Date(), anchor: "2027-01-15T08:00:00Z", key: "k" });
// @ts-expect-error: it may be invalid, or no answer at all
checked.warnings;
if ("valid" in checked && !checked.valid) {
  const from: number = checked.error.range.from;
  const help: string | null = checked.error.help;
  console.log(from, help, checked.error.reason, checked.error.line, checked.error.column, checked.error.path);
}
if ("valid" in checked && checked.valid) console.log(checked.warnings.map((one) => one.range.to), checked.digest);

const set = compile("{}");
// @ts-expect-error: it may be refused
set.evaluate(request);
if ("error" in set) throw new Error(set.error.message);
const decided = set.evaluate(request, Date.now());
if (!("error" in decided)) {
  const level: Level = decided.level;
  console.log(level, decided.decided_by, decided.revision, decided.digest);
}
const explained = set.explain(request);
if (!("error" in explained)) {
  for (const line of explained.explain) console.log(line.applies ? line.id : line.why);
}
const shown = set.describe(0, 10);
if (!("error" in shown)) shown.map((one: Shown) => one.reach + one.effect + (one.range?.from ?? ""));
const again = DirectiveSet.fromImage(set.image());
if (!("error" in again)) console.log(again.length, again.digest, again.document());
set.free();

// @ts-expect-error: there is no such endpoint
evaluate(document, { endpoint: "Nothing" });
// @ts-expect-error: a document is text or bytes
explain(5, request);
const changed = difference("{}", "{}");
if (!("error" in changed)) console.log(changed.added, changed.removed, changed.changed.map((one) => one.fields));
console.log(schema(), versions().image);
