/** The canvas: the graph, and everything a pointer can do to it. */

import {
  Background, BackgroundVariant, Controls, type FinalConnectionState, type OnConnectStartParams, ReactFlow, type ReactFlowProps, SelectionMode, useReactFlow, useStore,
} from "@xyflow/react";
import { Keyboard, Maximize, Minus, Plus } from "lucide-react";
import { useCallback, useState } from "react";

import { t } from "../i18n";
import { nodeMenuOpen } from "../menu/NodeMenu";
import { DRAG_TYPE } from "../palette/Palette";
import { portsOf } from "../document/connections";
import { nodeType, nodeTypes as catalogueTypes } from "../store/catalogue";
import { documentNow, useDocument } from "../store/document";
import { nodeAdd, portsConnect, positionsSet, problemOf } from "../store/edits";
import { edgesChange, nodesChange, useFlow, type FlowEdge as FlowEdgeData, type StepNode as StepNodeData } from "../store/flow";
import { useUi, type Connecting } from "../store/ui";
import { filesPlace } from "../store/uploads";
import { workshop } from "../store/workshop";
import { ConnectionHint, endsOf, useConnectionLine } from "./ConnectionHint";
import { EmptyCanvas } from "./EmptyCanvas";
import { FlowEdge } from "./FlowEdge";
import { Overview } from "./Overview";
import { Peers, Uploads } from "./Overlays";
import { OVERVIEW_FROM } from "./fit";
import { StepNode } from "./StepNode";
import { useFit, useFitWhileUntouched } from "./useView";

const NODE_TYPES = { step: StepNode };
const EDGE_TYPES = { flow: FlowEdge };
/** Below this zoom words cannot be read, so they are not painted. */
const FAR = 0.3;
const FIT = { padding: 0.1, maxZoom: 1 };

/** What React Flow says to screen readers, in our words and the reader's language. */
const screenReaderWords = (): NonNullable<ReactFlowProps["ariaLabelConfig"]> => ({
  "node.a11yDescription.default": t("Enter selects the node, the arrow keys move it, Delete removes it."),
  "node.a11yDescription.keyboardDisabled": t("Enter selects the node, the arrow keys move it, Delete removes it."),
  "node.a11yDescription.ariaLiveMessage": () => "",
  "edge.a11yDescription.default": t("Enter selects the connection, Delete removes it."),
  "controls.ariaLabel": t("Zoom"),
  "minimap.ariaLabel": t("Overview"),
  "handle.ariaLabel": t("Port"),
});

function connectingFrom({ nodeId, handleId, handleType }: OnConnectStartParams): Connecting | null {
  if (!nodeId || !handleId || !handleType) return null;
  const ports = portsOf(documentNow(), catalogueTypes());
  const port = handleType === "source" ? ports.output(nodeId, handleId) : ports.input(nodeId, handleId);
  return port ? { node: nodeId, port: handleId, type: port.type, side: handleType } : null;
}

const pointOf = (event: MouseEvent | TouchEvent): { x: number; y: number } => {
  const point = "changedTouches" in event ? event.changedTouches[0] : event;
  return { x: point?.clientX ?? 0, y: point?.clientY ?? 0 };
};

/** What happens when a drawn connection is let go: nothing, a refusal with its reason, or an offer of what fits. */
function useConnectEnd(): (event: MouseEvent | TouchEvent, state: FinalConnectionState) => void {
  const { screenToFlowPosition } = useReactFlow();
  return useCallback(
    (event, { isValid, fromHandle, toHandle, toNode }) => {
      const from = useUi.getState().connecting;
      useUi.setState({ connecting: null });
      const at = pointOf(event);
      if (isValid || !fromHandle) return;
      if (toHandle) {
        if (toHandle.nodeId !== fromHandle.nodeId || toHandle.id !== fromHandle.id) portsConnect(endsOf(fromHandle, toHandle), at);
        return;
      }
      if (!toNode && from) useUi.setState({ quickAdd: { at, place: screenToFlowPosition(at), from } });
    },
    [screenToFlowPosition],
  );
}

function useDrop(): { onDragOver(event: React.DragEvent): void; onDrop(event: React.DragEvent): void } {
  const { screenToFlowPosition } = useReactFlow();
  return {
    onDragOver: (event) => {
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
    },
    onDrop: (event) => {
      event.preventDefault();
      const place = screenToFlowPosition({ x: event.clientX, y: event.clientY });
      const files = [...event.dataTransfer.files];
      const type = nodeType(event.dataTransfer.getData(DRAG_TYPE));
      if (files.length) void filesPlace(files, place);
      else if (type) nodeAdd(type, { x: place.x - 120, y: place.y - 20 });
    },
  };
}

let lastPresence = 0;

function presenceTell(cursor: { x: number; y: number } | null): void {
  if (Date.now() - lastPresence < 100) return;
  lastPresence = Date.now();
  workshop().log.presence(cursor, useFlow.getState().nodes.filter((node) => node.selected).map((node) => node.id).slice(0, 50));
}

function Zoom({ narrow, fit }: { narrow: boolean; fit(): void }): React.ReactElement {
  const { zoomIn, zoomOut } = useReactFlow();
  const button = (label: string, icon: React.ReactElement, act: () => void): React.ReactElement => (
    <button type="button" className="btn btn-sm btn-square btn-ghost" title={label} aria-label={label} onClick={act}>{icon}</button>
  );
  return (
    <div className="zoom" role="group" aria-label={t("Zoom")}>
      {button(t("Zoom in"), <Plus size={15} aria-hidden="true" />, () => void zoomIn({ duration: 120 }))}
      {button(t("Zoom out"), <Minus size={15} aria-hidden="true" />, () => void zoomOut({ duration: 120 }))}
      {button(t("Fit everything into view"), <Maximize size={15} aria-hidden="true" />, fit)}
      {narrow ? null : button(t("Show the keys"), <Keyboard size={15} aria-hidden="true" />, () => useUi.setState({ keysShown: true }))}
    </div>
  );
}

export function Canvas({ narrow }: { narrow: boolean }): React.ReactElement {
  const nodes = useFlow((state) => state.nodes);
  const edges = useFlow((state) => state.edges);
  const readOnly = useDocument((state) => state.readOnly) || narrow;
  const { screenToFlowPosition } = useReactFlow();
  const fit = useFit(narrow);
  const touch = useFitWhileUntouched(fit);
  const roomy = useStore((state) => state.height >= OVERVIEW_FROM);
  const connectEnd = useConnectEnd();
  const connectionLine = useConnectionLine();
  const drop = useDrop();
  const [words] = useState(screenReaderWords);
  // On an empty canvas the first node stays where it was put; fitting would carry it to the middle.
  const [fitted] = useState(() => documentNow().nodes.length > 0);
  // Above small nodes the plan is written larger, and shorter.
  const tagScale = useStore((state) => Math.min(2.4, Math.max(1, Math.round(9.2 / state.transform[2]) / 10)));
  const far = useStore((state) => state.transform[2] < FAR);
  return (
    <div className="canvas" data-far={far} data-brief={tagScale > 1.2} style={{ "--tag-scale": tagScale } as React.CSSProperties} {...(readOnly ? {} : drop)} onPointerDownCapture={touch} onKeyDownCapture={touch} onWheelCapture={touch} onPointerLeave={() => presenceTell(null)} onPointerMove={(event) => presenceTell(screenToFlowPosition({ x: event.clientX, y: event.clientY }))}>
      <ReactFlow<StepNodeData, FlowEdgeData>
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        onNodesChange={nodesChange}
        onEdgesChange={edgesChange}
        onNodeDragStop={(_, __, moved) => positionsSet(moved)}
        onSelectionDragStop={(_, moved) => positionsSet(moved)}
        onNodeContextMenu={(event, { id }) => {
          event.preventDefault();
          nodeMenuOpen(id, event.clientX || event.clientY ? { x: event.clientX, y: event.clientY } : undefined);
        }}
        onConnectStart={(_, params) => useUi.setState({ connecting: connectingFrom(params) })}
        onConnect={({ source, sourceHandle, target, targetHandle }) => portsConnect({ source, source_port: sourceHandle ?? "", target, target_port: targetHandle ?? "" })}
        onConnectEnd={connectEnd}
        isValidConnection={({ source, sourceHandle, target, targetHandle }) => problemOf({ source, source_port: sourceHandle ?? "", target, target_port: targetHandle ?? "" }) === null}
        connectionLineStyle={connectionLine}
        connectionRadius={28}
        nodesDraggable={!readOnly}
        nodesConnectable={!readOnly}
        nodesFocusable
        edgesFocusable={!readOnly}
        deleteKeyCode={null}
        panActivationKeyCode={null}
        selectionKeyCode="Shift"
        multiSelectionKeyCode={["Meta", "Control", "Shift"]}
        selectionMode={SelectionMode.Partial}
        panOnScroll={!narrow}
        zoomOnDoubleClick={false}
        disableKeyboardA11y={false}
        snapToGrid
        snapGrid={[8, 8]}
        minZoom={0.1}
        maxZoom={2}
        fitView={fitted}
        fitViewOptions={FIT}
        onlyRenderVisibleElements
        elevateNodesOnSelect={false}
        attributionPosition="bottom-center"
        aria-label={t("Canvas of the workflow")}
        ariaLabelConfig={words}
      >
        <Background variant={BackgroundVariant.Dots} gap={24} size={1.5} />
        {narrow || !roomy || !nodes.length ? null : <Overview />}
        <Controls showZoom={false} showFitView={false} showInteractive={false} position="bottom-left"><Zoom narrow={narrow} fit={fit} /></Controls>
        <ConnectionHint />
        <Peers />
        <Uploads />
      </ReactFlow>
      <EmptyCanvas onStarted={() => setTimeout(fit, 50)} />
    </div>
  );
}
