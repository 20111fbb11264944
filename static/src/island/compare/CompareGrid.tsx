/** The grid of a node's variants over the canvas: the same fragment that its page shows. */

import { X } from "lucide-react";
import { useEffect, useRef } from "react";

import { t } from "../i18n";
import { useUi } from "../store/ui";
import { workshop } from "../store/workshop";

interface Htmx {
  ajax(verb: string, path: string, context: { target: Element; swap: string }): Promise<void>;
}

export const gridUrl = (run: string, node: string): string => `/w/${workshop().mount.workspace}/runs/${run}/compare/${encodeURIComponent(node)}/`;

function Dialog({ run, node }: { run: string; node: string }): React.ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
    const { htmx } = window as unknown as { htmx: Htmx };
    void htmx.ajax("get", gridUrl(run, node), { target: place.current!, swap: "innerHTML" });
  }, [run, node]);
  const close = (): void => useUi.setState({ compareGrid: null });
  // A dialog inside this one closes by itself, and its event comes by here.
  const closed = (event: React.SyntheticEvent): void => (event.target === event.currentTarget ? close() : undefined);
  return (
    <dialog ref={dialog} className="keys-dialog compare-grid" aria-label={t("Compare")} onClose={closed}>
      <button type="button" className="btn btn-ghost btn-sm btn-square compare-close" aria-label={t("Close")} title={t("Close")} onClick={close}><X size={16} aria-hidden="true" /></button>
      <div ref={place} className="compare-place" />
    </dialog>
  );
}

export function CompareGrid(): React.ReactElement | null {
  const open = useUi((state) => state.compareGrid);
  return open ? <Dialog key={open.node} run={open.run} node={open.node} /> : null;
}
