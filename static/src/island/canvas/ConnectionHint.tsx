/** While a connection is drawn over a port that refuses it: the reason, beside the pointer. */

import { useConnection } from "@xyflow/react";

import { problemOf } from "../store/edits";
import { portColour } from "../store/catalogue";
import { useUi } from "../store/ui";

interface Handleish {
  nodeId: string;
  id?: string | null;
  type: "source" | "target";
}

export function endsOf(from: Handleish, to: Handleish): { source: string; source_port: string; target: string; target_port: string } {
  const [source, target] = from.type === "source" ? [from, to] : [to, from];
  return { source: source.nodeId, source_port: source.id ?? "", target: target.nodeId, target_port: target.id ?? "" };
}

export function ConnectionHint(): React.ReactElement | null {
  const over = useConnection((connection) =>
    connection.inProgress && connection.toHandle && !connection.isValid
      ? { key: `${connection.toHandle.nodeId}/${connection.toHandle.id}`, from: connection.fromHandle, to: connection.toHandle, at: connection.pointer }
      : null,
  );
  if (!over || over.from.nodeId === over.to.nodeId && over.from.id === over.to.id) return null;
  const problem = problemOf(endsOf(over.from, over.to));
  if (!problem) return null;
  return (
    <div role="status" className="hint absolute" style={{ left: over.at.x + 16, top: over.at.y + 16 }}>
      {problem}
    </div>
  );
}

/** The line that follows the pointer, in the hue of the port it comes from. */
export function useConnectionLine(): React.CSSProperties {
  const type = useUi((state) => state.connecting?.type);
  return { stroke: portColour(type), strokeWidth: 2 };
}
