/** A menu at a place: opened by mouse, finger or key, gone through by arrow keys, closed by Escape or a press beside it. */

import { useEffect, useLayoutEffect, useRef, useState } from "react";

import type { Position } from "../document/types";

export interface MenuItem {
  label: string;
  icon: React.ReactElement;
  /** What it does to this very node, in small print. */
  hint?: string;
  /** For what is on or off. */
  checked?: boolean;
  /** Why it cannot be chosen; shown instead of the hint. */
  hindrance?: string | null;
  danger?: boolean;
  act(): void;
}

const WIDTH = 264;

function Item({ item, close }: { item: MenuItem; close(): void }): React.ReactElement {
  const off = Boolean(item.hindrance);
  const hint = item.hindrance ?? item.hint;
  return (
    <button
      type="button"
      role={item.checked === undefined ? "menuitem" : "menuitemcheckbox"}
      aria-checked={item.checked}
      aria-disabled={off}
      tabIndex={-1}
      className="menu-row"
      data-danger={item.danger}
      onPointerMove={(event) => event.currentTarget.focus({ preventScroll: true })}
      onClick={() => {
        if (off) return;
        close();
        item.act();
      }}
    >
      {item.icon}
      <span className="grow min-w-0">
        {item.label}
        {hint ? <small className="menu-hint">{hint}</small> : null}
      </span>
      {item.checked ? <span aria-hidden="true">✓</span> : null}
    </button>
  );
}

export function Menu({ label, at, groups, onClose }: { label: string; at: Position; groups: MenuItem[][]; onClose(): void }): React.ReactElement {
  const menu = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState({ left: at.x, top: at.y });
  const opener = useRef(document.activeElement);
  const rows = (): HTMLElement[] => [...(menu.current?.querySelectorAll<HTMLElement>(".menu-row") ?? [])];
  const close = (): void => {
    onClose();
    if (opener.current instanceof HTMLElement && opener.current.isConnected) opener.current.focus({ preventScroll: true });
  };
  useLayoutEffect(() => {
    const box = menu.current?.getBoundingClientRect();
    if (!box) return;
    setPlace({ left: Math.max(8, Math.min(at.x, innerWidth - box.width - 8)), top: Math.max(8, Math.min(at.y, innerHeight - box.height - 8)) });
  }, [at]);
  useEffect(() => rows()[0]?.focus({ preventScroll: true }), []);
  const key = (event: React.KeyboardEvent): void => {
    const all = rows();
    const now = all.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: (now + 1) % all.length, ArrowUp: (now - 1 + all.length) % all.length, Home: 0, End: all.length - 1 }[event.key];
    if (to !== undefined) all[to]?.focus({ preventScroll: true });
    else if (event.key === "Escape" || event.key === "Tab") close();
    else if (event.key.length === 1 && event.key !== " ") letter(event.key, all, now);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <>
      <div className="fixed inset-0 z-40" aria-hidden="true" onPointerDown={close} onContextMenu={(event) => event.preventDefault()} />
      <div ref={menu} role="menu" aria-label={label} className="node-menu" style={{ ...place, width: WIDTH }} onKeyDown={key}>
        {groups.filter((group) => group.length).map((group, index) => (
          <div key={index} role="group" className="menu-group">
            {group.map((item) => <Item key={item.label} item={item} close={close} />)}
          </div>
        ))}
      </div>
    </>
  );
}

/** The next row that begins with a letter. */
function letter(key: string, all: HTMLElement[], now: number): void {
  const order = [...all.slice(now + 1), ...all.slice(0, now + 1)];
  order.find((row) => row.textContent?.trim().toLowerCase().startsWith(key.toLowerCase()))?.focus({ preventScroll: true });
}
