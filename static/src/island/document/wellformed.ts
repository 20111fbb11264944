/** Is this an operation at all? The same answers as the server, so nothing is refused after it was shown. */

import { t } from "../i18n";

const ID = /^[A-Za-z0-9_.:-]{1,64}$/;
const TITLE_MAX = 200;
const NAME_MAX = 100;

type Fields = Record<string, unknown>;
/** A sentence when the value is wrong, else null. */
type Check = (value: unknown) => string | null;

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const has = (value: Fields, key: string): boolean => Object.hasOwn(value, key);
const isNumber = (value: unknown): boolean => typeof value === "number" && Number.isFinite(value);

function isText(value: string): boolean {
  return !value.includes("\0") && !/\p{Surrogate}/u.test(value);
}

const anId: Check = (value) =>
  typeof value === "string" && ID.test(value) ? null : t("An id is 1 to 64 letters, digits or _ . : -");
// In the address of a step, dots alone would lead somewhere else.
const aNodeId: Check = (value) =>
  anId(value) ?? (/^\.+$/.test(value as string) ? t("A node's id must have more than dots.") : null);
const aTitle: Check = (value) =>
  typeof value === "string" && [...value].length <= TITLE_MAX ? null : t("A title is text of at most 200 characters.");
const aVersion: Check = (value) =>
  Number.isInteger(value) && (value as number) >= 1 ? null : t("A version is a whole number from 1.");
const anObject: Check = (value) => (isObject(value) ? null : t("Params are an object."));
const aName: Check = (value) =>
  typeof value === "string" && value !== "" && [...value].length <= NAME_MAX
    ? null
    : t("A name is text of 1 to 100 characters.");
const aPosition: Check = (value) =>
  isObject(value) && Object.keys(value).length === 2 && isNumber(value["x"]) && isNumber(value["y"])
    ? null
    : t("A position is two numbers, x and y.");
const anything: Check = () => null;

/** Checks an object's keys: all of `required` there, nothing beside them and `optional`, each value right. */
function fieldsProblem(value: unknown, required: Record<string, Check>, optional: Record<string, Check> = {}): string | null {
  if (!isObject(value)) return t("An object is expected here.");
  for (const key of Object.keys(required)) {
    if (!has(value, key)) return t("“%(key)s” is missing.", { key });
  }
  for (const [key, field] of Object.entries(value)) {
    const check = has(required, key) ? required[key] : has(optional, key) ? optional[key] : undefined;
    if (!check) return t("“%(key)s” is not known here.", { key });
    const problem = check(field);
    if (problem) return problem;
  }
  return null;
}

const aNode: Check = (value) =>
  fieldsProblem(value, { id: aNodeId, type: anId }, { version: aVersion, title: aTitle, params: anObject, position: aPosition });
const anEdge: Check = (value) =>
  fieldsProblem(value, { id: anId, source: anId, source_port: anId, target: anId, target_port: anId });

const FIELDS: Record<string, Check> = { title: aTitle, type_version: aVersion, position: aPosition };

function setProblem(op: Fields): string | null {
  const problem = fieldsProblem(op, { op: anything, id: anId, path: anything }, { value: anything });
  if (problem) return problem;
  const path = op["path"];
  if (!Array.isArray(path)) return t("A path is a list.");
  if (path.length === 2 && path[0] === "params") return aName(path[1]);
  const field = path.length === 1 && typeof path[0] === "string" && has(FIELDS, path[0]) ? FIELDS[path[0]] : undefined;
  if (!field) return t("This path cannot be set.");
  if (!has(op, "value")) return t("Only a param can be removed.");
  return field(op["value"]);
}

const OPERATIONS: Record<string, (op: Fields) => string | null> = {
  add_node: (op) => fieldsProblem(op, { op: anything, node: aNode }),
  remove_node: (op) => fieldsProblem(op, { op: anything, id: anId }),
  set: setProblem,
  add_edge: (op) => fieldsProblem(op, { op: anything, edge: anEdge }),
  remove_edge: (op) => fieldsProblem(op, { op: anything, id: anId }),
  set_variable: (op) => fieldsProblem(op, { op: anything, name: aName }, { value: anything }),
};

/** Text that a database cannot hold and numbers that JSON cannot write are found at any depth. */
function valuesProblem(value: unknown): string | null {
  if (typeof value === "string") return isText(value) ? null : t("Text may hold no null character and no half characters.");
  if (typeof value === "number") return Number.isFinite(value) ? null : t("A number must be finite.");
  if (Array.isArray(value)) return firstProblem(value);
  if (isObject(value)) return firstProblem(Object.keys(value)) ?? firstProblem(Object.values(value));
  return null;
}

function firstProblem(values: readonly unknown[]): string | null {
  for (const value of values) {
    const problem = valuesProblem(value);
    if (problem) return problem;
  }
  return null;
}

/** Null for a well-formed operation, else a sentence that says what is wrong with it. */
export function operationProblem(op: unknown): string | null {
  if (!isObject(op)) return t("An operation is an object.");
  const kind = op["op"];
  const check = typeof kind === "string" && has(OPERATIONS, kind) ? OPERATIONS[kind] : undefined;
  if (!check) return t("There is no such operation.");
  return check(op) ?? valuesProblem(op);
}
