// A picture of lifetimes: a bar for each directive, from its beginning to its end.
import type { Shown } from "aldis-web";
import { by, count, say, span, svg } from "./dom";

const WIDTH = 500;
const LABEL = 130;
/** Where now is; left of it lies the past. */
const NOW = 150;
const ROW = 20;
const TOP = 22;
const MINUTE = 60_000;
/** Ten minutes, an hour, a day, a month, a year. */
const TICKS = [10 * MINUTE, 60 * MINUTE, 1440 * MINUTE, 43_200 * MINUTE, 525_600 * MINUTE];

export function showTimes(shown: Shown[], total: number): void {
  const picture = by<SVGElement>("times");
  const now = Date.now();
  const ends = shown.map((directive) => directive.expires_at).filter((end) => end > now);
  const last = Math.max(now + 60_000, ...ends);
  // What is near counts more than what is far: minutes and months are on one scale.
  const far = (at: number) => Math.log1p(Math.max(0, at - now) / MINUTE) / Math.log1p((last - now) / MINUTE);
  const x = (at: number) => (at < now ? LABEL : NOW + Math.min(1, far(at)) * (WIDTH - NOW));
  const height = TOP + Math.max(1, shown.length) * ROW + 4;
  picture.setAttribute("viewBox", `0 0 ${WIDTH} ${height}`);
  const rows = shown.flatMap((directive, place) => row(directive, TOP + place * ROW, now, x));
  const axis = [
    svg("text", { x: NOW, y: 13, class: "axis", "text-anchor": "middle" }, "now"),
    svg("text", { x: WIDTH, y: 13, class: "axis", "text-anchor": "end" }, span(last - now)),
    svg("line", { x1: NOW, x2: NOW, y1: 17, y2: height, class: "now" }),
    ...TICKS.filter((tick) => x(now + tick) > NOW + 40 && x(now + tick) < WIDTH - 60).flatMap((tick) => [
      svg("text", { x: x(now + tick), y: 13, class: "axis", "text-anchor": "middle" }, span(tick)),
      svg("line", { x1: x(now + tick), x2: x(now + tick), y1: 17, y2: height, class: "tick" }),
    ]),
  ];
  picture.replaceChildren(...axis, ...rows);
  say(by("times-text"), words(shown, total, now));
}

function row(directive: Shown, y: number, now: number, x: (at: number) => number): SVGElement[] {
  const start = directive.not_before ?? 0;
  const kind = directive.expires_at <= now ? "over" : start > now ? "later" : "on";
  const to = x(directive.expires_at);
  const from = Math.min(x(start), Math.max(LABEL, to - 3));
  const name = directive.id.length > 18 ? `${directive.id.slice(0, 17)}…` : directive.id;
  return [
    svg("text", { x: 0, y: y + 13 }, name),
    svg("rect", { x: from, y: y + 3, width: Math.max(3, to - from), height: ROW - 8, rx: 3, class: kind }),
  ];
}

function words(shown: Shown[], total: number, now: number): string {
  if (total === 0) return "Nothing is on.";
  const [over, going] = [shown.filter((one) => one.expires_at <= now), shown.filter((one) => one.expires_at > now)];
  going.sort((a, b) => a.expires_at - b.expires_at);
  const [next, last] = [going[0], going.at(-1)];
  const of = total > shown.length ? `Of the ${shown.length} shown: ` : "";
  const past = over.length > 0 ? ` ${count(over.length, "directive")} already over.` : "";
  if (next === undefined || last === undefined) return `${of}all of them are over.`;
  const ends = `the next to end is ${next.id}, in ${span(next.expires_at - now)}`;
  const rest = last === next ? "." : `; the last is ${last.id}, in ${span(last.expires_at - now)}.`;
  return of + (of === "" ? ends.replace("the", "The") : ends) + rest + past;
}
