/** What of one model's settings another one takes: twin of `params_fit` in the server's catalogue. */

import type { ParamSchema } from "../boot";
import type { Json, Params } from "./types";

/** Another shape than this schema's values have; text and yes or no are never figures. */
function wrongType(schema: ParamSchema, value: Json): boolean {
  const types = schema.type === undefined ? [] : [schema.type].flat();
  if (!types.length) return false;
  const of = value === null ? ["null"] : Array.isArray(value) ? ["array"] : typeof value === "number" ? (Number.isInteger(value) ? ["integer", "number"] : ["number"]) : [typeof value];
  return !of.some((type) => types.includes(type));
}

function wrongNumber({ minimum, maximum, multipleOf }: ParamSchema, value: number): boolean {
  if (value < (minimum ?? -Infinity) || value > (maximum ?? Infinity)) return true;
  if (!multipleOf) return false;
  const steps = value / multipleOf;
  return Math.abs(steps - Math.round(steps)) > 1e-9;
}

function wrongText({ minLength, maxLength, pattern }: ParamSchema, value: string): boolean {
  const length = [...value].length;
  return length < (minLength ?? 0) || length > (maxLength ?? Infinity) || (pattern !== undefined && !new RegExp(pattern, "u").test(value));
}

const isVariable = (value: Json): boolean => typeof value === "object" && value !== null && !Array.isArray(value) && "$variable" in value;

/** Whether a model whose setting has this schema takes the value. What a variable holds shows when it runs. */
export function paramFits(schema: ParamSchema | undefined, value: Json): boolean {
  if (!schema) return false;
  if (value === null || isVariable(value)) return true;
  if (wrongType(schema, value)) return false;
  if (schema.enum && !schema.enum.includes(value)) return false;
  if (typeof value === "number") return !wrongNumber(schema, value);
  return typeof value !== "string" || !wrongText(schema, value);
}

/** The names of the settings that are set, belong to the model before, and are not for the one after. */
export function paramsDropped(params: Params, before: Record<string, ParamSchema>, after: Record<string, ParamSchema>): string[] {
  return Object.keys(params).filter((name) => name in before && !paramFits(after[name], params[name]!));
}

/** Moves one of a list up (-1) or down (1); at an end it stays. */
export function moved<T>(list: readonly T[], at: number, by: number): T[] {
  const to = at + by;
  if (to < 0 || to >= list.length) return [...list];
  const next = [...list];
  [next[at], next[to]] = [next[to]!, next[at]!];
  return next;
}
