/** A directive set as JSON. A string is taken as UTF-8. */
export type Document = string | Uint8Array;

/** Milliseconds since 1970, or RFC 3339 with offset. */
export type Time = number | string | Date;

export interface Options {
  /** The point in time that is meant; the machine's now if absent. */
  now?: Time;
  /** What `ttl_secs` counts from; `now` if absent. */
  anchor?: Time;
  /** The key under which the document will lie, for its digest; `aldis/directives` if absent. */
  key?: string;
}

export type Level = "Off" | "Shape" | "ShapeTiming" | "ShapeRewriteDiff";

export type Endpoint =
  | "IngestDoc" | "IngestBulk" | "Search" | "MultiSearch" | "Count" | "GetById"
  | "MultiGet" | "DeleteById" | "DeleteByQuery" | "Cursor" | "Admin" | "Unknown";

/** The facts of one request; what is absent is not known. */
export interface Request {
  tenant?: string | null;
  index?: string | null;
  principal?: string | null;
  endpoint?: Endpoint | null;
  request_id?: string | null;
  trace_id?: string | null;
  /** Of several with one name, which only pairs can have, the first counts. */
  labels?: Record<string, string> | [string, string][];
}

/** From here to before there, as strings of JavaScript and editors count. */
export interface Range {
  from: number;
  to: number;
}

/** Why a document is refused, and where. */
export interface DocumentError {
  /** Stable: may be matched on. */
  reason: string;
  /** Such as `directives[3].tennant`; empty for the document as a whole. */
  path: string;
  /** From one. */
  line: number;
  /** In characters, from one. */
  column: number;
  message: string;
  /** What might mend it. */
  help: string | null;
  range: Range;
}

/** A document that is refused. */
export interface Refused {
  error: DocumentError;
}

/** What was handed over is not what the function takes. */
export interface No {
  error: { reason: "bad_request" | "bad_image"; message: string };
}

export type WarningKind =
  | "fleet_wide" | "capture_without_tenant" | "expired" | "expires_soon" | "expires_late"
  | "never_applies" | "samples_nothing" | "no_effect" | "shadowed";

/** Something legal that may not be meant. */
export interface Warning {
  warning: WarningKind;
  /** Such as `directives[3]`. */
  path: string;
  id: string;
  message: string;
  /** The directive. */
  range: Range;
}

export interface Valid {
  valid: true;
  directives: number;
  digest: string;
  warnings: Warning[];
}

export interface Invalid {
  valid: false;
  error: DocumentError;
}

export type Checked = Valid | Invalid;

export interface Decided {
  level: Level;
  ring_buffer: boolean;
  capture: boolean;
  /** The id of the directive that decided. */
  decided_by: string | null;
  /** Always null here: a document by itself has none. */
  revision: null;
  /** Null for an image. */
  digest: string | null;
}

/** What one directive has to do with a request. */
export type Line = { id: string; applies: true } | { id: string; applies: false; why: string };

export interface Explained extends Decided {
  /** One for each directive, in document order. */
  explain: Line[];
}

/** What changes, by ids. */
export interface Difference {
  added: string[];
  removed: string[];
  changed: { id: string; fields: string[] }[];
}

/** One directive, for people. */
export interface Shown {
  id: string;
  level: Level;
  /** `every Search of tenant acme, one request in four, until 14:05 UTC, in 23 min` */
  reach: string;
  /** `records ShapeTiming, captures` */
  effect: string;
  /** Milliseconds since 1970; null: from the beginning of time. */
  not_before: number | null;
  /** Milliseconds since 1970. */
  expires_at: number;
  sample_per_mille: number;
  sample_by: "request_id" | "trace_id" | "tenant" | "principal";
  suppress: boolean;
  /** Where it stands in its document; null for an image. */
  range: Range | null;
}

export interface Versions {
  /** Of this package. */
  aldis: string;
  /** Of the images that it writes and reads. */
  image: number;
}
