/** What lies over the graph: other people's pointers, uploads under way, sentences that leave by themselves. */

import { ViewportPortal } from "@xyflow/react";
import { MousePointer2, X } from "lucide-react";

import { t } from "../i18n";
import { initials, peerHue } from "../runbar/Presence";
import { useDocument } from "../store/document";
import { toastClose, uploadClose, useUi, type Toast } from "../store/ui";

export function Peers(): React.ReactElement {
  const peers = useDocument((state) => state.peers);
  return (
    <ViewportPortal>
      {peers.map((peer) =>
        peer.cursor ? (
          <div key={peer.id} className="peer-cursor" style={{ transform: `translate(${peer.cursor.x}px, ${peer.cursor.y}px)`, "--peer": peerHue(peer.id) } as React.CSSProperties}>
            <MousePointer2 size={16} fill="currentColor" aria-hidden="true" />
            <span>{peer.name}</span>
          </div>
        ) : null,
      )}
    </ViewportPortal>
  );
}

/** Marks on nodes that others have selected. */
export function PeerMarks({ node }: { node: string }): React.ReactElement | null {
  const key = useDocument((state) => state.peers.filter((peer) => peer.selected.includes(node)).map((peer) => `${peer.id} ${peer.name}`).join("\n"));
  if (!key) return null;
  return (
    <div className="absolute -top-3 right-2 flex">
      {key.split("\n").map((each) => {
        const [id = "", ...name] = each.split(" ");
        return <span key={id} className="peer peer-small" style={{ "--peer": peerHue(id) } as React.CSSProperties} title={name.join(" ")}>{initials(name.join(" "))}</span>;
      })}
    </div>
  );
}

export function Uploads(): React.ReactElement {
  const uploads = useUi((state) => state.uploads);
  return (
    <ViewportPortal>
      {uploads.map(({ id, name, position, progress, error }) => (
        <div key={id} className="node node-upload nopan" role="status" style={{ transform: `translate(${position.x}px, ${position.y}px)` }}>
          <div className="node-header">
            <span className="grow truncate font-medium">{name}</span>
            {error ? null : <span className="text-xs tabular-nums">{Math.round(progress * 100)} %</span>}
            {error ? <button type="button" className="btn btn-ghost btn-xs btn-square" aria-label={t("Close")} onClick={() => uploadClose(id)}><X size={13} aria-hidden="true" /></button> : null}
          </div>
          {error ? <p className="node-reason" role="alert" style={{ color: "var(--state-failed)" }}>{error}</p> : <div className="node-progress"><div style={{ transform: `scaleX(${progress})` }} /></div>}
        </div>
      ))}
    </ViewportPortal>
  );
}

function Sentence({ toast }: { toast: Toast }): React.ReactElement {
  return (
    <div className="hint flex items-start gap-2 pointer-events-auto" data-tone={toast.tone} role={toast.tone === "error" ? "alert" : "status"}>
      <span>{toast.text}</span>
      <button type="button" className="opacity-70 hover:opacity-100" aria-label={t("Close")} onClick={() => toastClose(toast.id)}><X size={14} aria-hidden="true" /></button>
    </div>
  );
}

export function Toasts(): React.ReactElement {
  const toasts = useUi((state) => state.toasts);
  return (
    <>
      <div className="fixed bottom-4 left-1/2 -translate-x-1/2 z-50 grid gap-2 pointer-events-none">
        {toasts.filter((each) => !each.at).map((each) => <Sentence key={each.id} toast={each} />)}
      </div>
      {toasts.map((each) => each.at ? <div key={each.id} className="fixed z-50" style={{ left: Math.min(each.at.x + 14, window.innerWidth - 280), top: Math.min(each.at.y + 14, window.innerHeight - 80) }}><Sentence toast={each} /></div> : null)}
    </>
  );
}
