/** The left rail: everything there is to build with, and the list of what is already built. */

import { useReactFlow } from "@xyflow/react";
import { ListTree, PanelLeftClose, PanelLeftOpen, Search, Shapes } from "lucide-react";
import { useState } from "react";

import type { NodeType } from "../boot";
import { PortShape } from "../canvas/PortShape";
import { useReveal } from "../canvas/useView";
import { t } from "../i18n";
import { NodeIcon } from "../icons";
import { categoryTitle, typesFound } from "../store/catalogue";
import { documentNow, useDocument } from "../store/document";
import { nodeAdd, placeNext } from "../store/edits";
import { useUi } from "../store/ui";
import { Outline } from "./Outline";

export const DRAG_TYPE = "application/x-millrace-node";

/** Adds a node after the one that is selected, or was added last; on an empty canvas where it is looked at just now. */
function useAddNext(): (type: NodeType) => void {
  const { screenToFlowPosition } = useReactFlow();
  const reveal = useReveal();
  return (type) => {
    const box = document.querySelector(".react-flow")?.getBoundingClientRect();
    const [x, y] = box ? [box.left + box.width / 2 - 120, box.top + box.height / 3] : [0, 0];
    const id = nodeAdd(type, placeNext() ?? screenToFlowPosition({ x, y }));
    const place = documentNow().nodes.find((node) => node.id === id)?.position;
    if (place) reveal(place);
  };
}

function Item({ type }: { type: NodeType }): React.ReactElement {
  const add = useAddNext();
  const makes = type.ports.outputs[0] ?? type.ports.inputs[0];
  return (
    <button
      type="button"
      draggable
      className="palette-item"
      title={type.description}
      onClick={() => add(type)}
      onDragStart={(event) => {
        event.dataTransfer.setData(DRAG_TYPE, type.type);
        event.dataTransfer.effectAllowed = "copy";
      }}
    >
      <NodeIcon name={type.icon} size={16} />
      <span className="grow truncate text-left">{type.title}</span>
      {type.effect === "paid" ? <span className="text-xs text-base-content/70">{t("paid")}</span> : null}
      {makes ? <PortShape type={makes.type} size={10} /> : null}
    </button>
  );
}

function Catalogue(): React.ReactElement {
  const [query, setQuery] = useState("");
  const add = useAddNext();
  const groups = typesFound(query);
  const first = groups[0]?.[1][0];
  return (
    <>
      <form
        className="px-3 pt-2"
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          if (first && query) add(first);
        }}
      >
        <label className="input input-sm w-full">
          <Search size={14} aria-hidden="true" className="opacity-60" />
          <input type="search" value={query} placeholder={t("Find a node")} aria-label={t("Find a node")} onChange={(event) => setQuery(event.target.value)} />
        </label>
      </form>
      <div className="overflow-y-auto grow px-2 pb-4 nowheel">
        {groups.map(([category, types]) => (
          <section key={category} aria-label={categoryTitle(category)}>
            <h2 className="palette-heading">{categoryTitle(category)}</h2>
            {types.map((type) => <Item key={type.type} type={type} />)}
          </section>
        ))}
        {groups.length ? null : <p className="field-about p-2">{t("Nothing is called that. Try another word, such as “image” or “text”.")}</p>}
      </div>
    </>
  );
}

export function Palette(): React.ReactElement {
  const open = useUi((state) => state.railOpen);
  const [tab, setTab] = useState<"add" | "outline">("add");
  const readOnly = useDocument((state) => state.readOnly);
  const shown = readOnly ? "outline" : tab;
  const show = (next: "add" | "outline"): void => {
    setTab(next);
    useUi.setState({ railOpen: !open || shown !== next });
  };
  const tabClass = (name: string): string => `btn btn-sm btn-square btn-ghost ${open && shown === name ? "btn-active" : ""}`;
  return (
    <nav className="rail" data-open={open} aria-label={t("Palette")}>
      <div className="rail-tabs" role="group">
        {readOnly ? null : (
          <button type="button" className={tabClass("add")} aria-pressed={open && shown === "add"} title={t("Add nodes")} aria-label={t("Add nodes")} onClick={() => show("add")}>
            <Shapes size={17} aria-hidden="true" />
          </button>
        )}
        <button type="button" className={tabClass("outline")} aria-pressed={open && shown === "outline"} title={t("List of nodes")} aria-label={t("List of nodes")} onClick={() => show("outline")}>
          <ListTree size={17} aria-hidden="true" />
        </button>
        <span className="grow" />
        <button type="button" className="btn btn-sm btn-square btn-ghost" title={open ? t("Collapse") : t("Expand")} aria-label={open ? t("Collapse") : t("Expand")} aria-expanded={open} onClick={() => useUi.setState({ railOpen: !open })}>
          {open ? <PanelLeftClose size={17} aria-hidden="true" /> : <PanelLeftOpen size={17} aria-hidden="true" />}
        </button>
      </div>
      {open ? <div className="rail-panel">{shown === "add" ? <Catalogue /> : <Outline />}</div> : null}
    </nav>
  );
}
