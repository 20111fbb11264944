/** Below the ports: what the node made, or made last, or holds; the reason when it made nothing. */

import { memo } from "react";

import type { NodeType, ParamSchema } from "../boot";
import type { GraphNode } from "../document/types";
import { t } from "../i18n";
import { Field } from "../inspector/Field";
import { modelSet, paramSet, paramsShown } from "../store/edits";
import { useDocument } from "../store/document";
import { useUi } from "../store/ui";
import { isAsset, useRun, type NodeStatus, type Output } from "../store/run";
import { VariantSheet } from "../compare/Comparison";
import { sheetOf } from "../store/compare";
import { AnswerLink } from "./AnswerLink";
import { Preview, Writing } from "./Preview";
import { retryLine, waitingLine } from "./statusWords";

const NO_OUTPUTS: Output[] = [];

/** The one or two settings that matter most: also on the node. */
function primariesOf(type: NodeType | undefined): [string, ParamSchema][] {
  return Object.entries(type?.params.properties ?? {}).filter(([, schema]) => schema["x-primary"]);
}

function Primaries({ node, fields }: { node: GraphNode; fields: [string, ParamSchema][] }): React.ReactElement {
  const readOnly = useDocument((state) => state.readOnly);
  const narrow = useUi((state) => state.narrow);
  const alone = fields.length === 1;
  return (
    <div className="nodrag nowheel nopan grid gap-1 px-3 pb-3" inert={narrow}>
      {fields.map(([name, schema]) => (
        <Field
          key={name}
          name={name}
          schema={alone ? schema : { ...schema, description: "" }}
          value={node.params[name]}
          readOnly={readOnly}
          compact={alone}
          onChange={(value) => (schema.format === "model" ? modelSet(node, name, String(value)) : paramSet(node.id, name, value))}
        />
      ))}
    </div>
  );
}

/** Where an image or video will be: an empty frame of its shape, so that nothing moves when it arrives. */
function Frame({ node }: { node: GraphNode }): React.ReactElement {
  const { width, height } = paramsShown(node);
  return <div className="preview-frame" style={{ aspectRatio: `${Number(width) || 4} / ${Number(height) || 3}` }} />;
}

/** What there is to say about a state. Over the picture or its frame, so that the node keeps its height. */
function Reason({ node, status, over }: { node: string; status: NodeStatus; over: boolean }): React.ReactElement | null {
  const words = reasonOf(status);
  if (!words) return null;
  return (
    <p className={over ? "node-reason node-over" : "node-reason"} data-failed={status.state === "failed"} data-would={Boolean(status.would)}>
      {words} <AnswerLink node={node} status={status} />
    </p>
  );
}

/** Why it was reused or had to run is told by the mark and in the inspector: on each node it would be noise. */
function reasonOf(status: NodeStatus): string {
  const { state, error, would } = status;
  const message = status.message === status.reason ? "" : status.message;
  if (would) return would;
  switch (state) {
    case "pending":
      return message || retryLine(status);
    case "waiting":
      return message || waitingLine(status);
    case "failed":
      return error || message || t("It failed without an error message.");
    case "skipped":
      return message || t("Skipped: the branch before it was not taken.");
    case "cancelled":
      return error || message || t("Cancelled.");
    default:
      return status.text ? "" : message;
  }
}

/** True when an output only repeats what the node's own field shows: a word, a number, the chosen file. */
function sameValue(value: Output["value"], own: Output["value"] | undefined): boolean {
  return isAsset(value) ? value.$asset === own : value === own;
}

export const NodeBody = memo(function NodeBody({ node, type }: { node: GraphNode; type: NodeType | undefined }): React.ReactElement {
  const status = useRun((state) => state.status[node.id]);
  const fields = primariesOf(type);
  const outputs = status?.outputs ?? NO_OUTPUTS;
  const echo = fields.some(([name]) => outputs.every(({ value }) => sameValue(value, node.params[name])));
  const varied = node.params["$vary"] !== undefined || sheetOf(status?.request) !== null;
  const makes = type?.ports.outputs[0]?.type;
  const framed = !outputs.length && type?.effect === "paid" && (makes === "image" || makes === "video");
  return (
    <div className="node-body">
      {fields.length ? <Primaries node={node} fields={fields} /> : null}
      {status?.text ? <Writing text={status.text} /> : null}
      {outputs.length > 1 && varied ? <VariantSheet node={node.id} outputs={outputs} request={status?.request} /> : null}
      {outputs.length && !echo && !status?.text && !(outputs.length > 1 && varied) ? <Preview outputs={outputs} ports={type?.ports.outputs} /> : null}
      {framed ? <Frame node={node} /> : null}
      {status ? <Reason node={node.id} status={status} over={framed || outputs.some(({ value }) => isAsset(value))} /> : null}
    </div>
  );
});
