/** Run one step with other inputs than it had: a form with the last ones, by port. */

import { Play } from "lucide-react";
import { useEffect, useRef, useState } from "react";

import type { InputPort } from "../boot";
import type { GraphNode, Json } from "../document/types";
import { listed, t } from "../i18n";
import { ValueField } from "../inspector/ValueField";
import { nodeTitle, nodeType } from "../store/catalogue";
import { useDocument } from "../store/document";
import { askOnly, partRun, rowsOf, valuesOf } from "../store/parts";
import { useRun } from "../store/run";
import { useUi } from "../store/ui";

type Values = Record<string, Json | undefined>;

/** What the step was given last; empty while it is asked for, or where it never ran. */
function useLastInputs(node: string): { last: Values; known: boolean } {
  const run = useRun((state) => state.run);
  const [found, setFound] = useState<{ last: Values; known: boolean }>({ last: {}, known: false });
  useEffect(() => {
    let current = true;
    const take = (last: Values): void => {
      if (current) setFound({ last, known: true });
    };
    if (run) rowsOf(run.id, node).then((rows) => take(rows.length ? same(rows.map((row) => row.inputs ?? {})) : {}), () => take({}));
    else take({});
    return () => {
      current = false;
    };
  }, [run?.id, node]);
  return found;
}

/** Inputs of several items: a list only at the ports where they differ. */
function same(rows: Record<string, Json>[]): Values {
  return Object.fromEntries(
    Object.entries(valuesOf(rows)).map(([port, value]) => {
      const [first, ...rest] = rows.map((row) => JSON.stringify(row[port]));
      return [port, rest.every((each) => each === first) ? rows[0]![port] : value];
    }),
  );
}

function Form({ node, inputs, last, close }: { node: GraphNode; inputs: InputPort[]; last: Values; close(): void }): React.ReactElement {
  const [values, setValues] = useState<Values>(last);
  const missing = inputs.filter((port) => port.required && (values[port.name] === undefined || values[port.name] === ""));
  const run = (): void => {
    const given = Object.entries(values).filter((entry): entry is [string, Json] => entry[1] !== undefined);
    close();
    partRun(askOnly(node.id, Object.fromEntries(given)));
  };
  return (
    <form
      method="dialog"
      className="grid gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (!missing.length) run();
      }}
    >
      <div className="grid gap-3 max-h-[60vh] overflow-y-auto">
        {inputs.map((port) => (
          <ValueField key={port.name} port={port} many={port.many} value={values[port.name]} readOnly={false} onChange={(value) => setValues((before) => ({ ...before, [port.name]: value }))} />
        ))}
      </div>
      {missing.length ? <p className="field-about">{t("Required: %(inputs)s.", { inputs: listed(missing.map((port) => port.title)) })}</p> : null}
      <div className="flex justify-end gap-2">
        <button type="button" className="btn btn-sm" onClick={close}>{t("Cancel")}</button>
        <button type="submit" className="btn btn-sm btn-primary" aria-disabled={missing.length > 0}><Play size={13} fill="currentColor" aria-hidden="true" /> {t("Run this node only")}</button>
      </div>
    </form>
  );
}

function Dialog({ node }: { node: GraphNode }): React.ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  const { last, known } = useLastInputs(node.id);
  useEffect(() => dialog.current?.showModal(), []);
  const close = (): void => useUi.setState({ editedInput: null });
  const inputs = nodeType(node.type)?.ports.inputs ?? [];
  return (
    <dialog ref={dialog} className="keys-dialog edited-input" aria-labelledby="edited-title" onClose={close}>
      <h2 id="edited-title" className="text-base font-medium">{t("Run “%(node)s” with edited input", { node: nodeTitle(node) })}</h2>
      <p className="field-about mb-4">{t("Only this step runs. The graph stays as it is.")}</p>
      {known ? <Form node={node} inputs={inputs} last={last} close={close} /> : <p className="field-about">{t("Loading…")}</p>}
    </dialog>
  );
}

export function EditedInput(): React.ReactElement | null {
  const open = useUi((state) => state.editedInput);
  const node = useDocument(({ document }) => document.nodes.find((each) => each.id === open));
  return node ? <Dialog key={node.id} node={node} /> : null;
}
