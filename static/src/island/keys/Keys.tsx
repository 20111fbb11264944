/** The keys, as a dialog. */

import { useEffect, useRef } from "react";

import { t } from "../i18n";
import { useUi } from "../store/ui";
import { keyTable } from "./keys";

export function Keys(): React.ReactElement | null {
  const shown = useUi((state) => state.keysShown);
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (shown && !dialog.current?.open) dialog.current?.showModal();
  }, [shown]);
  if (!shown) return null;
  const close = (): void => useUi.setState({ keysShown: false });
  return (
    <dialog ref={dialog} className="keys-dialog" aria-label={t("Keys")} onClose={close} onClick={(event) => event.target === event.currentTarget && close()}>
      <h2 className="text-base font-medium mb-3">{t("Keys")}</h2>
      <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-2 items-center">
        {keyTable().map(({ keys, label }) => (
          <div key={label} className="contents">
            <dt className="flex gap-1 justify-end">{keys.map((key) => <kbd key={key} className="kbd kbd-sm whitespace-nowrap">{key}</kbd>)}</dt>
            <dd>{label}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog" className="mt-4 text-right"><button className="btn btn-sm" autoFocus>{t("Close")}</button></form>
    </dialog>
  );
}
