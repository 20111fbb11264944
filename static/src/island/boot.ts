/** What the page hands the island when it starts, and the shapes of the API it talks to. */

import type { GraphDocument, Json } from "./document/types";

export type PortType =
  | "text" | "number" | "boolean" | "json" | "image" | "video" | "audio" | "asset" | "table" | "any";

export interface InputPort {
  name: string;
  type: PortType;
  title: string;
  required: boolean;
  many: boolean;
}

export interface OutputPort {
  name: string;
  type: PortType;
  title: string;
}

/** One property of a JSON Schema, with the extras of the node types. */
export interface ParamSchema {
  type?: string | string[];
  title?: string;
  description?: string;
  default?: Json;
  minimum?: number;
  maximum?: number;
  multipleOf?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  enum?: Json[];
  format?: string;
  items?: ParamSchema;
  properties?: Record<string, ParamSchema>;
  required?: string[];
  "x-enum-titles"?: string[];
  "x-model-kind"?: string;
  "x-model-capability"?: string;
  "x-asset"?: string;
  "x-unit"?: string;
  "x-primary"?: boolean;
  "x-advanced"?: boolean;
}

export interface ParamsSchema {
  type?: string;
  properties?: Record<string, ParamSchema>;
  required?: string[];
}

export interface NodeType {
  type: string;
  version: number;
  title: string;
  category: string;
  description: string;
  effect: "pure" | "paid" | "write" | "wait";
  lane: string;
  icon: string;
  ports: { inputs: InputPort[]; outputs: OutputPort[] };
  params: ParamsSchema;
  price: { models?: string } | null;
}

export interface Model {
  id: string;
  provider: string;
  kind: string;
  title: string;
  description: string;
  capabilities: string[];
  params: ParamsSchema;
  price: { unit?: string; formula?: string } | null;
}

export interface Boot {
  workflow: { id: string; name: string; seq: number; graph: GraphDocument };
  nodeTypes: NodeType[] | { items: NodeType[] };
  models: Model[] | { items: Model[] };
  /** Schemas of how any node may be treated, by their names with a `$`. */
  settings?: Record<string, ParamSchema>;
  user: { id: string; name: string };
  csrf: string;
  urls?: Record<string, string>;
  run?: { id: string; state: string } | null;
}

export interface Mount {
  element: HTMLElement;
  workspace: string;
  workflow: string;
  project: string;
  role: string;
}

/** A list that may come bare or as a page `{items, next}`. */
export function listed<T>(value: T[] | { items: T[] }): T[] {
  return Array.isArray(value) ? value : value.items;
}

/** Reads the island's element and its boot data; null on a page without an island. */
export function bootRead(): { boot: Boot; mount: Mount } | null {
  const element = document.getElementById("canvas-island");
  const script = document.getElementById("island-boot");
  if (!element || !script?.textContent) return null;
  const { workspace = "", workflow = "", project = "", role = "viewer" } = element.dataset;
  return { boot: JSON.parse(script.textContent) as Boot, mount: { element, workspace, workflow, project, role } };
}
