/** Below the ports: what the node made, or made last, or holds; the reason when it made nothing. */

import { memo } from "react";

import type { NodeType, ParamSchema } from "../boot";
import type { GraphNode } from "../document/types";
import { t } from "../i18n";
import { Field } from "../inspector/Field";
import { paramSet } from "../store/edits";
import { useDocument } from "../store/document";
import { isAsset, useRun, type NodeStatus, type Output } from "../store/run";
import { AssetPreview, Preview } from "./Preview";

const NO_OUTPUTS: Output[] = [];

function primaryOf(type: NodeType | undefined): [string, ParamSchema] | undefined {
  return Object.entries(type?.params.properties ?? {}).find(([, schema]) => schema["x-primary"]);
}

/** Where an image or video will be: an empty frame of its shape, so that nothing moves when it arrives. */
function Frame({ node }: { node: GraphNode }): React.ReactElement {
  const [width, height] = [Number(node.params["width"]) || 4, Number(node.params["height"]) || 3];
  return <div className="preview-frame" style={{ aspectRatio: `${width} / ${height}` }} />;
}

function Reason({ status }: { status: NodeStatus }): React.ReactElement | null {
  if (status.state === "failed") {
    return (
      <p className="node-reason" style={{ color: "var(--state-failed)" }}>
        {status.error || status.message || t("It failed without saying why.")}
        {status.cost ? null : <span className="text-base-content/70"> {t("Not charged.")}</span>}
      </p>
    );
  }
  if (status.state === "skipped") return <p className="node-reason">{status.message || t("Skipped: the branch before it was not taken.")}</p>;
  if (status.state === "cancelled") return <p className="node-reason">{status.message || t("Cancelled.")}</p>;
  return status.message ? <p className="node-reason">{status.message}</p> : null;
}

export const NodeBody = memo(function NodeBody({ node, type }: { node: GraphNode; type: NodeType | undefined }): React.ReactElement {
  const status = useRun((state) => state.status[node.id]);
  const readOnly = useDocument((state) => state.readOnly);
  const primary = primaryOf(type);
  const outputs = status?.outputs ?? NO_OUTPUTS;
  const own = primary ? node.params[primary[0]] : undefined;
  const echo = primary !== undefined && outputs.every(({ value }) => !isAsset(value) && value === own);
  const makes = type?.ports.outputs[0]?.type;
  return (
    <div className="node-body">
      {primary ? (
        <div className="nodrag nowheel nopan px-3 pb-3">
          <Field name={primary[0]} schema={primary[1]} value={own} readOnly={readOnly} compact onChange={(value) => paramSet(node.id, primary[0], value)} />
        </div>
      ) : null}
      {outputs.length && !echo ? <Preview outputs={outputs} /> : null}
      {!outputs.length && type?.effect === "paid" && (makes === "image" || makes === "video") ? <Frame node={node} /> : null}
      {status ? <Reason status={status} /> : null}
    </div>
  );
});

/** The file an `input.asset` holds, before any run. */
export function HeldAsset({ id }: { id: string }): React.ReactElement {
  return <AssetPreview reference={{ $asset: id, kind: "file" }} />;
}
