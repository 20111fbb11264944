/** A file dropped or pasted on the canvas: uploaded under the eyes of the person, then a node. */

import { fileUpload } from "../api/upload";
import { newId } from "../document/ids";
import type { Position } from "../document/types";
import { t } from "../i18n";
import { assetKnow } from "./assets";
import { nodeType } from "./catalogue";
import { useDocument } from "./document";
import { nodeAdd } from "./edits";
import { toast, uploadChange, uploadClose, useUi } from "./ui";
import { workshop } from "./workshop";

/** Uploads files and puts an `input.asset` node for each, one below the other from `place` on. */
export async function filesPlace(files: readonly File[], place: Position): Promise<void> {
  if (useDocument.getState().readOnly) return toast(t("You can look at this workflow, but not change it."), "error");
  await Promise.all(files.map((file, index) => filePlace(file, { x: place.x, y: place.y + index * 220 })));
}

async function filePlace(file: File, position: Position): Promise<void> {
  const id = newId("u");
  useUi.setState(({ uploads }) => ({ uploads: [...uploads, { id, name: file.name, position, progress: 0, error: null }] }));
  try {
    const asset = await fileUpload(workshop().api, file, (progress) => uploadChange(id, { progress }));
    assetKnow(asset);
    const type = nodeType("input.asset");
    if (type) nodeAdd(type, position, null, { asset: asset.id });
    uploadClose(id);
  } catch (error) {
    uploadChange(id, { error: error instanceof Error ? error.message : String(error) });
  }
}
