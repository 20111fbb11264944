/** How a node is treated: what follows a failure, how often it is tried, what is reused. Made from the settings' schemas. */

import { Pin, PinOff } from "lucide-react";
import { useState } from "react";

import type { NodeType, ParamSchema } from "../boot";
import { NodeMarks } from "../canvas/NodeMarks";
import { isFields, settingsFor } from "../document/treatment";
import type { GraphNode, Json } from "../document/types";
import { t } from "../i18n";
import { nodeTypeOf, settingSchemas } from "../store/catalogue";
import { outputPin, outputUnpin, settingSet } from "../store/parts";
import { useRun } from "../store/run";
import { FallbackField } from "./FallbackField";
import { Field } from "./Field";
import { ValueField } from "./ValueField";

interface Props {
  node: GraphNode;
  type: NodeType;
  name: string;
  schema: ParamSchema;
  readOnly: boolean;
  problem: string | undefined;
}

const fieldsOf = (value: Json | undefined): Record<string, Json> => (isFields(value) ? value : {});

/** Several numbers under one setting; those that only matter when the first is set appear with it. */
function Parts({ node, name, schema, readOnly, problem }: Props): React.ReactElement {
  const value = fieldsOf(node.params[name]);
  const parts = Object.entries(schema.properties ?? {});
  const needed = new Set(schema.required);
  const shown = Object.keys(value).length ? parts : parts.filter(([part]) => needed.has(part));
  const change = (part: string, next: Json | undefined): void => {
    const { [part]: _, ...rest } = value;
    settingSet(node, name, next === undefined ? rest : { ...rest, [part]: next });
  };
  return (
    <fieldset className="treatment-part">
      <legend className="treatment-title">{schema.title}</legend>
      {schema.description ? <p className="field-about">{schema.description}</p> : null}
      {shown.map(([part, field]) => (
        <Field key={part} name={`${name}.${part}`} schema={needed.has(part) ? { default: 0, ...field } : field} value={value[part]} readOnly={readOnly} onChange={(next) => change(part, next)} />
      ))}
      {problem ? <p className="field-problem" role="alert">{problem}</p> : null}
    </fieldset>
  );
}

/** A value per output port: a default, or a pinned output. The error port is no place for either. */
function Outputs({ node, type, name, schema, readOnly, problem, children }: Props & { children?: React.ReactNode }): React.ReactElement {
  const value = fieldsOf(node.params[name]);
  const change = (port: string, next: Json | undefined): void => {
    const { [port]: _, ...rest } = value;
    settingSet(node, name, next === undefined ? rest : { ...rest, [port]: next });
  };
  return (
    <fieldset className="treatment-part">
      <legend className="treatment-title">{schema.title}</legend>
      {schema.description ? <p className="field-about">{schema.description}</p> : null}
      {type.ports.outputs.map((port) => (
        <ValueField key={port.name} port={port} value={value[port.name]} readOnly={readOnly} onChange={(next) => change(port.name, next)} />
      ))}
      {problem ? <p className="field-problem" role="alert">{problem}</p> : null}
      {children}
    </fieldset>
  );
}

function PinSetting(props: Props): React.ReactElement {
  const { node, type, schema, readOnly, problem } = props;
  const [byHand, setByHand] = useState(false);
  const made = useRun(({ status }) => ["completed", "cached"].includes(status[node.id]?.state ?? ""));
  const pinned = node.params["$pin"] !== undefined;
  const take = (
    <button type="button" className="btn btn-sm" disabled={readOnly || !made} title={made ? undefined : t("No output yet.")} onClick={() => void outputPin(node.id)}>
      <Pin size={13} aria-hidden="true" /> {pinned ? t("Pin the latest output") : t("Pin this output")}
    </button>
  );
  if (!pinned && !byHand) {
    return (
      <fieldset className="treatment-part">
        <legend className="treatment-title">{schema.title}</legend>
        <p className="field-about">{schema.description}</p>
        <div className="flex flex-wrap gap-2">
          {take}
          <button type="button" className="btn btn-sm btn-ghost" disabled={readOnly} onClick={() => setByHand(true)}>{t("Enter a value")}</button>
        </div>
        {problem ? <p className="field-problem" role="alert">{problem}</p> : null}
      </fieldset>
    );
  }
  const end = (): void => {
    setByHand(false);
    outputUnpin(node.id);
  };
  return (
    <Outputs {...props} type={type}>
      <div className="flex flex-wrap gap-2">
        <button type="button" className="btn btn-sm" disabled={readOnly} onClick={end}><PinOff size={13} aria-hidden="true" /> {pinned ? t("Unpin") : t("Cancel")}</button>
        {made && pinned ? take : null}
      </div>
    </Outputs>
  );
}

function Setting(props: Props): React.ReactElement {
  const { node, name, schema, readOnly, problem } = props;
  if (name === "$pin") return <PinSetting {...props} />;
  if (name === "$fallback") return <FallbackField {...props} />;
  if (name === "$default") return <Outputs {...props} />;
  if (schema.properties) return <Parts {...props} />;
  return <Field name={name} schema={schema} value={node.params[name]} readOnly={readOnly} problem={problem} onChange={(value) => settingSet(node, name, value)} />;
}

const ORDER = ["$fallback", "$on_failure", "$default", "$retry", "$timeout_s", "$always_new", "$pin"];

export function Treatment({ node, problems, readOnly }: { node: GraphNode; problems: (name: string) => string | undefined; readOnly: boolean }): React.ReactElement | null {
  const type = nodeTypeOf(node);
  const schemas = settingSchemas();
  if (!type) return null;
  const names = settingsFor(type, node.params, schemas);
  if (!names.length) return null;
  const rank = (name: string): number => (ORDER.indexOf(name) + ORDER.length + 1) % (ORDER.length + 1);
  const wrong = names.some((name) => problems(name) !== undefined);
  return (
    <details className="panel-section treatment" open={wrong || undefined}>
      <summary className="treatment-summary">
        <span className="panel-heading grow">{t("Failure and reuse")}</span>
        <NodeMarks params={node.params} />
      </summary>
      <div className="grid grid-cols-[minmax(0,1fr)] gap-4 pt-3">
        {[...names].sort((a, b) => rank(a) - rank(b)).map((name) => (
          <Setting key={name} node={node} type={type} name={name} schema={schemas[name]!} readOnly={readOnly} problem={problems(name)} />
        ))}
      </div>
    </details>
  );
}
