// Publishing: what would change, a token, a question, and the answer.
import type { Difference } from "aldis-web";
import { by, count, make, say } from "./dom";
import type { Compared } from "./protocol";

/** A document, and what it was compared with. */
export interface Draft {
  text: string;
  /** Of what was live then: over nothing else it is published. */
  etag: string;
  isFleetWide: boolean;
}

export interface Publisher {
  show(compared: Compared, draft: Draft): void;
}

/** `send` is asked once the person has said yes: to what was shown then, whatever became live meanwhile. */
export function openPublisher(send: (token: string, draft: Draft) => Promise<string>): Publisher {
  const [ask, token, dialog] = [by<HTMLButtonElement>("ask"), by<HTMLInputElement>("token"), by<HTMLDialogElement>("confirm")];
  const [yes, fleetWide] = [by<HTMLButtonElement>("yes"), by<HTMLInputElement>("fleet-wide")];
  let difference: Difference | null = null;
  let draft: Draft = { text: "", etag: "", isFleetWide: false };
  let shown = draft;
  const settle = () => {
    ask.disabled = difference === null || isEmpty(difference) || token.value === "";
    yes.disabled = shown.isFleetWide && !fleetWide.checked;
  };
  token.addEventListener("input", settle);
  fleetWide.addEventListener("input", settle);
  ask.addEventListener("click", () => {
    if (difference === null) return;
    shown = draft;
    fleetWide.checked = false;
    by("fleet").hidden = !shown.isFleetWide;
    say(by("confirm-text"), `${words(difference)} It is in force on every instance at once.`);
    by("confirm-changes").replaceChildren(...changes(difference));
    settle();
    dialog.showModal();
  });
  by("no").addEventListener("click", () => dialog.close());
  yes.addEventListener("click", async () => {
    yes.disabled = true;
    say(by("published"), "Publishing…");
    dialog.close();
    say(by("published"), await send(token.value, shown).catch((error) => `Not published: ${String(error)}`));
  });
  return {
    show: (compared, next) => {
      difference = "difference" in compared ? compared.difference : null;
      draft = next;
      by("changes").replaceChildren(...(difference === null ? [] : changes(difference)));
      say(by("difference"), "difference" in compared ? words(compared.difference) : broken(compared));
      settle();
    },
  };
}

function broken(compared: Extract<Compared, { broken: string }>): string {
  return compared.broken === "editor" ? "A refused document cannot be published." : `What is live cannot be read: ${compared.error.message}`;
}

const isEmpty = ({ added, removed, changed }: Difference) => added.length + removed.length + changed.length === 0;

function words(difference: Difference): string {
  if (isEmpty(difference)) return "The document is what is live.";
  const { added, removed, changed } = difference;
  const parts = [[added.length, "comes", "come"], [removed.length, "goes", "go"], [changed.length, "changes", "change"]] as const;
  const said = parts.filter(([number]) => number > 0).map(([number, one, many]) => `${count(number, "directive")} ${number === 1 ? one : many}`);
  return `${said.join(", ")}.`;
}

/** The first of them: nobody reads ten thousand. */
function changes({ added, removed, changed }: Difference): HTMLElement[] {
  const all = [
    ...added.map((id) => ["added", `+ ${id}`] as const),
    ...removed.map((id) => ["removed", `− ${id}`] as const),
    ...changed.map(({ id, fields }) => ["changed", `~ ${id}: ${fields.join(", ")}`] as const),
  ];
  const shown = all.slice(0, 100).map(([kind, text]) => make("li", kind, text));
  return all.length > shown.length ? [...shown, make("li", "", `and ${all.length - shown.length} more`)] : shown;
}
