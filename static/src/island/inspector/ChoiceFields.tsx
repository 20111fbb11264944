/** Fields that choose: one of several, yes or no, a model. */

import type { Json } from "../document/types";
import { t } from "../i18n";
import { model, modelsFor } from "../store/catalogue";
import type { ControlProps } from "./Field";

export function ChoiceField({ id, label, schema, value, readOnly, compact, describedBy, onChange }: ControlProps): React.ReactElement {
  const choices = schema.enum ?? [];
  const shown = value ?? schema.default;
  const at = choices.findIndex((choice) => choice === shown);
  return (
    <select
      id={id}
      value={at}
      disabled={readOnly}
      aria-label={compact ? label : undefined}
      aria-describedby={describedBy}
      className="select select-sm w-full"
      onChange={(event) => onChange(choices[Number(event.target.value)] as Json)}
    >
      {at < 0 ? <option value={-1}>{shown === undefined ? t("Choose…") : String(shown)}</option> : null}
      {choices.map((choice, index) => (
        <option key={String(choice)} value={index}>
          {schema["x-enum-titles"]?.[index] ?? String(choice)}
        </option>
      ))}
    </select>
  );
}

export function SwitchField({ id, label, schema, value, readOnly, compact, describedBy, onChange }: ControlProps): React.ReactElement {
  return (
    <div className="flex items-center justify-between gap-2">
      <label htmlFor={id} className={compact ? "sr-only" : "field-label"}>
        {label}
      </label>
      <input
        id={id}
        type="checkbox"
        role="switch"
        checked={Boolean(value ?? schema.default ?? false)}
        disabled={readOnly}
        aria-describedby={describedBy}
        className="toggle toggle-sm"
        onChange={(event) => onChange(event.target.checked)}
      />
    </div>
  );
}

export function ModelField({ id, label, schema, value, readOnly, compact, describedBy, onChange }: ControlProps): React.ReactElement {
  const models = modelsFor(schema);
  const chosen = model(value ?? schema.default);
  return (
    <>
      <select
        id={id}
        value={chosen?.id ?? ""}
        disabled={readOnly}
        aria-label={compact ? label : undefined}
        aria-describedby={describedBy}
        className="select select-sm w-full"
        onChange={(event) => onChange(event.target.value)}
      >
        {chosen ? null : <option value="">{value ? t("%(model)s (not available)", { model: String(value) }) : t("Choose a model…")}</option>}
        {models.map((each) => (
          <option key={each.id} value={each.id}>
            {each.title}
          </option>
        ))}
      </select>
      {chosen && !compact ? (
        <p className="field-about">
          {chosen.description} {chosen.price?.formula ? <span>{t("Price: %(formula)s.", { formula: chosen.price.formula })}</span> : null}
        </p>
      ) : null}
    </>
  );
}
