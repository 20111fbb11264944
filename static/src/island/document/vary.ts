/** Variants of a node: how many a setting asks for, and its lists as people type them. Twin of the engine's vary. */

import type { ParamSchema } from "../boot";
import { isFields } from "./treatment";
import type { Json, Params } from "./types";

export const VARIANTS_MOST = 64;
export const SWEEPS_MOST = 2;

export type Choose = "first" | "votes" | "person";

export interface Vary {
  models?: string[];
  seeds?: number | number[];
  sweep?: Record<string, Json[]>;
  choose?: Choose;
}

export const varyOf = (params: Params): Vary | null => (isFields(params["$vary"]) ? (params["$vary"] as Vary) : null);

/** How many variants it asks for; 0 where it compares nothing. */
export function variantsCount({ models, seeds, sweep }: Vary): number {
  const counts = [models?.length ?? 0, Array.isArray(seeds) ? seeds.length : (seeds ?? 0), ...Object.values(sweep ?? {}).map((values) => values.length)];
  return counts.some(Boolean) ? counts.reduce((whole, count) => whole * (count || 1), 1) : 0;
}

/** Without what is empty or says no more than nothing does; undefined where nothing is left to compare. */
export function varyKept({ models, seeds, sweep, choose }: Vary): Vary | undefined {
  const lists = Object.entries(sweep ?? {}).filter(([, values]) => values.length);
  const kept: Vary = {
    ...(models?.length ? { models } : {}),
    ...((Array.isArray(seeds) ? seeds.length : seeds) ? { seeds: seeds! } : {}),
    ...(lists.length ? { sweep: Object.fromEntries(lists) } : {}),
  };
  if (!variantsCount(kept)) return undefined;
  return { ...kept, ...(choose && choose !== "first" ? { choose } : {}) };
}

const DASH = /^(-?[\d.]+)\s*(?:\.\.|–|—|-|…)\s*(-?[\d.]+)(?:\s*[:/]\s*([\d.]+))?$/;
const typeOf = ({ type }: ParamSchema): string | undefined => (Array.isArray(type) ? type.find((each) => each !== "null") : type);

/** From, to and step as numbers, both ends included where the step meets them; at most what can be compared. */
export function rangeValues(from: number, to: number, by: number): number[] {
  if (![from, to, by].every(Number.isFinite) || by <= 0 || to < from) return [];
  const places = Math.max(...[from, to, by].map((each) => (String(each).split(".")[1] ?? "").length));
  const count = Math.floor((to - from) / by + 1e-9) + 1;
  return Array.from({ length: Math.min(count, VARIANTS_MOST + 1) }, (_, at) => Number((from + at * by).toFixed(places)));
}

/** Values as people type them: between commas, or `from–to:step`. Each once. What is no number is left out of numbers. */
export function valuesRead(text: string, schema: ParamSchema): Json[] {
  const type = typeOf(schema);
  const numeric = type === "number" || type === "integer";
  const parts = text.split(/[,;，；\n]/).map((part) => part.trim()).filter(Boolean);
  if (!numeric) return [...new Set(parts)];
  const found = parts.flatMap((part) => {
    const range = DASH.exec(part);
    if (range) return rangeValues(Number(range[1]), Number(range[2]), range[3] === undefined ? (schema.multipleOf ?? 1) : Number(range[3]));
    const value = Number(part);
    return Number.isFinite(value) ? [value] : [];
  });
  return [...new Set(found)];
}

/** The settings that can be swept: one value each, of a list or a number or a short text. */
export function sweepable(properties: Record<string, ParamSchema>): [string, ParamSchema][] {
  return Object.entries(properties).filter(([name, schema]) => {
    const type = typeOf(schema);
    if (name === "seed" || schema.format === "model" || schema.format === "asset" || schema.format === "seed") return false;
    return Boolean(schema.enum) || type === "boolean" || type === "number" || type === "integer" || type === "string";
  });
}
