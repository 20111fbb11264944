/** The island: canvas in the middle, palette left, inspector right; on a narrow screen canvas and results. */

import { ReactFlowProvider } from "@xyflow/react";
import { useEffect, useSyncExternalStore } from "react";

import { Canvas } from "./canvas/Canvas";
import { Toasts } from "./canvas/Overlays";
import { Feed } from "./feed/Feed";
import { Inspector } from "./inspector/Inspector";
import { Keys } from "./keys/Keys";
import { useClipboard, useKeys, usePointer } from "./keys/useKeys";
import { CompareForm } from "./compare/CompareForm";
import { CompareGrid } from "./compare/CompareGrid";
import { EditedInput } from "./menu/EditedInput";
import { NodeMenu } from "./menu/NodeMenu";
import { Palette } from "./palette/Palette";
import { QuickAdd } from "./palette/QuickAdd";
import { RunNotice } from "./runbar/RunButton";
import { TopBar } from "./runbar/TopBar";
import { useUi } from "./store/ui";

const NARROW = "(max-width: 899px)";

function useNarrow(): boolean {
  return useSyncExternalStore(
    (changed) => {
      const query = matchMedia(NARROW);
      query.addEventListener("change", changed);
      return () => query.removeEventListener("change", changed);
    },
    () => matchMedia(NARROW).matches,
  );
}

function Workbench(): React.ReactElement {
  const narrow = useNarrow();
  useEffect(() => useUi.setState({ narrow }), [narrow]);
  const pointer = usePointer();
  useKeys(pointer, !narrow);
  useClipboard(pointer, !narrow);
  return (
    <div className="island" data-narrow={narrow}>
      <TopBar />
      <RunNotice />
      <div className="workbench">
        {narrow ? null : <Palette />}
        <Canvas narrow={narrow} />
        {narrow ? <Feed /> : <Inspector />}
      </div>
      <QuickAdd />
      <NodeMenu />
      <EditedInput />
      <CompareForm />
      <CompareGrid />
      <Keys />
      <Toasts />
    </div>
  );
}

export function App(): React.ReactElement {
  return (
    <ReactFlowProvider>
      <Workbench />
    </ReactFlowProvider>
  );
}
