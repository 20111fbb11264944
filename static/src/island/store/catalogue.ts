/** Node types and models: what there is to build with. It does not change while the page is open. */

import type { Model, NodeType, ParamSchema, ParamsSchema, PortType } from "../boot";
import { atVersion } from "../document/connections";
import { typeTreated } from "../document/treatment";
import type { GraphNode } from "../document/types";
import { t } from "../i18n";

/** The newest version of each type, and beside them every version known: nodes that are workflows stay with theirs. */
const types = new Map<string, NodeType>();
const versions = new Map<string, NodeType>();
const models = new Map<string, Model>();
let settings: Record<string, ParamSchema> = {};

export function catalogueFill(nodeTypes: readonly NodeType[], modelList: readonly Model[], treatment: Record<string, ParamSchema> = {}): void {
  settings = treatment;
  for (const each of nodeTypes) {
    versions.set(each.type, each);
    versions.set(`${each.type}@${each.version}`, each);
    if (each.version >= (types.get(each.type)?.version ?? 0)) types.set(each.type, each);
  }
  modelList.forEach((each) => models.set(each.id, each));
}

export const nodeTypes = (): ReadonlyMap<string, NodeType> => versions;
export const nodeType = (type: string): NodeType | undefined => types.get(type);

/** The type of this very node, in the version it has; its settings may give it an error output. */
export function nodeTypeOf(node: GraphNode | undefined): NodeType | undefined {
  const type = node && atVersion(versions, node);
  return type && typeTreated(type, node.params);
}

/** What people read for a node: its title, else its type's. */
export const nodeTitle = (node: GraphNode | undefined): string => node?.title || nodeTypeOf(node)?.title || node?.type || "?";

/** Schemas of how any node may be treated: retries, time limit, failure, reuse. */
export const settingSchemas = (): Record<string, ParamSchema> => settings;

export const model = (id: unknown): Model | undefined => (typeof id === "string" ? models.get(id) : undefined);

/** The models for a field: those that can do what its node does. */
export function modelsFor(schema: ParamSchema | undefined): Model[] {
  const { "x-model-kind": kind, "x-model-capability": capability } = schema ?? {};
  return [...models.values()].filter((each) => (capability ? each.capabilities.includes(capability) : !kind || each.kind === kind));
}

/** The field of a node type that chooses its model, if it asks one. */
export const modelSchemaOf = (type: NodeType | undefined): ParamSchema | undefined =>
  Object.values(type?.params.properties ?? {}).find((schema) => schema.format === "model");

const CATEGORIES = ["input", "image", "video", "audio", "text", "media", "flow", "workflow", "data", "output", "test"];

export function categoryTitle(category: string): string {
  const titles: Record<string, string> = {
    input: t("Input"),
    image: t("Image"),
    video: t("Video"),
    audio: t("Audio"),
    text: t("Text"),
    media: t("Media"),
    flow: t("Flow"),
    workflow: t("Workflows"),
    data: t("Data"),
    output: t("Output"),
    test: t("Test"),
  };
  return titles[category] ?? category;
}

/** Node types whose name, title or description has every word of the query, grouped by category in a fixed order. */
export function typesFound(query: string, fits: (type: NodeType) => boolean = () => true): [string, NodeType[]][] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const groups = new Map<string, NodeType[]>();
  for (const each of types.values()) {
    const text = `${each.title} ${each.type} ${each.description} ${categoryTitle(each.category)}`.toLowerCase();
    if (!words.every((word) => text.includes(word)) || !fits(each)) continue;
    groups.set(each.category, [...(groups.get(each.category) ?? []), each]);
  }
  const rank = (category: string): number => (CATEGORIES.indexOf(category) + CATEGORIES.length + 1) % (CATEGORIES.length + 1);
  return [...groups].sort(([a], [b]) => rank(a) - rank(b));
}

/** The schema of a node's form: the type's own, and behind it what the chosen model takes. */
export function schemaOf(type: NodeType | undefined, modelId: unknown): ParamsSchema {
  const own = type?.params ?? {};
  const extra = model(modelId)?.params;
  if (!extra) return own;
  return {
    ...own,
    properties: { ...own.properties, ...withoutKeys(extra.properties ?? {}, own.properties ?? {}) },
    required: [...(own.required ?? []), ...(extra.required ?? [])],
  };
}

/** What an input port brings is not asked for again, and the node type's own fields win. */
function withoutKeys<T>(entries: Record<string, T>, taken: Record<string, unknown>): Record<string, T> {
  return Object.fromEntries(Object.entries(entries).filter(([key]) => !(key in taken)));
}

export function portColour(type: PortType | undefined): string {
  return `var(--port-${type ?? "any"})`;
}
