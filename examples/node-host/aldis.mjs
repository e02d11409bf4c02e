// A host of the Aldis guest in plain JavaScript, written from wasm/ABI.md. No packages: Node, Deno and browsers run it.

const LEVELS = ["Off", "Shape", "ShapeTiming", "ShapeRewriteDiff"];
const ENDPOINTS = ["IngestDoc", "IngestBulk", "Search", "MultiSearch", "Count", "GetById",
  "MultiGet", "DeleteById", "DeleteByQuery", "Cursor", "Admin", "Unknown"];
const TEXTS = [["tenant", 1], ["index", 2], ["principal", 4], ["request_id", 8], ["trace_id", 16]];
const [VERSION, HEADER_BYTES, STAMP_BYTES, LONGEST] = [1, 16, 40, 0xffff];
const [NO_DIRECTIVE, ENDPOINT, BAD_IMAGE, BAD_DOCUMENT] = [0xffffffff, 32, -7, -8];
const OFF = Object.freeze({ level: "Off", ring_buffer: false, capture: false, decided_by: null });
const [encoder, decoder, HALF] = [new TextEncoder(), new TextDecoder("utf-8", { ignoreBOM: true }), /\p{Cs}/u];

/** One guest for one thread. Times are milliseconds since the epoch: numbers, rounded down, or bigints up to 2^64 - 1. */
export class Guest {
  #module; #guest; #room; #restore = []; // the last one loads into a new instance what was in force

  /** From `aldis_guest.wasm`, compiled: `new Guest(await WebAssembly.compile(bytes))`. */
  constructor(module) {
    this.#module = module;
    this.#start();
  }

  /** Puts a document in force (bytes; its `ttl_secs` count from `anchor`) and gives the number of directives. What the
   *  guest refuses is thrown as an error whose `why` tells reason and place; the set before it stays in force. */
  loadDocument(bytes, anchor, stamp) {
    return this.#load(bytes, stamp, (length, from) => this.#guest.aldis_load_document(length, from), anchor);
  }

  /** The same with an image that `aldis-core` made; its times are absolute. */
  loadImage(bytes, stamp) {
    return this.#load(bytes, stamp, (length) => this.#guest.aldis_load_image(length));
  }

  /** Decides on `{ tenant, index, principal, endpoint, request_id, trace_id, labels }`, each of them if it is known. */
  evaluate(request, now) {
    return this.#guarded(OFF, now, (at) => {
      const bits = this.#guest.aldis_evaluate(this.#write(request), at);
      const [place, high] = [Number(bits & 0xffffffffn), Number(bits >> 32n)];
      if (high >> 16 !== 0) return OFF; // a status
      const decided_by = place === NO_DIRECTIVE ? null : this.#output(this.#guest.aldis_directive_id(place));
      return { level: LEVELS[high & 0xff], ring_buffer: !!(high & 0x100), capture: !!(high & 0x200), decided_by };
    });
  }

  /** Says of every directive whether it applies and, if not, why: `[{ id, applies, why }]`. */
  explain(request, now) {
    return this.#guarded([], now, (at) => {
      const [length, lines] = [this.#write(request), []];
      for (let text; (text = this.#output(this.#guest.aldis_explain(length, at, lines.length))) !== "";)
        lines.push(...text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line)));
      return lines;
    });
  }

  #start() {
    this.#guest = new WebAssembly.Instance(this.#module).exports;
    if (this.#guest.aldis_abi_version() !== VERSION) throw new Error(`not a guest of ABI version ${VERSION}`);
    this.#room = { place: 0, length: 0 };
  }

  /** After a trap an instance is worth nothing: a new one takes over, with what was in force. */
  #guarded(otherwise, time, call) {
    const millis = BigInt(typeof time === "number" ? Math.floor(time) : time); // what is no time is the caller's to mend
    try {
      return call(millis);
    } catch (error) {
      if (error instanceof Refused) return otherwise; // and it lives on
      if (!(error instanceof WebAssembly.RuntimeError || error instanceof RangeError)) throw error; // or no stack left
      this.#start();
      try { this.#restore.splice(0).forEach((restore) => restore()); } catch { /* it traps again: off until the next set */ }
      return otherwise;
    }
  }

  #load(bytes, stamp = new Uint8Array(STAMP_BYTES), load, anchor = 0) {
    const result = this.#guarded(null, anchor, (from) => {
      const length = bytes.length + STAMP_BYTES;
      const room = this.#bytes(this.#guest.aldis_set_reserve(length), length);
      room.set(bytes);
      room.set(stamp, bytes.length);
      return load(length, from);
    });
    if (result === null) throw new Error("the guest broke or has no memory; the one before stays in force");
    if (result === BAD_DOCUMENT || result === BAD_IMAGE) {
      const why = JSON.parse(this.#output(this.#guest.aldis_last_error()));
      throw Object.assign(new Error(`${why.message} [${why.reason}]`), { why });
    }
    this.#restore = [() => this.#load(bytes, stamp, load, anchor)];
    return answered(result);
  }

  /** Writes a request into its buffer and gives the length. What cannot be carried, half a character too, is refused. */
  #write({ endpoint = null, labels = [], ...facts }) {
    const kind = endpoint === null ? 0 : ENDPOINTS.indexOf(endpoint);
    if (kind < 0) throw new TypeError(`there is no endpoint ${endpoint}`);
    const given = TEXTS.reduce((bits, [name, bit]) => (facts[name] == null ? bits : bits | bit), 0);
    const texts = [...TEXTS.map(([name]) => facts[name] ?? ""), ...[...labels].flat()];
    const [encoded, count] = [texts.map((text) => encoder.encode(text)), (texts.length - TEXTS.length) / 2];
    const lengths = encoded.map((text) => text.length);
    const length = lengths.reduce((sum, length) => sum + length, HEADER_BYTES + 4 * count);
    if (count > LONGEST || lengths.some((it) => it > LONGEST) || texts.some((it) => HALF.test(it))) throw new Refused();
    if (length > this.#room.length) this.#room = { place: answered(this.#guest.aldis_request_reserve(length)), length };
    const room = this.#bytes(this.#room.place, length);
    room.set([given | (endpoint === null ? 0 : ENDPOINT), kind]);
    const numbers = [count, ...lengths.slice(0, TEXTS.length), 0, ...lengths.slice(TEXTS.length)];
    numbers.forEach((number, at) => room.set([number & 0xff, number >> 8], 2 + 2 * at));
    encoded.reduce((at, text) => (room.set(text, at), at + text.length), HEADER_BYTES + 4 * count);
    return length;
  }

  // A fresh view each time, as any call may move the memory.
  #bytes = (place, length) => new Uint8Array(this.#guest.memory.buffer, answered(place), length);
  #output = (length) => decoder.decode(this.#bytes(this.#guest.aldis_output(), answered(length)));
}

class Refused extends Error {}
function answered(result) {
  if (result < 0) throw new Refused(`the guest answers with status ${result}`);
  return result;
}
