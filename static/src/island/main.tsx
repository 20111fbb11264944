/** The entry of the workflow page: reads the boot data, opens the workshop, draws. */

import "@xyflow/react/dist/base.css";
import "./island.css";

import { createRoot } from "react-dom/client";

import { Api } from "./api/client";
import { App } from "./App";
import { bootRead, listed, type Boot, type Mount } from "./boot";
import { newUuid } from "./document/ids";
import { catalogueFill } from "./store/catalogue";
import { checksSoon } from "./store/checks";
import { useDocument } from "./store/document";
import { runResume, runState, runTake, statusHear } from "./store/runs";
import { toast } from "./store/ui";
import { documentShow, workshop, workshopOpen } from "./store/workshop";
import { OperationLog } from "./sync/log";

function socketUrl(mount: Mount): string {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  return `${scheme}://${location.host}/ws/w/${mount.workspace}/workflows/${mount.workflow}/`;
}

function logOpen(boot: Boot, mount: Mount, api: Api): OperationLog {
  return new OperationLog({
    api,
    workflow: mount.workflow,
    user: boot.user.id,
    clientId: newUuid(),
    document: boot.workflow.graph,
    seq: boot.workflow.seq,
    shelf: localStorage,
    socketUrl: socketUrl(mount),
    events: {
      changed: documentShow,
      state: (state, pending, reason) => {
        const before = useDocument.getState().save;
        if (before.state === state && before.pending === pending && before.reason === reason) return;
        useDocument.setState({ save: { state, pending, reason } });
        if (state === "saved") checksSoon();
      },
      peers: (peers) => useDocument.setState({ peers: peers.filter((peer) => peer.user !== boot.user.id) }),
      refused: (detail) => toast(detail, "error"),
      comments: () => document.body.dispatchEvent(new Event("workflow-comments")),
      mayEdit: (may) => useDocument.setState({ readOnly: !may }),
    },
  });
}

const attributesOf = (element: Element): Record<string, string> =>
  Object.fromEntries([...element.attributes].map(({ name, value }) => [name, value]));

/** The page's socket tells of nodes and runs by events; what it told before the island was there still stands in the page. */
function pageListen(): void {
  window.addEventListener("node-status", (event) => statusHear((event as CustomEvent<Record<string, unknown>>).detail));
  window.addEventListener("run-status", (event) => {
    const { id, run, state } = (event as CustomEvent<Record<string, string>>).detail;
    const which = id ?? run;
    if (which && state) runState(which, state);
  });
  window.addEventListener("run-retried", (event) => {
    const { id } = (event as CustomEvent<Record<string, string>>).detail;
    if (id) runTake(id);
  });
  document.querySelectorAll("node-status").forEach((element) => statusHear(attributesOf(element)));
}

function start(): void {
  const page = bootRead();
  if (!page) return;
  const { boot, mount } = page;
  const api = new Api(mount.workspace, boot.csrf);
  catalogueFill(listed(boot.nodeTypes), listed(boot.models), boot.settings);
  useDocument.setState({ readOnly: !["editor", "admin", "owner"].includes(mount.role) });
  workshopOpen({ api, log: logOpen(boot, mount, api), mount, urls: boot.urls ?? {} });
  documentShow();
  createRoot(mount.element).render(<App />);
  workshop().log.start();
  checksSoon(0);
  pageListen();
  for (const kind of ["online", "offline"]) window.addEventListener(kind, () => workshop().log.networkChanged(kind === "online"));
  void runResume(boot.run);
}

start();
