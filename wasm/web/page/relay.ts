// The relay that serves the page, if one does: what is live, how fresh it is, and publishing.

export interface Live {
  text: string;
  etag: string;
  revision: number;
  digest: string;
  state: State;
}

export type State = { kind: "live" } | { kind: "stale"; why: string };

/** What the stream tells, and what becomes of it. */
export interface Told {
  applied: () => void;
  state: (state: State) => void;
  refused: (why: string) => void;
  opened: () => void;
  lost: () => void;
}

/** The browser connects again by itself, but not after an answer that is an error, such as a proxy's. */
const AGAIN = 5_000;

interface Said {
  revision?: number;
  error?: { reason?: string; message?: string; path?: string };
}

/** What is live; nothing where no relay answers. */
export async function readLive(): Promise<Live | null> {
  const response = await fetch("v1/directives", { cache: "no-store", credentials: "same-origin" });
  const revision = response.headers.get("aldis-revision");
  if (!response.ok || revision === null) return null;
  const [etag, digest] = [response.headers.get("etag") ?? "", response.headers.get("aldis-digest") ?? ""];
  const named = response.headers.get("aldis-state") ?? "unknown";
  const state: State = named === "live" ? { kind: "live" } : { kind: "stale", why: `the relay's store is ${named}` };
  return { text: await response.text(), etag, digest, revision: Number(revision), state };
}

/** Follows the changes until the page is left. */
export function follow(tell: Told): void {
  const events = new EventSource("v1/events");
  const on = (name: string, told: (data: Record<string, unknown>) => void) =>
    events.addEventListener(name, (event) => told(JSON.parse((event as MessageEvent<string>).data) as Record<string, unknown>));
  on("applied", tell.applied);
  on("live", () => tell.state({ kind: "live" }));
  on("stale", (data) => tell.state({ kind: "stale", why: `the source is silent: ${String(data["cause"] ?? "")}` }));
  on("reconnecting", (data) => tell.state({ kind: "stale", why: `the relay connects to its source: ${String(data["cause"] ?? "")}` }));
  on("refused", (data) => {
    const error = data["error"] as { message?: string; path?: string } | undefined;
    tell.refused(`revision ${String(data["revision"])} is refused: ${error?.message ?? ""} ${error?.path ?? ""}`.trim());
  });
  events.onopen = tell.opened;
  events.onerror = () => {
    tell.lost();
    if (events.readyState === EventSource.CLOSED) setTimeout(() => follow(tell), AGAIN);
  };
}

/** Publishes over what was live, and over nothing else. What came of it; a rejection if nothing was sent. */
export async function publish(text: string, etag: string, token: string, fleetWide: boolean): Promise<string> {
  const headers = { authorization: `Bearer ${token}`, "if-match": etag, "content-type": "application/json" };
  const path = `v1/directives${fleetWide ? "?fleet_wide=true" : ""}`;
  const request = new Request(path, { method: "PUT", body: text, headers, credentials: "same-origin" });
  const response = await fetch(request).catch(() => null);
  if (response === null) return "No answer: it may have been published.";
  const said = (await response.json().catch(() => ({}))) as Said;
  if (response.ok) return `Published as revision ${said.revision ?? "?"}.`;
  const { reason = String(response.status), message = response.statusText, path: at = "" } = said.error ?? {};
  return `Not published: ${message} ${at === "" ? "" : `at ${at} `}[${reason}]`;
}
