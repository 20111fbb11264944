/** What is known of assets: their address and thumbnail, asked for once and again when the address has expired. */

import { useEffect } from "react";
import { create } from "zustand";

import type { Asset } from "../api/client";
import { workshop } from "./workshop";

interface AssetState {
  assets: Record<string, Asset | "missing">;
}

export const useAssets = create<AssetState>(() => ({ assets: {} }));

const asked = new Set<string>();

export function assetKnow(asset: Asset): void {
  useAssets.setState(({ assets }) => ({ assets: { ...assets, [asset.id]: asset } }));
}

async function assetAsk(id: string): Promise<void> {
  if (asked.has(id)) return;
  asked.add(id);
  try {
    assetKnow(await workshop().api.asset(id));
  } catch {
    useAssets.setState(({ assets }) => ({ assets: { ...assets, [id]: "missing" } }));
  }
}

const refreshed = new Map<string, number>();

/** An address did not answer: it may have expired. Asked for again, at most once a minute. */
export function assetRefresh(id: string): void {
  if (Date.now() - (refreshed.get(id) ?? 0) < 60_000) return;
  refreshed.set(id, Date.now());
  asked.delete(id);
  void assetAsk(id);
}

/** The asset of an id, once it is known; null until then and for no id. */
export function useAsset(id: string | null): Asset | "missing" | null {
  useEffect(() => {
    if (id) void assetAsk(id);
  }, [id]);
  return useAssets(({ assets }) => (id ? (assets[id] ?? null) : null));
}
