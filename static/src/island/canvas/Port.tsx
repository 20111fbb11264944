/** A port on a node: the handle, its name, its problem. */

import { Handle, Position } from "@xyflow/react";
import { memo } from "react";

import type { PortType } from "../boot";
import { typeName, typesFit } from "../document/connections";
import { t } from "../i18n";
import { useUi, type Connecting } from "../store/ui";
import { PortShape } from "./PortShape";

interface Props {
  node: string;
  name: string;
  title: string;
  type: PortType;
  side: "source" | "target";
  required: boolean;
  problem: string | undefined;
}

function fits({ node, type, side }: Props, from: Connecting | null): boolean {
  if (!from || (from.node === node && from.side === side)) return true;
  if (from.side === side || from.node === node) return false;
  return from.side === "source" ? typesFit(from.type, type) : typesFit(type, from.type);
}

export const Port = memo(function Port(props: Props): React.ReactElement {
  const { name, title, type, side, required, problem } = props;
  const dim = useUi(({ connecting }) => !fits(props, connecting));
  const optional = side === "target" && !required;
  const words = { title, type: typeName(type) };
  const label = optional ? t("%(title)s: %(type)s, optional", words) : t("%(title)s: %(type)s", words);
  return (
    <div className={`port port-${side} ${dim ? "opacity-25" : ""} ${problem ? "port-problem" : ""}`} title={problem ?? label}>
      <Handle id={name} type={side} position={side === "source" ? Position.Right : Position.Left} role="img" aria-label={label} className="port-handle">
        <PortShape type={type} />
      </Handle>
      <span className="truncate">{title}</span>
    </div>
  );
});
