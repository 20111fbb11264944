/** An empty canvas is not a dead end: one click makes a small graph that runs. */

import { Plus, Type } from "lucide-react";

import { newId } from "../document/ids";
import type { Operation } from "../document/types";
import { t } from "../i18n";
import { nodeType } from "../store/catalogue";
import { useDocument } from "../store/document";
import { nodeNew } from "../store/edits";
import { useUi } from "../store/ui";
import { commit } from "../store/workshop";

/** A prompt, an image made from it, and the gallery: as far as this catalogue has them. */
function starter(): Operation[] {
  const prompt = nodeType("input.text");
  const image = nodeType("image.generate");
  const gallery = nodeType("output.gallery");
  if (!prompt || !image) return [];
  const first = nodeNew(prompt, { x: 0, y: 0 }, { text: t("A paper boat on a river of stars") });
  const second = nodeNew(image, { x: 336, y: 0 });
  const ops: Operation[] = [
    { op: "add_node", node: first },
    { op: "add_node", node: second },
    { op: "add_edge", edge: { id: newId("e"), source: first.id, source_port: "text", target: second.id, target_port: "prompt" } },
  ];
  const input = gallery?.ports.inputs[0]?.name;
  if (!gallery || !input) return ops;
  const third = nodeNew(gallery, { x: 672, y: 0 });
  const edge = { id: newId("e"), source: second.id, source_port: "image", target: third.id, target_port: input };
  return [...ops, { op: "add_node", node: third }, { op: "add_edge", edge }];
}

export function EmptyCanvas({ onStarted }: { onStarted(): void }): React.ReactElement | null {
  const empty = useDocument(({ document }) => document.nodes.length === 0);
  const readOnly = useDocument((state) => state.readOnly);
  const uploading = useUi((state) => state.uploads.length > 0);
  if (!empty || uploading) return null;
  const begin = (): void => {
    commit(starter());
    onStarted();
  };
  return (
    <div className="empty-canvas">
      <h2 className="text-xl font-medium">{readOnly ? t("Nothing here yet") : t("Begin with a picture")}</h2>
      {readOnly ? null : (
        <>
          <p className="text-base-content/70 max-w-96">{t("Write what you want to see, and run it. Or drop a file here, paste some text, or press Space to add any node.")}</p>
          <div className="flex gap-2 justify-center">
            <button type="button" className="btn btn-primary btn-sm" onClick={begin}><Type size={14} aria-hidden="true" /> {t("Prompt to image")}</button>
            <button type="button" className="btn btn-sm" onClick={(event) => useUi.setState({ quickAdd: { at: { x: event.clientX, y: event.clientY }, place: { x: 0, y: 0 }, from: null } })}>
              <Plus size={14} aria-hidden="true" /> {t("Add a node")}
            </button>
          </div>
        </>
      )}
    </div>
  );
}
