// What the page and its worker say to each other. The worker does all that grows with the document, so that typing never
// waits.
import type { Checked, Decided, Difference, DocumentError, Line, Request, Shown, Versions } from "aldis-web";

/** How many directives are shown at a time. */
export const PAGE = 20;
/** Of so many lines of why and why not the first are shown. */
export const LINES = 200;
/** Of so many warnings the first are shown. */
export const WARNINGS = 100;
/** How many requests the picture shows. */
export const SAMPLE = 1000;

export interface Judged {
  checked: Checked;
  /** How many warnings there are beside those that came along. */
  more: number;
  /** Whether a directive has no target, be its warning among them or not. */
  isFleetWide: boolean;
}

export interface Described {
  from: number;
  total: number;
  shown: Shown[];
}

export interface Trial {
  request: Request;
  now: string | undefined;
  /** The sample, one request a line, as JSON; made of the request where it is empty. */
  own: string;
}

export interface Tried {
  decided: Decided | null;
  /** What is wrong with the request. */
  error: string | null;
  /** Those that apply come first. */
  lines: Line[];
  total: number;
  applying: number;
  /** For each request of the sample the place of its level, lowest first. */
  sample: Uint8Array;
  /** Whether the sample is the person's own. */
  isOwn: boolean;
  /** What is wrong with that, or which directives it has nothing for. */
  remark: string;
}

export type Compared =
  | { difference: Difference }
  | { broken: "live" | "editor"; error: DocumentError | { message: string } };

/** What can be asked, and what comes of it. */
export interface Calls {
  start: { ask: null; answer: { schema: object; versions: Versions } };
  judge: { ask: string; answer: Judged };
  /** Nothing while the document is refused. */
  describe: { ask: number; answer: Described | null };
  try: { ask: Trial; answer: Tried };
  compare: { ask: string; answer: Compared };
  format: { ask: null; answer: string | null };
}
export type Name = keyof Calls;
export type Ask = { [N in Name]: { id: number; name: N; ask: Calls[N]["ask"] } }[Name];
export interface Answer {
  id: number;
  answer?: unknown;
  failed?: string;
}
