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

interface Price {
  low: number;
  high: number;
  per_item?: boolean;
  own_keys?: string[];
}

/** A price as a plan tells it: “from” where a list that the run makes may be longer; who pays where no credits do. */
export function formatPrice({ low, high, per_item, own_keys }: Price): string {
  if (high === 0 && own_keys?.length) return t("on your own key");
  return per_item && high ? t("from %(price)s", { price: formatRange(low, high) }) : formatRange(low, high);
}

/** `free`, `12 credits`, or `8–12 credits`. */
export function formatRange(low: number, high: number): string {
  if (high === 0) return t("free");
  if (low === high) return formatCredits(high);
  return t("%(low)s–%(high)s", { low: amount(low), high: formatCredits(high) });
}
