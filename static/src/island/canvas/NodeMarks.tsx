/** Small marks for how a node is treated: pinned, always new, retries, time limit, what follows a failure. */

import { Columns2, type LucideIcon, Pin, RefreshCw, Repeat, ShieldCheck, Timer } from "lucide-react";

import { marksOf, type MarkKind } from "../document/treatment";
import type { Params } from "../document/types";

const ICONS: Record<MarkKind, LucideIcon> = { vary: Columns2, pin: Pin, new: RefreshCw, retry: Repeat, timeout: Timer, failure: ShieldCheck };

export function NodeMarks({ params }: { params: Params }): React.ReactElement | null {
  const marks = marksOf(params);
  if (!marks.length) return null;
  return (
    <span className="node-marks">
      {marks.map(({ kind, figure, words }) => {
        const Icon = ICONS[kind];
        return (
          <span key={kind} role="img" aria-label={words} title={words} data-mark={kind}>
            <Icon size={12} aria-hidden="true" />
            {figure}
          </span>
        );
      })}
    </span>
  );
}
