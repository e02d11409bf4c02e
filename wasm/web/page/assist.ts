// Completion and hover, from the schema.
import { autocompletion } from "@codemirror/autocomplete";
import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import { syntaxTree } from "@codemirror/language";
import type { Extension } from "@codemirror/state";
import { EditorView, hoverTooltip } from "@codemirror/view";
import type { Tooltip } from "@codemirror/view";
import { make } from "./dom";
import { nameOf, placeOf } from "./place";
import type { Field } from "./schema";

export function assist(fields: Map<string, Field>): Extension {
  return [
    autocompletion({ override: [(context) => complete(context, fields)], icons: false }),
    hoverTooltip((view, position) => hover(view, position, fields)),
  ];
}

function complete(context: CompletionContext, fields: Map<string, Field>): CompletionResult | null {
  const word = context.matchBefore(/"?[A-Za-z_]*/);
  if (word === null || (word.from === word.to && !context.explicit)) return null;
  const place = placeOf(context.state, word.from);
  if (place === null) return null;
  const options = place.kind === "value" ? values(fields.get(place.field)) : place.isRoot ? root(place.taken) : names(fields, place.taken);
  return options.length === 0 ? null : { from: word.from, options, validFor: /^"?[A-Za-z_]*$/ };
}

function root(taken: string[]): Completion[] {
  return taken.includes("directives") ? [] : [entry("directives", "What is turned up or down.", '"directives": [|]', 0)];
}

function names(fields: Map<string, Field>, taken: string[]): Completion[] {
  const open = [...fields.values()].filter((field) => !taken.includes(field.name));
  return open.map(({ name, about, start }, place) => {
    const at = /^["[{]/.test(start) ? start.slice(0, start.length / 2) + "|" + start.slice(start.length / 2) : `${start}|`;
    return entry(name, about, `"${name}": ${at}`, place);
  });
}

function values(field: Field | undefined): Completion[] {
  const isText = field?.values[0] !== "true";
  return (field?.values ?? []).map((value, place) => entry(value, "", (isText ? `"${value}"` : value) + "|", place));
}

/** With or without its quotes it is found, and is written with them once. In the order of the schema. */
function entry(label: string, info: string, text: string, place: number): Completion {
  const apply = (view: EditorView, _: Completion, from: number, to: number) => {
    const closes = text.endsWith('"|') && view.state.sliceDoc(to, to + 1) === '"';
    // The quote that the editor put behind the cursor goes with the word.
    const end = closes || view.state.sliceDoc(from, from + 1) === '"' && view.state.sliceDoc(to, to + 1) === '"' ? to + 1 : to;
    const [before = "", after = ""] = text.split("|");
    view.dispatch({ changes: { from, to: end, insert: before + after }, selection: { anchor: from + before.length } });
  };
  return { label: `"${label}"`, displayLabel: label, boost: -place, apply, ...(info === "" ? {} : { info }) };
}

function hover(view: EditorView, position: number, fields: Map<string, Field>): Tooltip | null {
  const node = syntaxTree(view.state).resolveInner(position, 1);
  const property = node.name === "Property" ? node : node.parent;
  const field = property?.name === "Property" ? fields.get(nameOf(view.state, property)) : undefined;
  if (property === null || field === undefined) return null;
  const create = () => ({ dom: make("div", "about", make("strong", "", field.name), ` ${field.about}`) });
  return { pos: property.from, end: property.to, above: true, create };
}
