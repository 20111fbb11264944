/** A field for one value as it travels through a port: words, a figure, yes or no, data, a file. */

import type { ParamSchema, PortType } from "../boot";
import { isFields } from "../document/treatment";
import type { Json } from "../document/types";
import { useAssets } from "../store/assets";
import { Field } from "./Field";

export interface ValuePort {
  name: string;
  type: PortType;
  title: string;
}

const FILES = new Set<PortType>(["image", "video", "audio", "asset"]);

/** True where a value is what the port is about, and not a list of it or something else altogether. */
function plain(type: PortType, value: Json | undefined): boolean {
  if (value === undefined || value === null) return type !== "asset" || value === undefined;
  if (FILES.has(type)) return isFields(value) && typeof value["$asset"] === "string";
  return { text: "string", number: "number", boolean: "boolean" }[type as string] === typeof value;
}

/** What a port that takes anything is about: what it was given. */
function typeOf(type: PortType, value: Json | undefined): PortType {
  if (type !== "any") return type;
  if (value === undefined || typeof value === "string") return "text";
  if (typeof value === "number" || typeof value === "boolean") return typeof value as PortType;
  return plain("asset", value) ? "asset" : "json";
}

/** The schema of a field for this port. Lists, data and tables are written as JSON. */
export function valueSchema({ type: declared, title }: ValuePort, value: Json | undefined, many = false): ParamSchema {
  const type = typeOf(declared, value);
  if (many || !plain(type, value)) return { type: "object", title };
  if (FILES.has(type)) return { format: "asset", title, ...(type === "asset" ? {} : { "x-asset": type }) };
  if (type === "text") return { type: "string", format: "multiline", title };
  if (type === "number" || type === "boolean") return { type, title };
  return { type: "object", title };
}

/** The reference that travels, of a file that was picked. */
function reference(id: string): Json {
  const asset = useAssets.getState().assets[id];
  if (!asset || asset === "missing") return { $asset: id, kind: "file" };
  const { kind, content_type, sha256, size, meta } = asset;
  const of = (name: string): Json => meta[name] ?? null;
  return { $asset: id, kind, content_type: content_type ?? null, sha256: sha256 ?? null, size, width: of("width"), height: of("height"), duration: of("duration") };
}

interface Props {
  port: ValuePort;
  many?: boolean;
  value: Json | undefined;
  readOnly: boolean;
  problem?: string | undefined;
  onChange(value: Json | undefined): void;
}

export function ValueField({ port, many = false, value, readOnly, problem, onChange }: Props): React.ReactElement {
  const schema = valueSchema(port, value, many);
  const file = schema.format === "asset";
  return (
    <Field
      name={port.name}
      schema={schema}
      value={value ?? undefined}
      readOnly={readOnly}
      problem={problem}
      onChange={(next) => onChange(file && typeof next === "string" ? reference(next) : next)}
    />
  );
}
