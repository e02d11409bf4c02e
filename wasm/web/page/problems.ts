// What is wrong with the document, and what may not be meant: in the editor, in a list, and in one word at the top.
import type { Diagnostic } from "@codemirror/lint";
import type { DocumentError, Warning } from "aldis-web";
import { by, count, make, say } from "./dom";
import type { Editor } from "./editor";
import type { Judged } from "./protocol";

export function showProblems({ checked, more }: Judged, editor: Editor, length: number): void {
  const list = by("problems");
  const verdict = by("verdict");
  if (!checked.valid) {
    const { error } = checked;
    list.replaceChildren(make("li", "", refusal(error, editor)));
    editor.show([ofError(error, length)]);
    say(verdict, `Refused: ${error.message}, line ${error.line}`, "invalid");
    return;
  }
  const items = checked.warnings.map((warning) => make("li", "", caution(warning, editor)));
  if (more > 0) items.push(make("li", "empty", `and ${count(more, "more warning")}`));
  list.replaceChildren(...items);
  editor.show(checked.warnings.map((warning) => ofWarning(warning, length)));
  const all = checked.warnings.length + more;
  const directives = count(checked.directives, "directive");
  say(verdict, all === 0 ? `Valid: ${directives}` : `Valid: ${directives}, ${count(all, "warning")}`, all === 0 ? "valid" : "warned");
}

function refusal(error: DocumentError, editor: Editor): HTMLElement {
  const where = `${error.line}:${error.column} ${error.path}`.trim();
  const help = error.help === null ? [] : [make("span", "help", error.help)];
  return jump("error", editor, error.range, make("span", "tag", error.reason), ` at ${where}: ${error.message}`, ...help);
}

function caution(warning: Warning, editor: Editor): HTMLElement {
  return jump("warning", editor, warning.range, make("span", "tag", warning.warning), ` ${warning.id}: ${warning.message}`);
}

/** A button that leads to the place. */
function jump(kind: string, editor: Editor, { from, to }: { from: number; to: number }, ...content: (string | Node)[]): HTMLElement {
  const button = make("button", kind, ...content);
  button.type = "button";
  button.addEventListener("click", () => editor.goTo(from, to));
  return button;
}

/** The document may be shorter by now than it was. */
function within(range: { from: number; to: number }, length: number): { from: number; to: number } {
  const from = Math.min(range.from, length);
  return { from, to: Math.max(from, Math.min(range.to, length)) };
}

function ofError(error: DocumentError, length: number): Diagnostic {
  const message = error.help === null ? error.message : `${error.message}; ${error.help}`;
  return { ...within(error.range, length), severity: "error", source: error.reason, message };
}

function ofWarning(warning: Warning, length: number): Diagnostic {
  // Only its beginning: a document of warnings would be underlined from end to end.
  const { from } = within(warning.range, length);
  return { from, to: Math.min(from + 1, length), severity: "warning", source: warning.warning, message: `${warning.id}: ${warning.message}` };
}
