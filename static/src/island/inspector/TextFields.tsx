/** Fields for words, expressions and data. */

import { useState } from "react";

import type { Json } from "../document/types";
import { t } from "../i18n";
import type { ControlProps } from "./Field";
import { useDraft } from "./useDraft";

const LONG = new Set(["multiline", "template", "cel", "code"]);
const MONO = new Set(["template", "cel", "code"]);

export function TextField({ id, label, schema, value, readOnly, compact, describedBy, onChange }: ControlProps): React.ReactElement {
  const given = typeof value === "string" ? value : value === undefined || value === null ? "" : JSON.stringify(value);
  const { draft, change, settle } = useDraft(given, (text: string) => onChange(text));
  const format = schema.format ?? "";
  const shared = {
    id,
    value: draft,
    readOnly,
    maxLength: schema.maxLength,
    placeholder: typeof schema.default === "string" ? schema.default : undefined,
    "aria-label": compact ? label : undefined,
    "aria-describedby": describedBy,
    onBlur: settle,
  };
  if (!LONG.has(format)) {
    return <input {...shared} type="text" className="input input-sm w-full" onChange={(event) => change(event.target.value)} />;
  }
  const lines = Math.min(Math.max(draft.split("\n").length, Math.ceil(draft.length / (compact ? 34 : 42)), compact ? 2 : 3), compact ? 8 : 16);
  return (
    <textarea
      {...shared}
      rows={lines}
      spellCheck={!MONO.has(format)}
      className={`textarea textarea-sm w-full leading-snug ${MONO.has(format) ? "font-mono text-xs" : ""}`}
      onChange={(event) => change(event.target.value)}
    />
  );
}

/** Objects and lists as JSON; only what can be read is sent. */
export function JsonField({ id, value, readOnly, describedBy, onChange }: ControlProps): React.ReactElement {
  const [problem, setProblem] = useState(false);
  const { draft, change, settle } = useDraft(value === undefined ? "" : JSON.stringify(value, null, 2), (text: string) => {
    try {
      onChange(text.trim() === "" ? undefined : (JSON.parse(text) as Json));
      setProblem(false);
    } catch {
      setProblem(true);
    }
  });
  return (
    <>
      <textarea
        id={id}
        value={draft}
        readOnly={readOnly}
        rows={Math.min(Math.max(draft.split("\n").length, 3), 16)}
        spellCheck={false}
        aria-invalid={problem}
        aria-describedby={describedBy}
        className="textarea textarea-sm w-full font-mono text-xs"
        onChange={(event) => change(event.target.value)}
        onBlur={settle}
      />
      {problem ? <p className="field-problem">{t("This is not valid JSON yet, so it is not saved.")}</p> : null}
    </>
  );
}
