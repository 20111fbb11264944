/** A colour, picked or written; only what is written can be a name, or partly transparent. */

import type { ControlProps } from "./Field";
import { TextField } from "./TextFields";
import { useDraft } from "./useDraft";

const SHORT = /^#([0-9a-f])([0-9a-f])([0-9a-f])[0-9a-f]?$/i;
const LONG = /^#[0-9a-f]{6}(?:[0-9a-f]{2})?$/i;

/** What a picker can show of a colour as it is written: `#rrggbb`, names by way of the browser; null for what is none. */
export function pickable(written: string): string | null {
  const text = written.trim();
  if (LONG.test(text)) return text.slice(0, 7).toLowerCase();
  if (SHORT.test(text)) return text.replace(SHORT, "#$1$1$2$2$3$3").toLowerCase();
  const brush = typeof document === "undefined" ? null : document.createElement("canvas").getContext("2d");
  if (!brush || !text || text.toLowerCase() === "transparent") return null;
  brush.fillStyle = "#010203"; // stays when the text is no colour
  brush.fillStyle = text;
  const found = String(brush.fillStyle);
  return LONG.test(found) && found !== "#010203" ? found : null;
}

/** The picked colour, as transparent as the written one was. */
export const repainted = (written: string, picked: string): string =>
  picked + (/^#[0-9a-f]{6}([0-9a-f]{2})$/i.exec(written.trim())?.[1] ?? "");

export function ColourField(props: ControlProps): React.ReactElement {
  const { label, schema, value, readOnly, onChange } = props;
  const written = typeof value === "string" && value ? value : String(schema.default ?? "");
  // A picker tells of every colour on the way to the one that is wanted.
  const { draft, change, settle } = useDraft(pickable(written) ?? "#ffffff", (picked: string) => onChange(repainted(written, picked)));
  return (
    <div className="flex items-center gap-2">
      <input
        type="color"
        value={draft}
        disabled={readOnly}
        aria-label={label}
        className="h-8 w-9 shrink-0 cursor-pointer rounded border border-base-300 bg-transparent p-0.5 disabled:cursor-default"
        onChange={(event) => change(event.target.value)}
        onBlur={settle}
      />
      <TextField {...props} />
    </div>
  );
}
