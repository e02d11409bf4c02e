// Where in a document a position is: before a field's name, or at the value of one.
import { syntaxTree } from "@codemirror/language";
import type { EditorState } from "@codemirror/state";
import type { SyntaxNode } from "@lezer/common";

export type Place =
  | { kind: "field"; isRoot: boolean; taken: string[] }
  | { kind: "value"; field: string };

/** What could be written where `from` begins; nothing where anything could. */
export function placeOf(state: EditorState, from: number): Place | null {
  const container = enclosing(state, from);
  if (container === null) return null;
  const before = state.sliceDoc(Math.max(0, from - 300), from).trimEnd();
  if (before.endsWith(":")) {
    const name = /"([a-z_]+)"\s*:$/.exec(before)?.[1];
    return name !== undefined && isDirective(container) ? { kind: "value", field: name } : null;
  }
  if (container.name === "Array") return itemOf(state, container);
  const isRoot = container.parent?.name === "JsonText";
  if (!isRoot && !isDirective(container)) return null;
  return { kind: "field", isRoot, taken: names(state, container) };
}

function itemOf(state: EditorState, array: SyntaxNode): Place | null {
  const property = array.parent;
  const isIn = property?.name === "Property" && property.parent !== null && isDirective(property.parent);
  return isIn ? { kind: "value", field: nameOf(state, property) } : null;
}

function enclosing(state: EditorState, position: number): SyntaxNode | null {
  let node: SyntaxNode | null = syntaxTree(state).resolveInner(position, -1);
  while (node !== null && !((node.name === "Object" || node.name === "Array") && node.from < position)) node = node.parent;
  return node;
}

/** An object in the array of the root. */
function isDirective(node: SyntaxNode): boolean {
  const array = node.parent;
  return node.name === "Object" && array?.name === "Array" && array.parent?.parent?.parent?.name === "JsonText";
}

function names(state: EditorState, object: SyntaxNode): string[] {
  return object.getChildren("Property").map((property) => nameOf(state, property));
}

export function nameOf(state: EditorState, property: SyntaxNode): string {
  const name = property.getChild("PropertyName");
  return name === null ? "" : state.sliceDoc(name.from, name.to).replaceAll('"', "");
}
