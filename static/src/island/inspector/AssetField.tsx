/** A field that holds a file: what it is, another one from the workspace, or a new one from the disk. */

import { FolderOpen, Upload } from "lucide-react";
import { useRef, useState } from "react";

import type { Asset } from "../api/client";
import { fileUpload } from "../api/upload";
import { AssetPreview } from "../canvas/Preview";
import { t } from "../i18n";
import { NodeIcon } from "../icons";
import { assetKnow, useAsset } from "../store/assets";
import { workshop } from "../store/workshop";
import type { ControlProps } from "./Field";

const KIND_ICONS: Record<string, string> = { image: "image", video: "film", audio: "music", table: "table" };

function Choices({ kind, onPick }: { kind: string | null; onPick(asset: Asset): void }): React.ReactElement {
  const [assets, setAssets] = useState<Asset[] | null>(null);
  const [problem, setProblem] = useState("");
  const asked = useRef(false);
  if (!asked.current) {
    asked.current = true;
    workshop().api.assets(kind).then((page) => setAssets(page.items), (error: Error) => setProblem(error.message));
  }
  if (problem) return <p className="field-problem">{problem}</p>;
  if (!assets) return <p className="field-about">{t("Loading…")}</p>;
  if (!assets.length) return <p className="field-about">{t("No files here yet. Upload one.")}</p>;
  return (
    <ul className="grid grid-cols-4 gap-1 max-h-56 overflow-y-auto nowheel" aria-label={t("Files of this workspace")}>
      {assets.map((asset) => (
        <li key={asset.id}>
          <button type="button" className="asset-choice" title={asset.filename ?? asset.kind} onClick={() => onPick(asset)}>
            {asset.thumbnail ? <img src={asset.thumbnail} alt={asset.filename ?? ""} loading="lazy" /> : <NodeIcon name={KIND_ICONS[asset.kind] ?? "file"} size={20} />}
          </button>
        </li>
      ))}
    </ul>
  );
}

function useUpload(onDone: (asset: Asset) => void): { progress: number | null; problem: string; start(file: File): void } {
  const [progress, setProgress] = useState<number | null>(null);
  const [problem, setProblem] = useState("");
  const start = (file: File): void => {
    setProblem("");
    setProgress(0);
    fileUpload(workshop().api, file, setProgress)
      .then(onDone, (error: Error) => setProblem(error.message))
      .finally(() => setProgress(null));
  };
  return { progress, problem, start };
}

const idOf = (value: unknown): string | null =>
  typeof value === "string" && value ? value : ((value as { $asset?: string } | null | undefined)?.$asset ?? null);

export function AssetField({ id, label, schema, value, readOnly, compact, onChange }: ControlProps): React.ReactElement {
  const [open, setOpen] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const chosen = idOf(value);
  const asset = useAsset(chosen);
  const pick = (picked: Asset): void => {
    assetKnow(picked);
    onChange(picked.id);
    setOpen(false);
  };
  const { progress, problem, start } = useUpload(pick);
  return (
    <div className="grid gap-2">
      {chosen ? <div className="rounded-md overflow-hidden bg-base-200"><AssetPreview reference={{ $asset: chosen, kind: "file" }} /></div> : null}
      {asset && asset !== "missing" && asset.filename && !compact ? <p className="field-about truncate">{asset.filename}</p> : null}
      {chosen && compact ? null : <div className="flex gap-1">
        <button id={id} type="button" className="btn btn-sm grow" disabled={readOnly} aria-expanded={open} onClick={() => setOpen(!open)}>
          <FolderOpen size={14} aria-hidden="true" /> {chosen ? t("Another file…") : t("Choose a file…")}
        </button>
        <button type="button" className="btn btn-sm" disabled={readOnly || progress !== null} onClick={() => input.current?.click()}>
          <Upload size={14} aria-hidden="true" /> {progress === null ? t("Upload") : `${Math.round(progress * 100)} %`}
        </button>
        <input
          ref={input}
          type="file"
          className="hidden"
          aria-label={t("Upload for %(label)s", { label })}
          onChange={(event) => {
            const file = event.target.files?.[0];
            if (file) start(file);
            event.target.value = "";
          }}
        />
      </div>}
      {problem ? <p className="field-problem" role="alert">{problem}</p> : null}
      {open ? <Choices kind={schema["x-asset"] ?? null} onPick={pick} /> : null}
    </div>
  );
}
