// The sample: requests like the one that is tried, or those that somebody has brought along.
import type { DirectiveSet, Request } from "aldis-web";
import { SAMPLE } from "./protocol";

/** More answers than this are not asked for while somebody types. */
const ANSWERS = 300_000;
/** So many ids are named. */
const NAMED = 12;

/** Requests like this one, each with an id of its own; a trace is a request here. */
export function likeIt(request: Request): Request[] {
  const one = (_: unknown, place: number) => ({ ...request, request_id: `sample-${place}`, trace_id: `sample-${place}` });
  return Array.from({ length: SAMPLE }, one);
}

/** One request a line; nothing if one of them is none. */
export function read(own: string): { requests: Request[]; error: string } {
  const lines = own.split("\n").map((line, place) => ({ line: line.trim(), place: place + 1 }));
  const requests: Request[] = [];
  for (const { line, place } of lines.filter(({ line }) => line !== "").slice(0, SAMPLE)) {
    try {
      requests.push(JSON.parse(line) as Request);
    } catch {
      return { requests: [], error: `Line ${place} of the requests is not JSON.` };
    }
  }
  return { requests, error: "" };
}

/** Which directives apply to none of these requests. */
export function idle(set: DirectiveSet, requests: Request[], now: string | undefined): string {
  if (set.length * requests.length > ANSWERS) return "Too many to tell which directives match nothing in the sample.";
  const at = now ?? Date.now();
  const applies = new Uint8Array(set.length);
  const ids: string[] = [];
  for (const [row, request] of requests.entries()) {
    const explained = set.explain(request, at);
    if ("error" in explained) return `Request ${row + 1} of the sample: ${explained.error.message}`;
    explained.explain.forEach((line, place) => {
      ids[place] = line.id;
      if (line.applies) applies[place] = 1;
    });
  }
  const none = ids.filter((_, place) => applies[place] === 0);
  if (none.length === 0) return "";
  const more = none.length > NAMED ? ` and ${none.length - NAMED} more` : "";
  return `Matches nothing in the sample: ${none.slice(0, NAMED).join(", ")}${more}.`;
}
