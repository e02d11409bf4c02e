// Whom each directive reaches, in words.
import type { Shown } from "aldis-web";
import { by, make, say } from "./dom";
import type { Editor } from "./editor";
import { PAGE } from "./protocol";
import type { Described } from "./protocol";

/** Calls back with the place of the first directive to show. */
export function pageThrough(turn: (by: number) => void): void {
  by("reach-back").addEventListener("click", () => turn(-PAGE));
  by("reach-on").addEventListener("click", () => turn(PAGE));
}

export function showReach({ from, total, shown }: Described, editor: Editor): void {
  by("reach-none").hidden = total > 0;
  by("reach").replaceChildren(...shown.map((directive) => make("li", "", entry(directive, editor))));
  by("reach-pager").hidden = total <= PAGE;
  by<HTMLButtonElement>("reach-back").disabled = from === 0;
  by<HTMLButtonElement>("reach-on").disabled = from + PAGE >= total;
  say(by("reach-place"), `${from + 1} to ${from + shown.length} of ${total}`);
}

function entry(directive: Shown, editor: Editor): HTMLElement {
  const isOver = directive.expires_at <= Date.now();
  const button = make(
    "button",
    isOver ? "over" : "",
    make("strong", "", directive.id),
    make("span", "effect", directive.effect),
    make("span", "words", directive.reach),
  );
  button.type = "button";
  const { range } = directive;
  if (range !== null) button.addEventListener("click", () => editor.goTo(range.from, range.to));
  return button;
}
