/** Fields for numbers: typed, stepped, or dragged by their label. */

import { Dices } from "lucide-react";
import { useRef } from "react";

import type { ParamSchema } from "../boot";
import { t } from "../i18n";
import { seedRandom } from "../store/edits";
import type { ControlProps } from "./Field";
import { useDraft } from "./useDraft";

const PIXELS_PER_STEP = 4;

const isWhole = ({ type }: ParamSchema): boolean => (Array.isArray(type) ? type.includes("integer") : type === "integer");

function stepOf(schema: ParamSchema): number {
  if (schema.multipleOf) return schema.multipleOf;
  if (isWhole(schema)) return 1;
  const span = (schema.maximum ?? 100) - (schema.minimum ?? 0);
  return span <= 2 ? 0.01 : span <= 20 ? 0.1 : 1;
}

/** Into the bounds and onto the step, without the dust of binary fractions. */
export function numberFit(value: number, schema: ParamSchema): number {
  const step = stepOf(schema);
  const onStep = isWhole(schema) || schema.multipleOf ? Math.round(value / step) * step : value;
  const bounded = Math.min(Math.max(onStep, schema.minimum ?? -Infinity), schema.maximum ?? Infinity);
  return Number(bounded.toFixed(6));
}

export function numberProblem(text: string, schema: ParamSchema): string | null {
  const value = Number(text);
  const { minimum, maximum } = schema;
  if (text.trim() === "" || !Number.isFinite(value)) return t("A number is expected here.");
  if (minimum !== undefined && value < minimum) return t("At least %(minimum)s.", { minimum });
  if (maximum !== undefined && value > maximum) return t("At most %(maximum)s.", { maximum });
  if (isWhole(schema) && !Number.isInteger(value)) return t("A whole number is expected here.");
  return null;
}

interface ScrubProps {
  id: string;
  label: string;
  schema: ParamSchema;
  value: number;
  disabled: boolean;
  change(value: number): void;
  settle(): void;
}

/** A label that is dragged sideways to change its number; shift makes it ten times as fast. */
function ScrubLabel({ id, label, schema, value, disabled, change, settle }: ScrubProps): React.ReactElement {
  const start = useRef<{ x: number; value: number } | null>(null);
  const move = (event: React.PointerEvent): void => {
    if (!start.current) return;
    const steps = Math.round((event.clientX - start.current.x) / PIXELS_PER_STEP) * (event.shiftKey ? 10 : 1);
    change(numberFit(start.current.value + steps * stepOf(schema), schema));
  };
  const end = (): void => {
    start.current = null;
    settle();
  };
  return (
    <label
      htmlFor={id}
      className={`field-label ${disabled ? "" : "cursor-ew-resize select-none touch-none"}`}
      title={disabled ? undefined : t("Drag to change")}
      onPointerDown={(event) => {
        if (disabled) return;
        start.current = { x: event.clientX, value };
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={move}
      onPointerUp={end}
      onPointerCancel={end}
    >
      {label}
    </label>
  );
}

function boundsText({ minimum, maximum, "x-unit": unit }: ParamSchema): string {
  return minimum !== undefined && maximum !== undefined && maximum < 1e9 ? `${minimum}–${maximum} ${unit ?? ""}`.trim() : "";
}

export function NumberField({ id, label, schema, value, readOnly, compact, describedBy, onChange }: ControlProps): React.ReactElement {
  const shown = value ?? "";
  const { draft, change, settle } = useDraft(String(shown), (text: string) => {
    if (text.trim() === "") onChange(undefined);
    else if (numberProblem(text, schema) === null) onChange(Number(text));
  });
  const problem = draft.trim() === "" ? null : numberProblem(draft, schema);
  const scrub = (next: number): void => change(String(next));
  return (
    <>
      <div className={compact ? "" : "grid grid-cols-[1fr_8.5rem] items-center gap-2"}>
        {compact ? null : (
          <ScrubLabel id={id} label={label} schema={schema} value={Number(draft || schema.default) || 0} disabled={readOnly} change={scrub} settle={settle} />
        )}
        <input
          id={id}
          type="number"
          value={draft}
          min={schema.minimum}
          max={schema.maximum}
          placeholder={schema.default === undefined ? undefined : String(schema.default)}
          step={isWhole(schema) || schema.multipleOf ? stepOf(schema) : "any"}
          readOnly={readOnly}
          title={boundsText(schema)}
          aria-label={compact ? label : undefined}
          aria-invalid={problem !== null}
          aria-describedby={describedBy}
          className="input input-sm w-full tabular-nums"
          onChange={(event) => change(event.target.value)}
          onBlur={settle}
        />
      </div>
      {problem ? <p className="field-problem">{problem}</p> : null}
    </>
  );
}

export function SeedField(props: ControlProps): React.ReactElement {
  return (
    <div className="flex items-end gap-1">
      <div className="grow">
        <NumberField {...props} schema={{ type: "integer", minimum: 0, maximum: 2 ** 53 - 1, ...props.schema }} />
      </div>
      <button
        type="button"
        className="btn btn-sm btn-square btn-ghost"
        disabled={props.readOnly}
        title={t("Roll another seed")}
        aria-label={t("Roll another seed")}
        onClick={() => props.onChange(seedRandom())}
      >
        <Dices size={15} aria-hidden="true" />
      </button>
    </div>
  );
}
