/** The inspector of one node: its title, inputs, settings, and the result of its last run. */

import { Copy, Trash2 } from "lucide-react";

import type { ParamSchema } from "../boot";
import { Preview, Writing } from "../canvas/Preview";
import type { GraphNode, Json } from "../document/types";
import { NodeIcon, StateMark, stateName } from "../icons";
import { listed, t } from "../i18n";
import { formatCredits } from "../runbar/credits";
import { nodeType, nodeTypeOf, schemaOf, settingSchemas } from "../store/catalogue";
import { selectionDuplicate } from "../store/clipboard";
import { modelChangeUndo, modelOf, modelSet, paramSet, selectionRemove, titleSet, versionSet } from "../store/edits";
import { sheetOf } from "../store/compare";
import { errorsOf, shownState, useRun } from "../store/run";
import { useUi } from "../store/ui";
import { Said } from "../Said";
import { Comparison, VariantSheet } from "../compare/Comparison";
import { AnswerLink } from "../canvas/AnswerLink";
import { statusLines } from "../canvas/statusWords";
import { Connections } from "./Connections";
import { Field } from "./Field";
import { Tape } from "./Tape";
import { Treatment } from "./Treatment";
import { useDraft } from "./useDraft";

function Title({ node, placeholder, readOnly }: { node: GraphNode; placeholder: string; readOnly: boolean }): React.ReactElement {
  const { draft, change, settle } = useDraft(node.title, (title: string) => titleSet(node.id, title));
  return (
    <input
      type="text"
      value={draft}
      maxLength={200}
      readOnly={readOnly}
      placeholder={placeholder}
      aria-label={t("Title")}
      className="input input-sm input-ghost font-medium text-sm grow px-1"
      onChange={(event) => change(event.target.value)}
      onBlur={settle}
    />
  );
}

function Result({ id }: { id: string }): React.ReactElement | null {
  const status = useRun((state) => state.status[id]);
  if (!status) return null;
  return (
    <section className="panel-section" aria-label={t("Result")}>
      <h3 className="panel-heading flex items-center gap-2">
        <StateMark state={shownState(status)} /> {stateName(shownState(status))}
        {status.cost ? <span className="font-normal text-base-content/70">{formatCredits(status.cost)}</span> : null}
      </h3>
      {status.error ? <p className="field-problem">{status.error}</p> : null}
      {statusLines(status).filter((line) => line !== status.error).map((line) => <p key={line} className="field-about pt-0"><Said text={line} /></p>)}
      <AnswerLink node={id} status={status} />
      {status.text ? <Writing text={status.text} /> : null}
      {sheetOf(status.request) ? <VariantSheet node={id} outputs={status.outputs} request={status.request} /> : null}
      {status.outputs.length && !status.text && !sheetOf(status.request) ? <div className="rounded-md overflow-hidden bg-base-200"><Preview outputs={status.outputs} large /></div> : null}
    </section>
  );
}

/** What the model that was just chosen does not use, and the way back. */
function ModelChanged({ node, model, readOnly }: { node: GraphNode; model: Json | undefined; readOnly: boolean }): React.ReactElement | null {
  const change = useUi((state) => state.modelChange);
  if (!change || change.node !== node.id || change.model !== model) return null;
  return (
    <p role="status" className="field-dropped">
      {t("Not used by %(model)s: %(params)s.", { model: change.title, params: listed(change.titles) })}{" "}
      <button type="button" className="link" disabled={readOnly} onClick={modelChangeUndo}>{t("Undo")}</button>
    </p>
  );
}

function Settings({ node, problems, readOnly }: { node: GraphNode; problems: (name: string) => string | undefined; readOnly: boolean }): React.ReactElement | null {
  const type = nodeTypeOf(node);
  const modelParam = Object.entries(type?.params.properties ?? {}).find(([, schema]) => schema.format === "model")?.[0];
  const schema = schemaOf(type, modelOf(type, node.params));
  const fed = new Set(type?.ports.inputs.map((port) => port.name));
  const fields = Object.entries(schema.properties ?? {}).filter(([name]) => !fed.has(name));
  if (!fields.length) return null;
  const change = (name: string, value: Json | undefined): void => {
    if (name === modelParam && typeof value === "string") modelSet(node, name, value);
    else paramSet(node.id, name, value);
  };
  const advanced = fields.filter(([, field]) => field["x-advanced"]);
  const row = ([name, field]: [string, ParamSchema]): React.ReactElement => (
    <div key={name}>
      <Field name={name} schema={field} value={node.params[name]} readOnly={readOnly} problem={problems(name)} onChange={(value) => change(name, value)} />
      {name === modelParam ? <ModelChanged node={node} model={node.params[name]} readOnly={readOnly} /> : null}
    </div>
  );
  return (
    <section className="panel-section" aria-label={t("Settings")}>
      <h3 className="panel-heading">{t("Settings")}</h3>
      {fields.filter(([, field]) => !field["x-advanced"]).map(row)}
      {advanced.length ? (
        <details open={advanced.some(([name]) => problems(name) !== undefined)}>
          <summary className="panel-summary">{t("More settings")}</summary>
          <div className="grid gap-3 pt-3">{advanced.map(row)}</div>
        </details>
      ) : null}
    </section>
  );
}

/** A workflow used as a node stays with the version it was drawn with until somebody takes a newer one. */
function Version({ node, readOnly }: { node: GraphNode; readOnly: boolean }): React.ReactElement | null {
  const newest = nodeType(node.type);
  if (newest?.category !== "workflow") return null;
  const workflow = node.type.slice("workflow.".length).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  return (
    <section className="panel-section" aria-label={t("Version")}>
      <div className="flex flex-wrap items-center gap-2 text-sm">
        <span>{t("Version %(version)s", { version: node.version })}</span>
        {newest.version > node.version ? (
          <button type="button" className="btn btn-sm" disabled={readOnly} onClick={() => versionSet(node.id, newest.version)}>
            {t("Update to version %(version)s", { version: newest.version })}
          </button>
        ) : null}
        <a className="btn btn-ghost btn-sm" href={`../${workflow}/`}>{t("Open the workflow")}</a>
      </div>
    </section>
  );
}

export function NodeForm({ node, readOnly }: { node: GraphNode; readOnly: boolean }): React.ReactElement {
  const type = nodeTypeOf(node);
  const errors = useRun((state) => errorsOf(state.errors, node.id));
  const known = new Set([...(type?.ports.inputs.map((port) => port.name) ?? []), ...Object.keys(type?.params.properties ?? {}), ...Object.keys(node.params), ...Object.keys(settingSchemas())]);
  const problems = (name: string): string | undefined => errors.find((error) => error.port === name)?.message;
  return (
    <>
      <header className="panel-header">
        <NodeIcon name={type?.icon} size={16} />
        <Title node={node} placeholder={type?.title ?? node.type} readOnly={readOnly} />
        <button type="button" className="btn btn-ghost btn-sm btn-square" disabled={readOnly} title={t("Duplicate")} aria-label={t("Duplicate")} onClick={selectionDuplicate}>
          <Copy size={14} aria-hidden="true" />
        </button>
        <button type="button" className="btn btn-ghost btn-sm btn-square" disabled={readOnly} title={t("Delete")} aria-label={t("Delete")} onClick={selectionRemove}>
          <Trash2 size={14} aria-hidden="true" />
        </button>
      </header>
      {type?.description ? <p className="panel-about">{type.description}</p> : null}
      {errors.filter((error) => !error.port || !known.has(error.port)).map((error) => (
        <p key={error.code + error.message} className="panel-about" role="alert">{error.message}</p>
      ))}
      <Version node={node} readOnly={readOnly} />
      {type ? <Connections node={node} type={type} problems={problems} readOnly={readOnly} /> : null}
      <Settings node={node} problems={problems} readOnly={readOnly} />
      <Comparison node={node} readOnly={readOnly} problem={problems("$vary")} />
      <Treatment node={node} problems={problems} readOnly={readOnly} />
      <Result id={node.id} />
      {type?.effect === "paid" ? <Tape node={node} readOnly={readOnly} /> : null}
    </>
  );
}
