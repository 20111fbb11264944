/** The island's part of the page's top bar: put into the slots the page offers, or shown as a bar of its own. */

import { createPortal } from "react-dom";

import { PlanButton, RunMenu } from "../menu/RunMenu";
import { useUi } from "../store/ui";
import { Presence } from "./Presence";
import { RunButton } from "./RunButton";
import { SavedMark } from "./SavedMark";

/** On a narrow screen there is room for one button; the others stand above the results. */
function RunControls(): React.ReactElement {
  const narrow = useUi((state) => state.narrow);
  return (
    <div className="run-controls">
      {narrow ? null : <PlanButton />}
      <RunButton />
      {narrow ? null : <RunMenu />}
    </div>
  );
}

const slot = (name: string): Element | null => document.getElementById(`island-${name}`);

export function TopBar(): React.ReactElement | null {
  const [saved, presence, run] = [slot("saved"), slot("presence"), slot("run")];
  const own = !saved || !run;
  if (own) {
    return (
      <div className="island-bar">
        <SavedMark />
        <span className="grow" />
        <Presence />
        <RunControls />
      </div>
    );
  }
  return (
    <>
      {createPortal(<SavedMark />, saved)}
      {presence ? createPortal(<Presence />, presence) : null}
      {createPortal(<RunControls />, run)}
    </>
  );
}
