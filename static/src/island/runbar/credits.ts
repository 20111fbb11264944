/** Money as people read it. */

import { t, tn } from "../i18n";

export const MICRO = 1_000_000;

function amount(micro: number): string {
  return new Intl.NumberFormat(document.documentElement.lang || "en", { maximumFractionDigits: 2 }).format(micro / MICRO);
}

/** `12 credits`, from micro-credits. */
export function formatCredits(micro: number): string {
  return tn("%(count)s credit", "%(count)s credits", micro / MICRO, amount(micro));
}

/** `free`, `12 credits`, or `8–12 credits`. */
export function formatRange(low: number, high: number): string {
  if (high === 0) return t("free");
  if (low === high) return formatCredits(high);
  return t("%(low)s–%(high)s", { low: amount(low), high: formatCredits(high) });
}
