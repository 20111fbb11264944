/** The inputs of a node as a list: what feeds each, and a way to connect them without a pointer. */

import { X } from "lucide-react";

import type { InputPort, NodeType } from "../boot";
import { PortShape } from "../canvas/PortShape";
import { connectionProblem, portsOf, typeName } from "../document/connections";
import type { GraphEdge, GraphNode } from "../document/types";
import { t } from "../i18n";
import { nodeTitle, nodeTypeOf, nodeTypes } from "../store/catalogue";
import { useDocument } from "../store/document";
import { portsConnect } from "../store/edits";
import { commit } from "../store/workshop";

interface Source {
  node: string;
  port: string;
  label: string;
}

/** Every output that may feed this input. */
function sourcesFor(nodes: readonly GraphNode[], edges: readonly GraphEdge[], node: string, port: string): Source[] {
  const doc = { format: "", variables: {}, nodes, edges };
  const ports = portsOf(doc, nodeTypes());
  return nodes.flatMap((source) =>
    (nodeTypeOf(source)?.ports.outputs ?? [])
      .filter((output) => !connectionProblem(doc, ports, { source: source.id, source_port: output.name, target: node, target_port: port }))
      .map((output) => ({ node: source.id, port: output.name, label: t("%(node)s · %(port)s", { node: nodeTitle(source), port: output.title }) })),
  );
}

function Fed({ edge, readOnly }: { edge: GraphEdge; readOnly: boolean }): React.ReactElement {
  const source = useDocument(({ document }) => document.nodes.find((node) => node.id === edge.source));
  const output = (source ? nodeTypeOf(source) : undefined)?.ports.outputs.find((port) => port.name === edge.source_port);
  return (
    <div className="flex items-center gap-1 pl-5 text-xs">
      <span className="truncate grow">{t("from %(node)s · %(port)s", { node: nodeTitle(source), port: output?.title ?? edge.source_port })}</span>
      <button
        type="button"
        className="btn btn-ghost btn-xs btn-square"
        disabled={readOnly}
        aria-label={t("Disconnect %(node)s", { node: nodeTitle(source) })}
        onClick={() => commit([{ op: "remove_edge", id: edge.id }])}
      >
        <X size={13} aria-hidden="true" />
      </button>
    </div>
  );
}

function InputRow({ node, port, problem, readOnly }: { node: string; port: InputPort; problem: string | undefined; readOnly: boolean }): React.ReactElement {
  const nodes = useDocument(({ document }) => document.nodes);
  const edges = useDocument(({ document }) => document.edges);
  const fed = edges.filter((edge) => edge.target === node && edge.target_port === port.name);
  const sources = readOnly || (fed.length && !port.many) ? [] : sourcesFor(nodes, edges, node, port.name);
  const connect = (index: number): void => {
    const source = sources[index];
    if (source) portsConnect({ source: source.node, source_port: source.port, target: node, target_port: port.name });
  };
  return (
    <div className="grid gap-1">
      <div className="flex items-center gap-2">
        <PortShape type={port.type} />
        <span>{port.title}</span>
        <span className="text-xs text-base-content/70">{typeName(port.type)}{port.required ? "" : ` · ${t("optional")}`}</span>
      </div>
      {fed.map((edge) => <Fed key={edge.id} edge={edge} readOnly={readOnly} />)}
      {sources.length ? (
        <select className="select select-xs ml-5 w-auto" value="" aria-label={t("Connect %(port)s from…", { port: port.title })} onChange={(event) => connect(Number(event.target.value))}>
          <option value="">{t("Connect from…")}</option>
          {sources.map((source, index) => <option key={source.node + source.port} value={index}>{source.label}</option>)}
        </select>
      ) : null}
      {problem ? <p className="field-problem pl-5">{problem}</p> : null}
    </div>
  );
}

export function Connections({ node, type, problems, readOnly }: { node: GraphNode; type: NodeType; problems: (port: string) => string | undefined; readOnly: boolean }): React.ReactElement | null {
  if (!type.ports.inputs.length) return null;
  return (
    <section className="panel-section" aria-label={t("Inputs")}>
      <h3 className="panel-heading">{t("Inputs")}</h3>
      {type.ports.inputs.map((port) => <InputRow key={port.name} node={node.id} port={port} problem={problems(port.name)} readOnly={readOnly} />)}
    </section>
  );
}
