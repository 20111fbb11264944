/** The minimap shows states: each node in the hue of what it is doing. */

import { MiniMap } from "@xyflow/react";
import { useEffect, useState } from "react";

import { t } from "../i18n";
import { useRun, type NodeStatus } from "../store/run";
import { OVERVIEW } from "./fit";

const PAUSE_MS = 250;

type Statuses = Record<string, NodeStatus>;

/** The states as they were a moment ago: a minimap of a thousand nodes is not drawn for each of them. */
function useStatusNowAndThen(): Statuses {
  const [shown, setShown] = useState<Statuses>(() => useRun.getState().status);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const take = (): void => {
      timer = undefined;
      setShown(useRun.getState().status);
    };
    const stop = useRun.subscribe((now, before) => {
      if (now.status !== before.status) timer ??= setTimeout(take, PAUSE_MS);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, []);
  return shown;
}

export function Overview(): React.ReactElement {
  const status = useStatusNowAndThen();
  const colour = ({ id }: { id: string }): string => {
    const state = status[id]?.state;
    return state && state !== "pending" ? `var(--state-${state})` : "var(--mini-node)";
  };
  return <MiniMap pannable zoomable position="bottom-right" nodeColor={colour} ariaLabel={t("Overview")} style={OVERVIEW} />;
}
