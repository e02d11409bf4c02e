// A request to try: what is decided, why, and which of a thousand like it would be taken.
import type { Endpoint, Request } from "aldis-web";
import { by, make, say, visible } from "./dom";
import type { Trial, Tried } from "./protocol";

const ENDPOINTS: Endpoint[] = [
  "Search", "MultiSearch", "Count", "GetById", "MultiGet", "IngestDoc", "IngestBulk", "DeleteById", "DeleteByQuery", "Cursor",
  "Admin", "Unknown",
];
const LEVELS = ["Off", "Shape", "ShapeTiming", "ShapeRewriteDiff"];
const [COLUMNS, CELL] = [50, 10];

export function openTrial(changed: () => void): void {
  const endpoint = form().elements.namedItem("endpoint") as HTMLSelectElement;
  endpoint.append(...ENDPOINTS.map((name) => new Option(name)), new Option("not known", ""));
  form().addEventListener("input", changed);
  by("requests").addEventListener("input", changed);
  form().addEventListener("submit", (event) => event.preventDefault());
  by("legend").append(...LEVELS.map((level, place) => make("li", `l${place}`, level)));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
}

const form = () => by<HTMLFormElement>("request");

/** What the form says; what is left empty is not known. */
export function asked(): Trial {
  const given = new FormData(form());
  const text = (name: string) => String(given.get(name) ?? "").trim() || null;
  const labels = (text("labels") ?? "").split(",").map((pair): [string, string] => {
    const [name = "", ...value] = pair.split("=");
    return [name.trim(), value.join("=").trim()];
  });
  const request: Request = {
    tenant: text("tenant"), index: text("index"), principal: text("principal"),
    endpoint: text("endpoint") as Endpoint | null,
    request_id: text("request_id"), trace_id: text("trace_id"),
    labels: labels.filter(([name]) => name !== ""),
  };
  return { request, now: text("now") ?? undefined, own: by<HTMLTextAreaElement>("requests").value };
}

export function showTried(tried: Tried): void {
  const decision = by("decision");
  const { decided } = tried;
  if (decided === null) {
    say(decision, tried.error ?? "Nothing is decided while the document is refused.");
  } else {
    const flags = [decided.ring_buffer ? "ring buffer" : "", decided.capture ? "capture" : ""].filter((flag) => flag !== "");
    const by_ = decided.decided_by === null ? "no directive decides" : `decided by ${decided.decided_by}`;
    const rest = visible([` ${by_}`, ...flags].join(", "));
    if (decision.textContent !== decided.level + rest) decision.replaceChildren(make("strong", "", decided.level), rest);
  }
  const lines = tried.lines.map((line) =>
    line.applies
      ? make("li", "yes", make("strong", "", line.id), " applies")
      : make("li", "not", make("strong", "", line.id), ` does not: ${line.why}`),
  );
  const more = tried.total - tried.lines.length;
  if (more > 0) lines.push(make("li", "not", `and ${more} more that do not`));
  by("why").replaceChildren(...lines);
  say(by("idle"), tried.remark);
  draw(tried.sample);
  say(by("sample-text"), decided === null ? "Nothing is decided." : words(tried));
}

function draw(sample: Uint8Array): void {
  const canvas = by<HTMLCanvasElement>("sample");
  const style = getComputedStyle(canvas);
  const context = canvas.getContext("2d");
  const colours = LEVELS.map((_, place) => style.getPropertyValue(`--level-${place}`));
  context?.clearRect(0, 0, canvas.width, canvas.height);
  sample.forEach((level, place) => {
    if (context === null) return;
    context.fillStyle = colours[level] ?? "";
    context.fillRect((place % COLUMNS) * CELL, Math.floor(place / COLUMNS) * CELL, CELL - 2, CELL - 2);
  });
}

function words({ sample, isOwn }: Tried): string {
  const of = LEVELS.map((name, level) => [name, sample.filter((one) => one === level).length] as const);
  const on = of.slice(1).filter(([, number]) => number > 0).map(([name, number]) => `${number} ${name}`);
  const what = isOwn ? "requests of your own" : "like it, each with an id of its own";
  return on.length === 0 ? `None of ${sample.length} ${what}.` : `${on.join(", ")} of ${sample.length} ${what}.`;
}
