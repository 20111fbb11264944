/** Texts of the island. The functions come from Django's JavaScriptCatalog; without it English stays. */

type Params = Record<string, string | number>;

interface Catalogue {
  gettext?: (message: string) => string;
  ngettext?: (one: string, many: string, count: number) => string;
}

const catalogue = (): Catalogue => globalThis as unknown as Catalogue;

function fill(message: string, params?: Params): string {
  if (!params) return message;
  return message.replace(/%\((\w+)\)s/g, (whole, name: string) => String(params[name] ?? whole));
}

/** Translates; `%(name)s` in the message is filled from `params`. */
export function t(message: string, params?: Params): string {
  return fill(catalogue().gettext?.(message) ?? message, params);
}

/** Translates with a count; `%(count)s` is filled with it, or with `shown` where it is written in another way. */
export function tn(one: string, many: string, count: number, shown: string | number = count): string {
  const message = catalogue().ngettext?.(one, many, count) ?? (count === 1 ? one : many);
  return fill(message, { count: shown });
}

/** Names one after the other, with the separators of the reader's language. */
export function listed(names: string[]): string {
  return names.reduce((before, last) => (before ? t("%(before)s, %(last)s", { before, last }) : last), "");
}
