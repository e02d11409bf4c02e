// How fresh what is shown is: as the relay tells it, for as long as the relay is heard.
import { say } from "./dom";
import type { State } from "./relay";

const LOST = "the relay does not answer; trying again";

export class Freshness {
  readonly #shown: Element;
  #state: State = { kind: "stale", why: "not connected" };
  /** Of the stream: gone, there again and silent so far, or what it told holds. */
  #stream: "gone" | "silent" | "told" = "told";
  /** Whether what is live could not be read when it was asked for last. */
  isBehind = false;

  constructor(shown: Element) {
    this.#shown = shown;
  }

  gone(): void {
    this.#stream = "gone";
    this.#show();
  }

  open(): void {
    this.#stream = "silent";
  }

  told(state: State): void {
    this.#stream = "told";
    this.#state = state;
    this.#show();
  }

  /** An answer may be older than what was told meanwhile, so its state counts where nothing was. */
  read(state: State): void {
    this.isBehind = false;
    if (this.#stream === "silent") this.told(state);
    else this.#show();
  }

  unread(): void {
    this.isBehind = true;
    this.#show();
  }

  #show(): void {
    const state: State = this.isBehind || this.#stream !== "told" ? { kind: "stale", why: LOST } : this.#state;
    say(this.#shown, state.kind === "live" ? "live" : state.why, state.kind);
  }
}
