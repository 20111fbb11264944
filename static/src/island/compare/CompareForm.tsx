/** What to compare: models, seeds, values of one or two settings; the price of it all before it runs. */

import { Play } from "lucide-react";
import { useEffect, useId, useMemo, useRef, useState } from "react";

import type { ParamSchema } from "../boot";
import { paramsDropped } from "../document/params";
import { sweepable, SWEEPS_MOST, valuesRead, variantsCount, VARIANTS_MOST, varyOf, type Choose, type Vary } from "../document/vary";
import type { GraphNode, Json } from "../document/types";
import { listed, t, tn } from "../i18n";
import { formatPrice } from "../runbar/credits";
import { model, modelSchemaOf, modelsFor, nodeTitle, nodeTypeOf, schemaOf } from "../store/catalogue";
import { varyPrice, varyRun, varySet, type Priced } from "../store/compare";
import { useDocument } from "../store/document";
import { modelOf } from "../store/edits";
import { isLive, useRun } from "../store/run";
import { useUi } from "../store/ui";

const PRICE_MS = 350;
const NO_PRICE: Priced = { run: null, node: null, problem: "" };

interface Part {
  node: GraphNode;
  vary: Vary;
  change(part: Partial<Vary>): void;
}

/** The models that can do this; what each would not use is said as when the model is changed. */
function Models({ node, vary, change }: Part): React.ReactElement {
  const type = nodeTypeOf(node);
  const own = modelOf(type, node.params);
  const before = schemaOf(type, own).properties ?? {};
  const chosen = vary.models ?? [];
  const models = modelsFor(modelSchemaOf(type));
  const toggle = (id: string, on: boolean): void => change({ models: models.map((each) => each.id).filter((each) => (each === id ? on : chosen.includes(each))) });
  const dropped = (id: string): string[] => paramsDropped(node.params, before, schemaOf(type, id).properties ?? {}).map((name) => before[name]?.title ?? name);
  return (
    <ul className="compare-models">
      {[...models].sort((a, b) => Number(b.id === own) - Number(a.id === own)).map((each) => {
        const left = chosen.includes(each.id) ? dropped(each.id) : [];
        return (
          <li key={each.id}>
            <label>
              <input type="checkbox" className="checkbox checkbox-sm" checked={chosen.includes(each.id)} onChange={(event) => toggle(each.id, event.target.checked)} />
              <span className="grow min-w-0 truncate" title={each.id}>{each.title}</span>
              <span className="compare-quiet truncate">{each.price?.formula}</span>
            </label>
            {left.length ? <p className="field-dropped">{t("Not used by %(model)s: %(params)s.", { model: each.title, params: listed(left) })}</p> : null}
          </li>
        );
      })}
    </ul>
  );
}

const seedsText = (seeds: Vary["seeds"]): string => (Array.isArray(seeds) ? seeds.join(", ") : seeds ? `× ${seeds}` : "");

/** “4” or “× 4” are so many; “3, 7” are these two. */
function seedsRead(text: string): Vary["seeds"] {
  const clean = text.trim();
  const count = /^[×x*]?\s*(\d{1,3})$/i.exec(clean);
  if (count) return Number(count[1]);
  const list = valuesRead(clean, { type: "integer" }).filter((each): each is number => typeof each === "number" && each >= 0);
  return list.length ? list : 0;
}

function Seeds({ vary, change }: Part): React.ReactElement {
  const id = useId();
  const [text, setText] = useState(seedsText(vary.seeds));
  const take = (next: string): void => {
    setText(next);
    change({ seeds: seedsRead(next) });
  };
  return (
    <div className="compare-row">
      <input id={id} type="text" inputMode="numeric" className="input input-sm grow" value={text} placeholder={t("none")} aria-label={t("Seeds")} aria-describedby={`${id}-about`} onChange={(event) => take(event.target.value)} />
      {[2, 4, 8].map((count) => (
        <button key={count} type="button" className="btn btn-sm" aria-pressed={vary.seeds === count} onClick={() => take(`× ${count}`)}>× {count}</button>
      ))}
      <p id={`${id}-about`} className="field-about w-full">{t("A number means so many seeds, counted from the node's own. Or list them: 3, 7, 12.")}</p>
    </div>
  );
}

/** The values of a setting with a list of its own: each can be taken. */
function Choices({ schema, values, take }: { schema: ParamSchema; values: Json[]; take(values: Json[]): void }): React.ReactElement {
  const choices: Json[] = schema.enum ?? [true, false];
  const titleOf = (choice: Json, at: number): string => schema["x-enum-titles"]?.[at] ?? (choice === true ? t("Yes") : choice === false ? t("No") : String(choice));
  return (
    <div className="compare-choices">
      {choices.map((choice, at) => (
        <label key={String(choice)}>
          <input type="checkbox" className="checkbox checkbox-sm" checked={values.includes(choice)} onChange={(event) => take(choices.filter((each) => (each === choice ? event.target.checked : values.includes(each))))} />
          {titleOf(choice, at)}
        </label>
      ))}
    </div>
  );
}

function Values({ name, schema, values, take }: { name: string; schema: ParamSchema; values: Json[]; take(values: Json[]): void }): React.ReactElement {
  const [text, setText] = useState(values.join(", "));
  if (schema.enum || schema.type === "boolean") return <Choices schema={schema} values={values} take={take} />;
  const numeric = schema.type === "integer" || schema.type === "number";
  return (
    <input
      type="text"
      className="input input-sm w-full"
      aria-label={t("Values of %(name)s", { name: schema.title ?? name })}
      placeholder={numeric ? t("256, 512 or 20–50:10") : t("one, two, three")}
      value={text}
      onChange={(event) => {
        setText(event.target.value);
        take(valuesRead(event.target.value, schema));
      }}
    />
  );
}

function Sweep({ node, vary, change }: Part): React.ReactElement {
  const type = nodeTypeOf(node);
  const fields = useMemo(() => sweepable(schemaOf(type, vary.models?.[0] ?? modelOf(type, node.params)).properties ?? {}), [type, vary.models?.[0], node.params]);
  const [names, setNames] = useState<string[]>(Object.keys(vary.sweep ?? {}));
  const rows = names.length < SWEEPS_MOST ? [...names, ""] : names;
  const pick = (at: number, name: string): void => {
    const next = rows.map((each, place) => (place === at ? name : each)).filter(Boolean);
    setNames(next);
    change({ sweep: Object.fromEntries(next.map((each) => [each, vary.sweep?.[each] ?? []])) });
  };
  if (!fields.length) return <p className="field-about">{t("This model has no settings to vary.")}</p>;
  return (
    <div className="grid gap-2">
      {rows.map((name, at) => {
        const schema = fields.find(([each]) => each === name)?.[1];
        return (
          <div key={at} className="compare-sweep">
            <select className="select select-sm" value={name} aria-label={t("Setting %(number)s", { number: at + 1 })} onChange={(event) => pick(at, event.target.value)}>
              <option value="">{t("Choose a setting…")}</option>
              {fields.map(([each, field]) => <option key={each} value={each} disabled={each !== name && names.includes(each)}>{field.title ?? each}</option>)}
            </select>
            {schema ? <Values key={name} name={name} schema={schema} values={vary.sweep?.[name] ?? []} take={(values) => change({ sweep: { ...vary.sweep, [name]: values } })} /> : null}
          </div>
        );
      })}
    </div>
  );
}

/** The price of these variants, asked for when somebody stops typing. */
function usePrice(id: string, vary: Vary, count: number): Priced {
  const [found, setFound] = useState<{ key: string; priced: Priced }>({ key: "", priced: NO_PRICE });
  const key = JSON.stringify(vary);
  useEffect(() => {
    if (count === 0 || count > VARIANTS_MOST) return;
    let current = true;
    const timer = setTimeout(() => void varyPrice(id, vary).then((priced) => current && setFound({ key, priced }), () => undefined), PRICE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [id, key, count]);
  return found.key === key ? found.priced : NO_PRICE;
}

function Summary({ count, priced }: { count: number; priced: Priced }): React.ReactElement {
  const words = tn("%(count)s variant", "%(count)s variants", count);
  const problem = count > VARIANTS_MOST ? t("These are %(count)s variants; at most %(most)s can be compared.", { count, most: VARIANTS_MOST }) : priced.problem;
  return (
    <p className="compare-summary" role="status" data-problem={Boolean(problem)}>
      {problem || (count ? [words, priced.node ? formatPrice(priced.node) : t("pricing…")].join(" · ") : t("Choose what differs."))}
    </p>
  );
}

const CHOOSE: [Choose, () => string][] = [
  ["first", () => t("The first that succeeds")],
  ["votes", () => t("The one with the most votes")],
  ["person", () => t("The run waits until somebody chooses")],
];

function Form({ node, first, focus, close }: { node: GraphNode; first: Vary; focus: string; close(): void }): React.ReactElement {
  const [vary, setVary] = useState<Vary>(first);
  const change = (part: Partial<Vary>): void => setVary((before) => ({ ...before, ...part }));
  const count = variantsCount(vary);
  const priced = usePrice(node.id, vary, count);
  const busy = useRun((state) => isLive(state.run));
  const ready = count > 0 && count <= VARIANTS_MOST && !priced.problem;
  const part = { node, vary, change };
  const act = (run: boolean): void => {
    if (!ready) return;
    close();
    if (run) varyRun(node.id, vary, priced.run?.high);
    else varySet(node.id, vary);
  };
  return (
    <form method="dialog" className="compare-fields" onSubmit={(event) => (event.preventDefault(), act(!busy))}>
      <div className="compare-parts">
        <fieldset><legend>{t("Models")}</legend><Models {...part} /></fieldset>
        <fieldset><legend>{t("Seeds")}</legend><Seeds {...part} /></fieldset>
        <fieldset><legend>{t("Settings")}</legend><Sweep {...part} /></fieldset>
        <fieldset>
          <legend>{t("What goes on")}</legend>
          <select className="select select-sm w-full" value={vary.choose ?? "first"} aria-label={t("What goes on")} onChange={(event) => change({ choose: event.target.value as Choose })}>
            {CHOOSE.map(([value, title]) => <option key={value} value={value}>{title()}</option>)}
          </select>
        </fieldset>
      </div>
      <div className="compare-foot">
        <Summary count={count} priced={priced} />
        <div className="flex flex-wrap justify-end gap-2">
          {varyOf(node.params) ? <button type="button" className="btn btn-sm btn-ghost mr-auto" onClick={() => (close(), varySet(node.id, undefined))}>{t("Stop comparing")}</button> : null}
          <button type="button" className="btn btn-sm" onClick={close}>{t("Cancel")}</button>
          <button type="button" className="btn btn-sm" aria-disabled={!ready} onClick={() => act(false)}>{t("Save")}</button>
          <button type="submit" className="btn btn-sm btn-primary tabular-nums" aria-disabled={!ready || busy} title={busy ? t("A run is in progress.") : undefined} data-focus={focus}>
            <Play size={13} fill="currentColor" aria-hidden="true" /> {priced.run ? t("Run · %(price)s", { price: formatPrice(priced.run) }) : t("Run")}
          </button>
        </div>
      </div>
    </form>
  );
}

/** What is compared first when somebody asks for models, seeds or values. */
function firstOf(node: GraphNode, focus: string, asked: Vary): Vary {
  const set = varyOf(node.params);
  const own = modelOf(nodeTypeOf(node), node.params);
  const models = focus === "models" && !set && typeof own === "string" && model(own) ? { models: [own] } : {};
  return { ...set, ...models, ...(set ? {} : asked) };
}

function Dialog({ node, focus, first }: { node: GraphNode; focus: string; first: Vary }): React.ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
    const part = { models: 0, seeds: 1, sweep: 2 }[focus] ?? 0;
    dialog.current?.querySelectorAll("fieldset")[part]?.querySelector<HTMLElement>("input, select")?.focus();
  }, []);
  const close = (): void => useUi.setState({ compareForm: null });
  return (
    <dialog ref={dialog} className="keys-dialog compare-form" aria-labelledby="compare-title" onClose={close}>
      <h2 id="compare-title" className="text-base font-medium">{t("Compare “%(node)s”", { node: nodeTitle(node) })}</h2>
      <p className="field-about">{t("Makes several variants side by side from the same input. One of them goes on.")}</p>
      <Form node={node} first={firstOf(node, focus, first)} focus={focus} close={close} />
    </dialog>
  );
}

export function CompareForm(): React.ReactElement | null {
  const open = useUi((state) => state.compareForm);
  const node = useDocument(({ document }) => document.nodes.find((each) => each.id === open?.node));
  return open && node ? <Dialog key={node.id} node={node} focus={open.focus} first={open.first} /> : null;
}
