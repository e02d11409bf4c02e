// What the schema says of a field, for completion and hover.

export interface Field {
  name: string;
  about: string;
  /** The values that there are, where they can be listed. */
  values: string[];
  /** Whether it is a list of them. */
  isList: boolean;
  /** What is written when it is completed, `|` being where one goes on. */
  start: string;
}

interface Node {
  description?: string;
  type?: string;
  enum?: string[];
  items?: Node;
  properties?: Record<string, Node>;
}

/** The fields of a directive by their names. */
export function fields(schema: object): Map<string, Field> {
  const root = schema as Node;
  const properties = root.properties?.["directives"]?.items?.properties ?? {};
  return new Map(Object.entries(properties).map(([name, node]) => [name, field(name, node)]));
}

function field(name: string, node: Node): Field {
  const isList = node.type === "array";
  const values = node.enum ?? node.items?.enum ?? (node.type === "boolean" ? ["true", "false"] : []);
  const starts: Record<string, string> = { integer: "", boolean: "true", array: '[""]', object: "{}" };
  const start = starts[node.type ?? "string"] ?? '""';
  return { name, about: node.description ?? "", values, isList, start };
}
