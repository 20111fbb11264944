/** One field of a form, made from one property of a JSON Schema. */

import { useId } from "react";

import type { ParamSchema } from "../boot";
import type { Json } from "../document/types";
import { t } from "../i18n";
import { AssetField } from "./AssetField";
import { ColourField } from "./ColourField";
import { JsonField, TextField } from "./TextFields";
import { ChoiceField, ModelField, SwitchField } from "./ChoiceFields";
import { NumberField, SeedField } from "./NumberFields";

export interface FieldProps {
  name: string;
  schema: ParamSchema;
  value: Json | undefined;
  readOnly: boolean;
  /** On a node: the control alone, without its label and explanation. */
  compact?: boolean;
  problem?: string | undefined;
  onChange(value: Json | undefined): void;
}

export interface ControlProps extends FieldProps {
  id: string;
  label: string;
  describedBy: string | undefined;
}

const typeOf = ({ type }: ParamSchema): string | undefined => (Array.isArray(type) ? type.find((each) => each !== "null") : type);

function controlFor(schema: ParamSchema): (props: ControlProps) => React.ReactElement {
  if (schema.format === "model") return ModelField;
  if (schema.format === "asset") return AssetField;
  if (schema.enum) return ChoiceField;
  if (schema.format === "color") return ColourField;
  if (schema.format === "seed") return SeedField;
  switch (typeOf(schema)) {
    case "boolean":
      return SwitchField;
    case "integer":
    case "number":
      return NumberField;
    case "object":
    case "array":
      return JsonField;
    default:
      return TextField;
  }
}

/** Controls that bring their label along: a number's label is there to be dragged. */
const LABELLED = new Set<unknown>([NumberField, SeedField, SwitchField]);

export function Field(props: FieldProps): React.ReactElement {
  const { name, schema, compact, problem } = props;
  const id = useId();
  const label = schema.title ?? name;
  const Control = controlFor(schema);
  const described = !compact && (problem || schema.description) ? `${id}-about` : undefined;
  return (
    <div className="field" data-param={name}>
      {compact || LABELLED.has(Control) ? null : (
        <label htmlFor={id} className="field-label">
          {label}
        </label>
      )}
      <Control {...props} id={id} label={label} describedBy={described} />
      {described ? (
        <p id={described} className={problem ? "field-problem" : "field-about"}>
          {problem ?? schema.description}
        </p>
      ) : null}
    </div>
  );
}

export function fieldMissing(schema: ParamSchema, value: Json | undefined): string | undefined {
  return (value === undefined || value === "") && (schema.minLength ?? 0) > 0 ? t("This is needed.") : undefined;
}
