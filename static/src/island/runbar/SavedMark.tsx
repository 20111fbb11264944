/** The quiet mark that says where the last change is. */

import { Check, CloudOff, LoaderCircle, TriangleAlert } from "lucide-react";

import { t, tn } from "../i18n";
import { useDocument } from "../store/document";

export function SavedMark(): React.ReactElement {
  const { state, pending, reason } = useDocument((doc) => doc.save);
  const readOnly = useDocument((doc) => doc.readOnly);
  if (readOnly && state === "saved") return <span className="saved-mark">{t("View only")}</span>;
  const kept = tn("%(count)s change is kept in this browser and sent when the connection is back.", "%(count)s changes are kept in this browser and sent when the connection is back.", pending);
  const marks = {
    saved: { icon: <Check size={13} aria-hidden="true" />, text: t("Saved"), title: t("Every change is saved as you make it.") },
    saving: { icon: <LoaderCircle size={13} aria-hidden="true" className="motion-safe:animate-spin" />, text: t("Saving…"), title: "" },
    offline: { icon: <CloudOff size={13} aria-hidden="true" />, text: pending ? t("Offline, kept here") : t("Offline"), title: pending ? kept : "" },
    stopped: { icon: <TriangleAlert size={13} aria-hidden="true" />, text: t("Not saved, kept here"), title: reason ?? "" },
  };
  const { icon, text, title } = marks[state];
  return (
    <span className="saved-mark" data-state={state} title={title} role="status">
      {icon} {text}
    </span>
  );
}
