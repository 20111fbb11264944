/** Comparing, in the inspector: what is compared and what came of it; and the contact sheet on the node. */

import { Check, Columns2, Dices, Layers3, SlidersHorizontal } from "lucide-react";

import { AssetPreview } from "../canvas/Preview";
import { variantsCount, varyOf, type Vary } from "../document/vary";
import type { ParamSchema } from "../boot";
import type { GraphNode, Json } from "../document/types";
import { listed, t, tn } from "../i18n";
import { model, nodeTypeOf, schemaOf } from "../store/catalogue";
import { comparable, compareOpen, gridOpen, sheetOf, varySet } from "../store/compare";
import { modelOf } from "../store/edits";
import { isAsset, useRun, type Output } from "../store/run";

const valueTitle = (schema: ParamSchema | undefined, value: Json): string => {
  const at = schema?.enum?.indexOf(value) ?? -1;
  return schema?.["x-enum-titles"]?.[at] ?? (value === true ? t("Yes") : value === false ? t("No") : String(value));
};

/** What differs, in words. */
function words(node: GraphNode, vary: Vary): string {
  const { models = [], seeds, sweep = {} } = vary;
  const titles = schemaOf(nodeTypeOf(node), modelOf(nodeTypeOf(node), node.params)).properties ?? {};
  const parts = models.length ? [listed(models.map((id) => model(id)?.title ?? id))] : [];
  for (const [name, values] of Object.entries(sweep)) parts.push(`${titles[name]?.title ?? name}: ${listed(values.map((value) => valueTitle(titles[name], value)))}`);
  if (Array.isArray(seeds)) parts.push(t("seeds %(seeds)s", { seeds: listed(seeds.map(String)) }));
  else if (seeds) parts.push(tn("%(count)s seed", "%(count)s seeds", seeds));
  return parts.join(" × ");
}

export function Comparison({ node, readOnly, problem }: { node: GraphNode; readOnly: boolean; problem: string | undefined }): React.ReactElement | null {
  const made = useRun(({ status }) => sheetOf(status[node.id]?.request) !== null);
  const vary = varyOf(node.params);
  if (!comparable(node)) return null;
  return (
    <section className="panel-section" aria-label={t("Compare")}>
      <h3 className="panel-heading">{t("Compare")}</h3>
      {vary ? <p className="text-sm">{tn("%(count)s variant", "%(count)s variants", variantsCount(vary))}: {words(node, vary)}</p> : null}
      {problem ? <p className="field-problem" role="alert">{problem}</p> : null}
      <div className="flex flex-wrap gap-2">
        {made ? <button type="button" className="btn btn-sm btn-primary" onClick={() => gridOpen(node.id)}><Columns2 size={13} aria-hidden="true" /> {t("See side by side")}</button> : null}
        {vary ? (
          <>
            <button type="button" className="btn btn-sm" disabled={readOnly} onClick={() => compareOpen(node.id, "models")}>{t("Change…")}</button>
            <button type="button" className="btn btn-sm btn-ghost" disabled={readOnly} onClick={() => varySet(node.id, undefined)}>{t("Stop comparing")}</button>
          </>
        ) : (
          <>
            <button type="button" className="btn btn-sm" disabled={readOnly} onClick={() => compareOpen(node.id, "models")}><Layers3 size={13} aria-hidden="true" /> {t("Models…")}</button>
            <button type="button" className="btn btn-sm" disabled={readOnly} onClick={() => compareOpen(node.id, "seeds", { seeds: 4 })}><Dices size={13} aria-hidden="true" /> {t("Seeds × 4")}</button>
            <button type="button" className="btn btn-sm" disabled={readOnly} onClick={() => compareOpen(node.id, "sweep")}><SlidersHorizontal size={13} aria-hidden="true" /> {t("Sweep…")}</button>
          </>
        )}
      </div>
    </section>
  );
}

const SHOWN = 12;

function Cell({ output, winner }: { output: Output; winner: boolean }): React.ReactElement {
  const { value } = output;
  return (
    <div className="sheet-cell" data-winner={winner}>
      {isAsset(value) ? <AssetPreview reference={value} /> : <p className="preview-text">{String(value).slice(0, 160)}</p>}
      {winner ? <span className="sheet-winner" role="img" aria-label={t("Goes on")} title={t("Goes on")}><Check size={11} aria-hidden="true" /></span> : null}
    </div>
  );
}

/** All that the variants made, small; the one that goes on is marked. */
export function VariantSheet({ node, outputs, request }: { node: string; outputs: readonly Output[]; request: unknown }): React.ReactElement {
  const sheet = sheetOf(request);
  const winner = sheet ? sheet.places.indexOf(sheet.winner) : -1;
  const shown = outputs.slice(0, SHOWN);
  const files = shown.every(({ value }) => isAsset(value));
  return (
    <div className="variant-sheet nodrag">
      <div className="sheet-cells" data-files={files} data-many={shown.length > 4}>
        {shown.map((output, at) => <Cell key={at} output={output} winner={at === winner} />)}
      </div>
      <button type="button" className="sheet-open" onClick={() => gridOpen(node)}>
        <Columns2 size={12} aria-hidden="true" />
        {outputs.length > shown.length ? t("See all %(count)s side by side", { count: outputs.length }) : t("See side by side")}
      </button>
    </div>
  );
}
