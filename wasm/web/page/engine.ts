// The worker, as functions that promise an answer.
import type { Answer, Calls, Name } from "./protocol";

export class Engine {
  readonly #worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  readonly #waiting = new Map<number, { yes: (answer: never) => void; no: (error: Error) => void }>();
  #last = 0;

  constructor(broken: (error: string) => void) {
    this.#worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const waiting = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if (data.failed === undefined) waiting?.yes(data.answer as never);
      else waiting?.no(new Error(data.failed));
    };
    this.#worker.onerror = (event) => broken(event.message || "the worker cannot be loaded");
  }

  ask<N extends Name>(name: N, ask: Calls[N]["ask"]): Promise<Calls[N]["answer"]> {
    this.#last += 1;
    const id = this.#last;
    this.#worker.postMessage({ id, name, ask });
    return new Promise((yes, no) => this.#waiting.set(id, { yes, no }));
  }
}

/** Does something again after it was asked for, one at a time, and once for many times that it was asked meanwhile. */
export function latest(run: () => Promise<void>, failed: (error: unknown) => void): () => void {
  let isRunning = false;
  let isWanted = false;
  const go = async () => {
    isRunning = true;
    while (isWanted) {
      isWanted = false;
      await run().catch(failed);
    }
    isRunning = false;
  };
  return () => {
    isWanted = true;
    if (!isRunning) void go();
  };
}
