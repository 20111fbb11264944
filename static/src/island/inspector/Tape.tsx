/** A node's past outputs: stepping back brings the settings of that moment with it. */

import { useEffect, useState } from "react";

import type { Generation } from "../api/client";
import { AssetPreview } from "../canvas/Preview";
import type { GraphNode } from "../document/types";
import { t } from "../i18n";
import { formatCredits } from "../runbar/credits";
import { settingsRestore } from "../store/edits";
import { useRun } from "../store/run";
import { toast } from "../store/ui";
import { workshop } from "../store/workshop";

function useGenerations(node: string): Generation[] {
  const [items, setItems] = useState<Generation[]>([]);
  const state = useRun(({ status }) => status[node]?.state);
  useEffect(() => {
    let current = true;
    workshop().api.generations(node).then((page) => current && setItems(page.items), () => undefined);
    return () => {
      current = false;
    };
  }, [node, state]);
  return items;
}

function titleOf({ created_at, model, seed, cost }: Generation): string {
  const when = new Date(created_at).toLocaleString(document.documentElement.lang || undefined);
  return [when, model, seed === null ? "" : t("seed %(seed)s", { seed }), formatCredits(cost)].filter(Boolean).join(" · ");
}

export function Tape({ node, readOnly }: { node: GraphNode; readOnly: boolean }): React.ReactElement | null {
  const made = useGenerations(node.id).filter((each) => each.outputs.length > 0);
  if (!made.length) return null;
  const restore = (generation: Generation): void => {
    settingsRestore(node, generation.model, generation.params);
    toast(t("The settings are as they were then. Undo brings yours back."));
  };
  return (
    <section className="panel-section" aria-label={t("Made before")}>
      <h3 className="panel-heading">{t("Made before")}</h3>
      <ul className="node-tape">
        {made.map((generation) => (
          <li key={generation.id}>
            <button type="button" className="asset-choice" disabled={readOnly} title={titleOf(generation)} aria-label={t("Use the settings of %(moment)s", { moment: titleOf(generation) })} onClick={() => restore(generation)}>
              <AssetPreview reference={generation.outputs[0]!} />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
