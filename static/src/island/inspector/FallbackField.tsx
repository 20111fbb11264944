/** The models that are asked instead, in their order, when a vendor is busy or cannot be reached. */

import { ArrowDown, ArrowUp, X } from "lucide-react";

import type { NodeType, ParamSchema } from "../boot";
import { moved } from "../document/params";
import type { GraphNode, Json } from "../document/types";
import { t } from "../i18n";
import { model, modelSchemaOf, modelsFor } from "../store/catalogue";
import { modelOf } from "../store/edits";
import { settingSet } from "../store/parts";

const MOST = 5;
const namesOf = (value: Json | undefined): string[] => (Array.isArray(value) ? value.filter((each) => typeof each === "string") : []);
const titleOf = (id: string): string => model(id)?.title ?? t("%(model)s (not available)", { model: id });

interface Props {
  node: GraphNode;
  type: NodeType;
  name: string;
  schema: ParamSchema;
  readOnly: boolean;
  problem: string | undefined;
}

function Row({ id, at, last, readOnly, onMove, onRemove }: { id: string; at: number; last: boolean; readOnly: boolean; onMove(by: number): void; onRemove(): void }): React.ReactElement {
  const title = titleOf(id);
  return (
    <li className="fallback-row">
      <span className="fallback-place" aria-hidden="true">{at + 2}</span>
      <span className="grow truncate" title={id}>{title}</span>
      <button type="button" className="btn btn-ghost btn-sm btn-square" disabled={readOnly || at === 0} aria-label={t("Ask %(model)s earlier", { model: title })} onClick={() => onMove(-1)}><ArrowUp size={14} aria-hidden="true" /></button>
      <button type="button" className="btn btn-ghost btn-sm btn-square" disabled={readOnly || last} aria-label={t("Ask %(model)s later", { model: title })} onClick={() => onMove(1)}><ArrowDown size={14} aria-hidden="true" /></button>
      <button type="button" className="btn btn-ghost btn-sm btn-square" disabled={readOnly} aria-label={t("Do not ask %(model)s", { model: title })} onClick={onRemove}><X size={14} aria-hidden="true" /></button>
    </li>
  );
}

export function FallbackField({ node, type, name, schema, readOnly, problem }: Props): React.ReactElement {
  const chosen = namesOf(node.params[name]);
  const first = modelOf(type, node.params);
  const left = modelsFor(modelSchemaOf(type)).filter((each) => each.id !== first && !chosen.includes(each.id));
  const change = (next: string[]): void => settingSet(node, name, next.length ? next : undefined);
  return (
    <fieldset className="treatment-part">
      <legend className="treatment-title">{schema.title}</legend>
      {schema.description ? <p className="field-about">{schema.description}</p> : null}
      {chosen.length ? (
        <ol className="fallback-list">
          {chosen.map((id, at) => (
            <Row key={id} id={id} at={at} last={at === chosen.length - 1} readOnly={readOnly} onMove={(by) => change(moved(chosen, at, by))} onRemove={() => change(chosen.filter((each) => each !== id))} />
          ))}
        </ol>
      ) : null}
      {left.length && chosen.length < MOST ? (
        <select className="select select-sm w-full" value="" disabled={readOnly} aria-label={t("Add a model to ask")} onChange={(event) => event.target.value && change([...chosen, event.target.value])}>
          <option value="">{t("Add a model…")}</option>
          {left.map((each) => <option key={each.id} value={each.id}>{each.title}</option>)}
        </select>
      ) : null}
      {!left.length && !chosen.length ? <p className="field-about">{t("There is no other model that can do this.")}</p> : null}
      {problem ? <p className="field-problem" role="alert">{problem}</p> : null}
    </fieldset>
  );
}
