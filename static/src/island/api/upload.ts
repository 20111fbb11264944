/** An upload: policy from the server, bytes straight to the storage, then the server looks at them. */

import { t } from "../i18n";
import { ApiError, type Api, type Asset, type Upload } from "./client";

/** Posts the file with the policy's fields; `progress` gets 0…1. XHR, because fetch tells no progress. */
function filePost(upload: Upload, file: File, progress: (share: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(upload.fields ?? {})) form.append(name, value);
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

const idOf = (upload: Upload): string => (typeof upload.asset === "string" ? upload.asset : upload.asset.id);

/** Uploads a file and answers the verified asset. Rejects with a sentence for the person. */
export async function fileUpload(api: Api, file: File, progress: (share: number) => void): Promise<Asset> {
  const upload = await api.uploadStart(file);
  const id = idOf(upload);
  if (!upload.url) return api.asset(id);
  await filePost(upload, file, progress);
  progress(1);
  const asset = await api.uploadComplete(id);
  if (asset.state === "refused" || asset.state === "failed" || asset.state === "rejected") {
    throw new ApiError(422, { detail: asset.error ?? t("The file is not what it says it is, so it was not kept.") });
  }
  return asset;
}
