/** What is known of assets: their address and thumbnail, asked for once and again when the address has expired. */

import { useEffect } from "react";
import { create } from "zustand";

import { ApiError, type Asset } from "../api/client";
import { workshop } from "./workshop";

interface AssetState {
  assets: Record<string, Asset | "missing">;
}

export const useAssets = create<AssetState>(() => ({ assets: {} }));

const asked = new Set<string>();

export function assetKnow(asset: Asset): void {
  useAssets.setState(({ assets }) => ({ assets: { ...assets, [asset.id]: asset } }));
}

let wanted: string[] = [];

/** Asks for an asset once; what is wanted within a moment is asked for together. */
function assetAsk(id: string): void {
  if (asked.has(id)) return;
  asked.add(id);
  wanted.push(id);
  if (wanted.length === 1) setTimeout(() => void assetsAsk(), 20);
}

async function assetsAsk(): Promise<void> {
  const ids = wanted.splice(0);
  try {
    const { items } = ids.length > 1 ? await workshop().api.assetsById(ids.slice(0, 500)) : { items: [] };
    const found = new Map(items.map((asset) => [asset.id, asset]));
    useAssets.setState(({ assets }) => ({ assets: { ...assets, ...Object.fromEntries(found) } }));
    await Promise.all(ids.filter((id) => !found.has(id)).map(assetAskAlone));
  } catch {
    ids.forEach((id) => asked.delete(id));
  }
}

/** Alone an asset is found in the trash as well, and one that is gone is known to be gone. */
async function assetAskAlone(id: string): Promise<void> {
  try {
    assetKnow(await workshop().api.asset(id));
  } catch (error) {
    if (error instanceof ApiError && error.offline) asked.delete(id);
    else useAssets.setState(({ assets }) => ({ assets: { ...assets, [id]: "missing" } }));
  }
}

const refreshed = new Map<string, number>();

/** An address did not answer: it may have expired. Asked for again, at most once a minute. */
export function assetRefresh(id: string): void {
  if (Date.now() - (refreshed.get(id) ?? 0) < 60_000) return;
  refreshed.set(id, Date.now());
  asked.delete(id);
  assetAsk(id);
}

/** The asset of an id, once it is known; null until then and for no id. */
export function useAsset(id: string | null): Asset | "missing" | null {
  useEffect(() => {
    if (id) assetAsk(id);
  }, [id]);
  return useAssets(({ assets }) => (id ? (assets[id] ?? null) : null));
}
