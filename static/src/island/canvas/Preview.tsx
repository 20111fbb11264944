/** What a node made, shown as what it is: the image, the video, the words, the figure. */

import { useRef, useState } from "react";

import type { OutputPort } from "../boot";
import type { AssetRef } from "../document/types";
import { t, tn } from "../i18n";
import { assetRefresh, useAsset } from "../store/assets";
import { isAsset, type Output } from "../store/run";

const ratioOf = (width: unknown, height: unknown): string | undefined =>
  Number(width) > 0 && Number(height) > 0 ? `${Number(width)} / ${Number(height)}` : undefined;

function Video({ url, poster, ratio, large, onError }: { url: string; poster?: string; ratio?: string; large: boolean; onError: () => void }): React.ReactElement {
  const video = useRef<HTMLVideoElement>(null);
  // Fingers do not hover: where it is shown large, it has controls.
  if (large) return <video src={url} poster={poster} loop playsInline controls preload={poster ? "none" : "metadata"} className="preview-media" style={{ aspectRatio: ratio }} onError={onError} aria-label={t("Video")} />;
  const play = (): void => void video.current?.play().catch(() => undefined);
  return (
    <video
      ref={video}
      src={url}
      poster={poster}
      muted
      loop
      playsInline
      preload={poster ? "none" : "metadata"}
      className="preview-media"
      style={{ aspectRatio: ratio }}
      onMouseEnter={play}
      onFocus={play}
      onMouseLeave={() => video.current?.pause()}
      onBlur={() => video.current?.pause()}
      onError={onError}
      tabIndex={0}
      aria-label={t("Video. Plays while the pointer is on it.")}
    />
  );
}

/** A file by reference: its address may come along, or is asked for. */
export function AssetPreview({ reference, large = false }: { reference: AssetRef; large?: boolean }): React.ReactElement {
  const known = useAsset(reference.url ? null : reference.$asset);
  const [broken, setBroken] = useState(false);
  const asset = known === "missing" ? null : known;
  if (known === "missing") return <p className="preview-note">{t("This file is in the trash or gone.")}</p>;
  const url = reference.url ?? asset?.url;
  const thumbnail = reference.thumbnail ?? asset?.thumbnail ?? undefined;
  const kind = asset?.kind ?? reference.kind;
  const ratio = ratioOf(reference.width ?? asset?.meta["width"], reference.height ?? asset?.meta["height"]);
  const onError = (): void => {
    setBroken(true);
    assetRefresh(reference.$asset);
  };
  if (!url) return <div className="preview-media preview-wait" style={{ aspectRatio: ratio ?? "4 / 3" }} />;
  if (kind === "image") {
    const source = large || broken || !thumbnail ? url : thumbnail;
    return <img key={source} src={source} alt="" loading="lazy" draggable={false} className="preview-media" style={{ aspectRatio: ratio }} onError={onError} />;
  }
  if (kind === "video") return <Video url={url} large={large} {...(thumbnail ? { poster: thumbnail } : {})} {...(ratio ? { ratio } : {})} onError={onError} />;
  if (kind === "audio") return <audio src={url} controls preload="none" className="nodrag w-full p-2" />;
  return (
    <a href={url} className="preview-note link nodrag" target="_blank" rel="noreferrer">
      {asset?.filename ?? t("Open the file")}
    </a>
  );
}

/** Words while they are written: their end, with a mark where the next will be. */
export function Writing({ text }: { text: string }): React.ReactElement {
  return (
    <div className="preview-text preview-writing" role="group" aria-label={t("Being written")}>
      <p dir="auto">{text}<span className="preview-caret" aria-hidden="true" /></p>
    </div>
  );
}

function Value({ value, from }: { value: Output["value"]; from: string | undefined }): React.ReactElement {
  return (
    <div>
      {from ? <p className="preview-port">{from}</p> : null}
      <Plain value={value} />
    </div>
  );
}

function Plain({ value }: { value: Output["value"] }): React.ReactElement {
  if (typeof value === "number") return <p className="preview-number">{value.toLocaleString()}</p>;
  if (typeof value === "boolean") return <p className="preview-number">{value ? t("Yes") : t("No")}</p>;
  if (typeof value === "string") return <p className="preview-text">{value.length > 400 ? `${value.slice(0, 400)}…` : value}</p>;
  return <pre className="preview-text font-mono">{JSON.stringify(value, null, 2)?.slice(0, 400)}</pre>;
}

const SHOWN = 4;

/** All outputs of a node; several files as a grid, the rest as a count. */
export function Preview({ outputs, ports, large = false }: { outputs: readonly Output[]; ports?: readonly OutputPort[] | undefined; large?: boolean }): React.ReactElement | null {
  const shown = outputs.filter((each) => each.value !== null).slice(0, large ? 24 : SHOWN);
  if (!shown.length) return null;
  // Where a node has several outputs, as a condition has, it matters which one gave the value.
  const several = ports && ports.length > 1 ? ports : undefined;
  const more = outputs.length - shown.length;
  return (
    <div className={shown.length > 1 ? "grid grid-cols-2 gap-px" : ""}>
      {shown.map(({ port, value }, index) =>
        isAsset(value) ? <AssetPreview key={value.$asset + index} reference={value} large={large} /> : <Value key={index} value={value} from={several?.find((each) => each.name === port)?.title} />,
      )}
      {more > 0 ? <p className="preview-note">{tn("and %(count)s more", "and %(count)s more", more)}</p> : null}
    </div>
  );
}
