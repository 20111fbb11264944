/** An upload: policy from the server, bytes straight to the storage, then the server looks at them. */

import { t } from "../i18n";
import type { Api, Asset, Upload } from "./client";

/** Posts the file with the policy's fields; `progress` gets 0…1. XHR, because fetch tells no progress. */
function filePost(upload: Upload, file: File, progress: (share: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(upload.fields)) form.append(name, value);
    form.append("file", file);
    const request = new XMLHttpRequest();
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) progress(event.loaded / event.total);
    };
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(new Error(t("The storage refused the file (%(status)s). Try again, or a smaller file.", { status: request.status })));
    };
    request.onerror = () => reject(new Error(t("The connection was lost while uploading. Try again.")));
    request.open("POST", upload.url ?? "");
    request.send(form);
  });
}

const LOOK_MS = 700;
const LOOKS = 170;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until the server has looked at the bytes. Large files are looked at by a worker. */
async function assetVerified(api: Api, first: Asset): Promise<Asset> {
  let asset = first;
  for (let looks = 0; asset.state === "verifying" || asset.state === "pending"; looks += 1) {
    if (looks > LOOKS) throw new Error(t("The file arrived, but checking it takes long. You find it in the gallery when it is ready."));
    await pause(LOOK_MS);
    asset = await api.asset(asset.id);
  }
  if (asset.state === "refused") throw new Error(asset.refusal?.detail ?? t("The file is not what it says it is, so it was not kept."));
  return asset;
}

/** Uploads a file and answers the verified asset. Rejects with a sentence for the person. */
export async function fileUpload(api: Api, file: File, progress: (share: number) => void): Promise<Asset> {
  const upload = await api.uploadStart(file);
  if (!upload.url) return assetVerified(api, await api.asset(upload.asset));
  await filePost(upload, file, progress);
  progress(1);
  return assetVerified(api, await api.uploadComplete(upload.asset));
}
