// The package behind one function, so that it is asked the same in Node and in Chromium.

// `api` is the package. A call is {call, anchor, now, request}; `document` gives the bytes of the document.
export function engine(api) {
  let set = null;
  const load = async ({ anchor }, document) => {
    set?.free();
    set = null;
    const bytes = await document();
    const compiled = api.compile(bytes, { anchor });
    const checked = api.check(bytes, { anchor });
    if (checked.valid !== !("error" in compiled)) return { broken: "check and compile differ" };
    if ("error" in compiled) {
      if (JSON.stringify(compiled.error) !== JSON.stringify(checked.error)) return { broken: "two errors" };
      return { refused: compiled.error };
    }
    set = compiled;
    return { ok: set.length };
  };
  const explain = ({ request, now }) => {
    const { explain, ...decided } = set.explain(request, now);
    const again = set.evaluate(request, now);
    return JSON.stringify(decided) === JSON.stringify(again)
      ? { ok: { ...decided, explain } }
      : { broken: "explain and evaluate differ" };
  };
  return async (call, document) => (call.call === "load" ? load(call, document) : explain(call));
}
