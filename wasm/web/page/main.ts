// The page: an editor whose document is judged while it is typed, and what the document would do.
import { assist } from "./assist";
import { by, say } from "./dom";
import { openEditor } from "./editor";
import { Engine, latest } from "./engine";
import { Freshness } from "./freshness";
import { showProblems } from "./problems";
import type { Judged } from "./protocol";
import { openPublisher } from "./publish";
import type { Draft } from "./publish";
import { pageThrough, showReach } from "./reach";
import { follow, publish, readLive } from "./relay";
import type { Live } from "./relay";
import { fields } from "./schema";
import { showTimes } from "./times";
import { asked, openTrial, showTried } from "./trial";

const EXAMPLE = `{"directives":[
  {"id":"why-slow","level":"ShapeTiming","ttl_secs":1380,"tenant":"acme","endpoint":"Search","sample_per_mille":250},
  {"id":"bulk-shape","level":"Shape","ttl_secs":600,"endpoints":["IngestBulk","IngestDoc"],"tenants":["acme","bolt"]}
]}
`;
/** What is said of time is said anew so often, and what is live is asked for again where it could not be read. */
const TICK = 10_000;

const failed = (error: unknown) => say(by("verdict"), `The page is broken: ${String(error)}`, "invalid");
const engine = new Engine(failed);
const freshness = new Freshness(by("freshness"));
let live: Live | null = null;
let from = 0;
let total = 0;

const editor = openEditor(by("editor"), EXAMPLE, () => judge());
const publisher = openPublisher(send);

const describe = latest(async () => {
  const described = await engine.ask("describe", from);
  // What a refused document would do cannot be told; what is there stays, and says so.
  if (described === null) return;
  total = described.total;
  showReach(described, editor);
  showTimes(described.shown, total);
}, failed);

const tryIt = latest(async () => showTried(await engine.ask("try", asked())), failed);

const judge = latest(async () => {
  const text = editor.text();
  const judged = await engine.ask("judge", text);
  by("reach-stale").hidden = judged.checked.valid;
  from = 0;
  showProblems(judged, editor, editor.view.state.doc.length);
  await compare(judged, text);
  describe();
  tryIt();
}, failed);

async function compare({ isFleetWide }: Judged, text: string): Promise<void> {
  if (live === null) return;
  const { etag } = live;
  publisher.show(await engine.ask("compare", live.text), { text, etag, isFleetWide });
}

async function send(token: string, { text, etag, isFleetWide }: Draft): Promise<string> {
  const published = await publish(text, etag, token, isFleetWide);
  // Whatever comes of asking, it does not unsay that.
  follows();
  return published;
}

async function refresh(): Promise<void> {
  const read = await readLive();
  if (read === null) return freshness.unread();
  live = read;
  freshness.read(live.state);
  say(by("standing"), `revision ${live.revision}, digest ${live.digest.slice(0, 12)}`);
  judge();
}

const follows = latest(refresh, () => freshness.unread());

async function connect(): Promise<void> {
  live = await readLive().catch(() => null);
  if (live === null) return;
  for (const id of ["live", "publish", "load-live"]) by(id).hidden = false;
  editor.replace(live.text);
  follow({
    applied: follows,
    state: (state) => freshness.told(state),
    refused: (why) => say(by("published"), why),
    opened: () => {
      freshness.open();
      follows();
    },
    lost: () => freshness.gone(),
  });
  follows();
}

pageThrough((step) => {
  from = Math.min(Math.max(0, from + step), Math.max(0, total - 1));
  describe();
});
openTrial(() => tryIt());
by("load-live").addEventListener("click", () => live !== null && editor.replace(live.text));
by("format").addEventListener("click", async () => {
  const formatted = await engine.ask("format", null);
  if (formatted !== null) editor.replace(formatted);
});
setInterval(() => {
  if (document.hidden) return;
  if (freshness.isBehind) follows();
  describe();
  tryIt();
}, TICK);

const { schema, versions } = await engine.ask("start", null);
editor.assist(assist(fields(schema)));
say(by("version"), `Aldis ${versions.aldis}, images of version ${versions.image}.`);
judge();
await connect().catch(failed);
document.documentElement.dataset["ready"] = "true";
