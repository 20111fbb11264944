/** The menu at the pointer: what to add, or, coming from a port, what fits it. */

import { useEffect, useMemo, useRef, useState } from "react";

import type { NodeType } from "../boot";
import { PortShape } from "../canvas/PortShape";
import { typeName } from "../document/connections";
import { NodeIcon } from "../icons";
import { t } from "../i18n";
import { categoryTitle, typesFound } from "../store/catalogue";
import { nodeAdd, typeFits } from "../store/edits";
import { useUi, type QuickAdd as QuickAddState } from "../store/ui";

const WIDTH = 288;
const HEIGHT = 340;

function close(): void {
  useUi.setState({ quickAdd: null });
  document.querySelector<HTMLElement>(".canvas")?.focus();
}

function Menu({ at, place, from }: QuickAddState): React.ReactElement {
  const [query, setQuery] = useState("");
  const [chosen, setChosen] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  const found = useMemo(() => typesFound(query, (type) => typeFits(type, from)).flatMap(([, types]) => types), [query, from]);
  const at_ = Math.min(chosen, found.length - 1);
  const add = (type: NodeType | undefined): void => {
    if (!type) return;
    const shift = from?.side === "target" ? -260 : 0;
    nodeAdd(type, { x: place.x + shift, y: place.y - 24 }, from);
    close();
  };
  useEffect(() => list.current?.children[at_]?.scrollIntoView({ block: "nearest" }), [at_]);
  const key = (event: React.KeyboardEvent): void => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step && found.length) setChosen((at_ + step + found.length) % found.length);
    else if (event.key === "Enter") add(found[at_]);
    else if (event.key === "Escape" || event.key === "Tab") close();
    else return;
    event.preventDefault();
  };
  const left = Math.max(8, Math.min(at.x, window.innerWidth - WIDTH - 8));
  const top = Math.max(8, Math.min(at.y, window.innerHeight - HEIGHT - 8));
  return (
    <div className="quick-add" role="dialog" aria-label={t("Add a node")} style={{ left, top, width: WIDTH, maxHeight: HEIGHT }}>
      {from ? (
        <p className="px-3 pt-2 text-xs text-base-content/70 flex items-center gap-2">
          <PortShape type={from.type} size={10} />
          {from.side === "source" ? t("What takes %(type)s", { type: typeName(from.type) }) : t("What gives %(type)s", { type: typeName(from.type) })}
        </p>
      ) : null}
      <input
        ref={input}
        type="text"
        className="input input-sm input-ghost w-full focus:outline-none"
        role="combobox"
        aria-expanded="true"
        aria-controls="quick-add-list"
        aria-activedescendant={found[at_] ? `quick-${found[at_].type}` : undefined}
        aria-label={t("Find a node")}
        placeholder={t("Add a node…")}
        value={query}
        onChange={(event) => {
          setQuery(event.target.value);
          setChosen(0);
        }}
        onKeyDown={key}
      />
      <ul id="quick-add-list" ref={list} role="listbox" aria-label={t("Nodes")} className="overflow-y-auto p-1 border-t border-base-300">
        {found.map((type, index) => (
          <li key={type.type} id={`quick-${type.type}`} role="option" aria-selected={index === at_} className="quick-option" onPointerMove={() => setChosen(index)} onClick={() => add(type)}>
            <NodeIcon name={type.icon} size={15} />
            <span className="grow truncate">{type.title}</span>
            <span className="text-xs text-base-content/60 truncate max-w-28">{categoryTitle(type.category)}</span>
          </li>
        ))}
        {found.length ? null : <li className="field-about p-2">{t("Nothing fits.")}</li>}
      </ul>
    </div>
  );
}

export function QuickAdd(): React.ReactElement | null {
  const open = useUi((state) => state.quickAdd);
  if (!open) return null;
  return (
    <>
      <div className="fixed inset-0 z-40" onPointerDown={close} aria-hidden="true" />
      <Menu {...open} />
    </>
  );
}
