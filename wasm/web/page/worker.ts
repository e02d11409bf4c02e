// Does the work: holds the text that is edited, and the last set that it was valid as.
import init, { check, compile, difference, schema, versions } from "aldis-web";
import type { Checked, DirectiveSet, Line, Request } from "aldis-web";
import { LINES, PAGE, WARNINGS } from "./protocol";
import type { Answer, Ask, Calls, Compared, Described, Judged, Name, Trial, Tried } from "./protocol";
import { idle, likeIt, read } from "./sample";

const ready = init();
const LEVELS = ["Off", "Shape", "ShapeTiming", "ShapeRewriteDiff"];
/** What relative lifetimes count from: when the text was first seen, as it would be for a store. */
let anchor = Date.now();
let text = "";
let set: DirectiveSet | null = null;

const work: { [N in Name]: (ask: Calls[N]["ask"]) => Calls[N]["answer"] } = {
  start: () => ({ schema: schema(), versions: versions() }),
  judge,
  describe,
  try: tried,
  compare,
  format: () => (set === null ? null : pretty(text)),
};

function judge(next: string): Judged {
  text = next;
  anchor = Date.now();
  set?.free();
  set = null;
  const checked = check(text, { anchor, now: anchor });
  if (!("valid" in checked)) throw new Error(checked.error.message);
  if (!checked.valid) return { checked, more: 0, isFleetWide: false };
  const compiled = compile(text, { anchor, now: anchor });
  if ("error" in compiled) throw new Error(compiled.error.message);
  set = compiled;
  const warnings = checked.warnings.slice(0, WARNINGS);
  const isFleetWide = checked.warnings.some(({ warning }) => warning === "fleet_wide");
  const more = checked.warnings.length - warnings.length;
  return { checked: { ...checked, warnings } satisfies Checked, more, isFleetWide };
}

function describe(from: number): Described | null {
  if (set === null) return null;
  const shown = set.describe(from, PAGE);
  if ("error" in shown) throw new Error(shown.error.message);
  return { from, total: set.length, shown };
}

function tried({ request, now, own }: Trial): Tried {
  const given = read(own);
  const isOwn = given.requests.length > 0;
  const requests = isOwn ? given.requests : likeIt(request);
  const sample = new Uint8Array(requests.length);
  const nothing = { decided: null, lines: [], total: 0, applying: 0, sample, isOwn, remark: given.error };
  if (set === null) return { ...nothing, error: null };
  const explained = set.explain(request, now);
  if ("error" in explained) return { ...nothing, error: explained.error.message };
  const { explain, ...decided } = explained;
  const applying = explain.filter((line) => line.applies);
  const others = explain.filter((line: Line) => !line.applies);
  const lines = [...applying, ...others].slice(0, LINES);
  fill(sample, set, requests, now);
  const remark = given.error || (isOwn ? idle(set, requests, now) : "");
  return { decided, error: null, lines, total: explain.length, applying: applying.length, sample, isOwn, remark };
}

function fill(sample: Uint8Array, from: DirectiveSet, requests: Request[], now: string | undefined): void {
  const at = now ?? Date.now();
  requests.forEach((request, place) => {
    const decided = from.evaluate(request, at);
    sample[place] = "error" in decided ? 0 : Math.max(0, LEVELS.indexOf(decided.level));
  });
}

function compare(live: string): Compared {
  const now = { anchor, now: anchor };
  const difference_ = difference(live, text, now);
  if (!("error" in difference_)) return { difference: difference_ };
  const editor = check(text, now);
  const isEditor = "valid" in editor && !editor.valid;
  return { broken: isEditor ? "editor" : "live", error: difference_.error };
}

/** One directive a line, everything else as it was written. Only of a valid document. */
function pretty(valid: string): string | null {
  const document = JSON.parse(valid) as { directives: unknown[] };
  const lines = document.directives.map((directive) => `  ${JSON.stringify(directive)}`);
  return lines.length === 0 ? '{"directives":[]}\n' : `{"directives":[\n${lines.join(",\n")}\n]}\n`;
}

self.onmessage = async ({ data }: MessageEvent<Ask>) => {
  const reply: Answer = { id: data.id };
  try {
    await ready;
    reply.answer = (work[data.name] as (ask: unknown) => unknown)(data.ask);
  } catch (error) {
    reply.failed = String(error);
  }
  self.postMessage(reply);
};
