// The page's elements. Text goes in as text, whatever it holds, and what cannot be seen is spelled out: an id must not look
// like another, nor turn around what stands behind it.

const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;

export function visible(text: string): string {
  return text.replace(UNSEEN, (one) => `\\u{${one.codePointAt(0)?.toString(16) ?? ""}}`);
}

export function by<E extends Element = HTMLElement>(id: string): E {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element as unknown as E;
}

export function make<K extends keyof HTMLElementTagNameMap>(
  name: K,
  kind: string,
  ...content: (string | Node)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  if (kind !== "") element.className = kind;
  element.append(...content.map((part) => (typeof part === "string" ? visible(part) : part)));
  return element;
}

export function svg(name: string, attributes: Record<string, string | number>, text?: string): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  if (text !== undefined) element.textContent = visible(text);
  return element;
}

/** Says it unless it is said already: screen readers read what is put there anew. */
export function say(element: Element, text: string, state?: string): void {
  const shown = visible(text);
  if (element.textContent !== shown) element.textContent = shown;
  if (state !== undefined) (element as HTMLElement).dataset["state"] = state;
}

/** `1 directive`, `2 directives`. */
export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

/** How long, in the largest unit of which there is one. */
export function span(millis: number): string {
  const units: [number, string][] = [[86_400_000, "d"], [3_600_000, "h"], [60_000, "min"], [1000, "s"]];
  const [unit, name] = units.find(([size]) => millis >= size) ?? [1000, "s"];
  return `${Math.floor(millis / unit)} ${name}`;
}
