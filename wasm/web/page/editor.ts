// The editor. It stands in a shadow root: there CodeMirror's styles come as sheets that a strict policy allows.
import { closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { HighlightStyle, bracketMatching, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import type { Diagnostic } from "@codemirror/lint";
import { Compartment, EditorState } from "@codemirror/state";
import type { Extension } from "@codemirror/state";
import { EditorView, drawSelection, highlightActiveLine, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { make } from "./dom";

/** A longer document is neither coloured nor wrapped: that would cost more of the thread that types than it is worth. */
const COLOURED = 200_000;

const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--key)" },
  { tag: tags.string, color: "var(--text)" },
  { tag: tags.number, color: "var(--number)" },
  { tag: [tags.bool, tags.null], color: "var(--atom)" },
]);

const look = EditorView.theme({
  "&": { height: "100%", color: "var(--ink)", backgroundColor: "var(--field)", fontSize: "13.5px" },
  "&.cm-focused": { outline: "none" },
  ".cm-content": { caretColor: "var(--ink)", fontFamily: "ui-monospace, monospace" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": { backgroundColor: "var(--ground)", color: "var(--soft)", borderRight: "1px solid var(--line)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--accent) 9%, transparent)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "color-mix(in srgb, var(--accent) 30%, transparent)",
  },
  // In place of pictures, which the policy does not let in.
  ".cm-lint-marker-error, .cm-lint-marker-warning": { content: "normal" },
  ".cm-lint-marker::before": { content: '"●"', fontSize: "0.9em", lineHeight: "1" },
  ".cm-lint-marker-error::before": { color: "var(--bad)" },
  ".cm-lint-marker-warning::before": { color: "var(--warn)" },
  ".cm-lintRange-error, .cm-lintRange-warning": { backgroundImage: "none", textDecoration: "underline wavy", textUnderlineOffset: "3px" },
  ".cm-lintRange-error": { textDecorationColor: "var(--bad)" },
  ".cm-lintRange-warning": { textDecorationColor: "var(--warn)" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--bad)" },
  ".cm-diagnostic-warning": { borderLeftColor: "var(--warn)" },
  ".cm-lintPoint::after": { borderBottomColor: "var(--bad)" },
  ".cm-tooltip": { backgroundColor: "var(--card)", color: "var(--ink)", border: "1px solid var(--field-line)", borderRadius: "6px" },
  ".cm-tooltip .about, .cm-completionInfo, .cm-diagnostic": { padding: "6px 9px", maxWidth: "26rem", font: "13px/1.45 system-ui, sans-serif" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
});

export interface Editor {
  view: EditorView;
  text(): string;
  replace(text: string): void;
  show(diagnostics: Diagnostic[]): void;
  goTo(from: number, to: number): void;
  assist(extension: Extension): void;
}

export function openEditor(into: HTMLElement, text: string, changed: () => void): Editor {
  const root = into.attachShadow({ mode: "open" });
  const parent = make("div", "");
  parent.style.height = "100%";
  root.append(parent);
  const [assisted, language] = [new Compartment(), new Compartment()];
  let isColoured = text.length <= COLOURED;
  const coloured = (is: boolean) => (is ? [json(), syntaxHighlighting(colours), EditorView.lineWrapping] : []);
  const extensions = [
    lineNumbers(), lintGutter(), highlightSpecialChars(), history(), drawSelection(), indentOnInput(), bracketMatching(), closeBrackets(),
    highlightActiveLine(), language.of(coloured(isColoured)), look, assisted.of([]),
    keymap.of([...closeBracketsKeymap, ...completionKeymap, ...lintKeymap, ...defaultKeymap, ...historyKeymap]),
    EditorView.contentAttributes.of({ "aria-label": "The document, as JSON", spellcheck: "false", tabindex: "0" }),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) changed();
    }),
  ];
  const view = new EditorView({ state: EditorState.create({ doc: text, extensions }), parent, root });
  const recolour = () => {
    const is = view.state.doc.length <= COLOURED;
    if (is === isColoured) return;
    isColoured = is;
    view.dispatch({ effects: language.reconfigure(coloured(is)) });
  };
  return {
    view,
    text: () => {
      recolour();
      return view.state.doc.toString();
    },
    replace: (next) => {
      if (next.length > COLOURED && isColoured) {
        isColoured = false;
        view.dispatch({ effects: language.reconfigure(coloured(false)) });
      }
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next }, selection: { anchor: 0 } });
    },
    show: (diagnostics) => view.dispatch(setDiagnostics(view.state, diagnostics)),
    goTo: (from, to) => {
      const end = view.state.doc.length;
      view.dispatch({ selection: { anchor: Math.min(from, end), head: Math.min(to, end) }, scrollIntoView: true });
      view.focus();
    },
    assist: (extension) => view.dispatch({ effects: assisted.reconfigure(extension) }),
  };
}
