/** The workflow's variables: values that a run may replace. */

import { Plus, X } from "lucide-react";
import { useState } from "react";

import type { Json } from "../document/types";
import { t } from "../i18n";
import { useDocument } from "../store/document";
import { variableSet } from "../store/edits";
import { useDraft } from "./useDraft";

/** What was typed: a number, true, false or JSON when it reads as one, else the text itself. */
export function variableRead(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

const shown = (value: Json): string => (typeof value === "string" && typeof variableRead(value) === "string" ? value : JSON.stringify(value));

function Variable({ name, value, readOnly }: { name: string; value: Json; readOnly: boolean }): React.ReactElement {
  const { draft, change, settle } = useDraft(shown(value), (text: string) => variableSet(name, variableRead(text)));
  return (
    <div className="flex items-center gap-1">
      <span className="font-mono text-xs w-28 truncate" title={name}>{name}</span>
      <input type="text" className="input input-sm grow" value={draft} readOnly={readOnly} aria-label={name} onChange={(event) => change(event.target.value)} onBlur={settle} />
      <button type="button" className="btn btn-ghost btn-sm btn-square" disabled={readOnly} aria-label={t("Remove %(name)s", { name })} onClick={() => variableSet(name, undefined)}>
        <X size={14} aria-hidden="true" />
      </button>
    </div>
  );
}

export function Variables({ readOnly }: { readOnly: boolean }): React.ReactElement {
  const variables = useDocument(({ document }) => document.variables);
  const [name, setName] = useState("");
  const add = (event: React.FormEvent): void => {
    event.preventDefault();
    const clean = name.trim();
    if (clean && !Object.hasOwn(variables, clean)) variableSet(clean, "");
    setName("");
  };
  return (
    <section className="panel-section" aria-label={t("Variables")}>
      <h3 className="panel-heading">{t("Variables")}</h3>
      <p className="field-about">{t("Values that every run can replace, by the API or a trigger.")}</p>
      {Object.entries(variables).map(([key, value]) => <Variable key={key} name={key} value={value} readOnly={readOnly} />)}
      {readOnly ? null : (
        <form className="flex gap-1" onSubmit={add}>
          <input type="text" className="input input-sm grow font-mono text-xs" value={name} maxLength={100} placeholder={t("name")} aria-label={t("Name of a new variable")} onChange={(event) => setName(event.target.value)} />
          <button type="submit" className="btn btn-sm"><Plus size={14} aria-hidden="true" /> {t("Add")}</button>
        </form>
      )}
    </section>
  );
}
