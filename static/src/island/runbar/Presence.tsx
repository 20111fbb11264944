/** Who else is here. */

import { t } from "../i18n";
import { useDocument } from "../store/document";
import type { Peer } from "../sync/wire";

/** A hue of one's own from the id; lightness comes from the theme, so the contrast holds. */
export function peerHue(id: string): number {
  return [...id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7);
}

export const initials = (name: string): string =>
  name.split(/[\s@._-]+/).filter(Boolean).slice(0, 2).map((part) => [...part][0]?.toUpperCase()).join("");

const SHOWN = 4;

export function Presence(): React.ReactElement | null {
  const peers = useDocument((state) => state.peers);
  if (!peers.length) return null;
  const people = [...new Map(peers.map((peer): [string, Peer] => [peer.name, peer])).values()];
  return (
    <span className="flex items-center" role="group" aria-label={t("Also here")}>
      {people.slice(0, SHOWN).map((peer) => (
        <span key={peer.id} className="peer" style={{ "--peer": peerHue(peer.id) } as React.CSSProperties} title={peer.name}>{initials(peer.name)}</span>
      ))}
      {people.length > SHOWN ? <span className="text-xs pl-1">+{people.length - SHOWN}</span> : null}
    </span>
  );
}
