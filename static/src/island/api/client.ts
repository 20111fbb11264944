/** Calls of the JSON API with the session's cookie; errors come back as problem documents. */

import type { Model } from "../boot";
import type { AssetRef, GraphDocument, Json } from "../document/types";
import { t } from "../i18n";

export interface GraphError {
  node: string | null;
  port: string | null;
  code: string;
  message: string;
}

export interface Problem {
  type?: string;
  title?: string;
  detail?: string;
  errors?: GraphError[];
  missing?: number;
  index?: number;
  client_seq?: number;
}

/** An answer that is not a success. `status` 0 means that no answer came at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem,
  ) {
    super(problem.detail ?? problem.title ?? (status ? t("The server answered %(status)s.", { status }) : t("The server cannot be reached.")));
  }

  get offline(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

export interface Asset {
  id: string;
  state: "pending" | "verifying" | "ready" | "refused";
  kind: string;
  size: number;
  filename: string;
  content_type?: string;
  sha256?: string | null;
  title?: string;
  meta: Record<string, number | string | null>;
  url: string | null;
  thumbnail: string | null;
  refusal?: { code: string; detail: string } | null;
}

/** One entry of the tape: a paid call with its settings as they were. */
export interface Generation {
  id: string;
  state: string;
  model: string;
  params: Record<string, Json>;
  seed: number | null;
  cost: number;
  error: string | null;
  created_at: string;
  outputs: AssetRef[];
}

/** What a run may be asked for beyond the whole graph. Credits in micro-credits. */
export interface RunAsk {
  targets?: string[];
  from_run?: string;
  from_node?: string;
  inputs?: Record<string, Record<string, Json>>;
  dry_run?: boolean;
  max_credits?: number;
  /** The price that was shown: refused where the run would hold more. */
  agreed_credits?: number;
}

export type StepAction = "run" | "reuse" | "skip" | "maybe";

export interface PlannedStep {
  node: string;
  low: number;
  high: number;
  cached: boolean;
  effect: string;
  /** `reuse`: from the cache, a pin or an earlier run; `skip`: a branch leaves it out; `maybe`: what runs before it decides. */
  action?: StepAction;
  reason?: string | null;
  /** What it would do outside, and to whom. */
  would?: string | null;
  /** The price is that of one item; how many there are shows in the run. */
  per_item?: boolean;
  /** Vendors among those it asks that bill the workspace itself, by its own key. */
  own_keys?: string[];
}

export interface Estimate {
  low: number;
  high: number;
  /** The price is where it begins: a node counts one item of a list that the run itself makes. */
  per_item?: boolean;
  /** Vendors that bill the workspace itself, by its own keys. */
  own_keys?: string[];
  steps: PlannedStep[];
}

export interface RunAnswer {
  id: string;
  state: string;
  url: string;
}

export interface StepRow {
  node: string;
  item: number | null;
  state: string;
  cached: boolean;
  cache_reason: string | null;
  attempt?: number;
  inputs?: Record<string, Json> | null;
  request?: unknown;
  again_at?: string | null;
  outputs: unknown;
  cost: number | null;
  error: unknown;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface Upload {
  asset: string;
  url: string | null;
  fields: Record<string, string>;
}

async function problemOf(response: Response): Promise<Problem> {
  try {
    return (await response.json()) as Problem;
  } catch {
    return {};
  }
}

export class Api {
  constructor(
    private readonly workspace: string,
    private readonly csrf: string,
  ) {}

  async call<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
    let response: Response;
    try {
      response = await fetch(`/api/v1${path}`, {
        method,
        credentials: "same-origin",
        headers: {
          Accept: "application/json",
          "X-CSRFToken": this.csrf,
          "Millrace-Workspace": this.workspace,
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
          ...headers,
        },
        body: body === undefined ? null : JSON.stringify(body),
      });
    } catch {
      throw new ApiError(0, {});
    }
    if (!response.ok) throw new ApiError(response.status, await problemOf(response));
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  workflow(id: string): Promise<{ seq: number; graph: GraphDocument }> {
    return this.call("GET", `/workflows/${id}`);
  }

  operations(id: string, clientId: string, ops: unknown[]): Promise<{ seq: number; ops: { client_seq: number; seq: number }[] }> {
    return this.call("POST", `/workflows/${id}/ops`, { client_id: clientId, ops });
  }

  validate(id: string): Promise<{ ok: boolean; errors: GraphError[] }> {
    return this.call("POST", `/workflows/${id}/validate`, {});
  }

  estimate(id: string, ask: RunAsk = {}): Promise<Estimate> {
    return this.call("POST", `/workflows/${id}/estimate`, ask);
  }

  /** What a run of this graph, in the place of the workflow's own, would cost. */
  estimateOf(id: string, graph: GraphDocument): Promise<Estimate> {
    return this.call("POST", `/workflows/${id}/estimate`, { graph });
  }

  runStart(id: string, idempotencyKey: string, ask: RunAsk = {}): Promise<RunAnswer> {
    return this.call("POST", `/workflows/${id}/runs`, ask, { "Idempotency-Key": idempotencyKey });
  }

  /** Nothing made before counts any more: of one node, or of the whole workflow. */
  cacheForget(id: string, node?: string): Promise<void> {
    return this.call("DELETE", `/workflows/${id}/cache${node ? `?node=${encodeURIComponent(node)}` : ""}`);
  }

  run(id: string): Promise<{ id: string; state: string; error: unknown }> {
    return this.call("GET", `/runs/${id}`);
  }

  steps(id: string, cursor: string | null): Promise<Page<StepRow>> {
    return this.call("GET", `/runs/${id}/steps?limit=1000${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
  }

  runCancel(id: string): Promise<unknown> {
    return this.call("POST", `/runs/${id}/cancel`, {});
  }

  models(): Promise<Page<Model>> {
    return this.call("GET", "/models?limit=1000");
  }

  assets(kind: string | null): Promise<Page<Asset>> {
    return this.call("GET", `/assets?limit=60${kind ? `&kind=${encodeURIComponent(kind)}` : ""}`);
  }

  asset(id: string): Promise<Asset> {
    return this.call("GET", `/assets/${id}`);
  }

  assetsById(ids: readonly string[]): Promise<Page<Asset>> {
    return this.call("GET", `/assets?limit=1000&ids=${ids.join(",")}`);
  }

  generations(node: string): Promise<Page<Generation>> {
    return this.call("GET", `/generations?limit=24&node=${encodeURIComponent(node)}`);
  }

  uploadStart(file: File): Promise<Upload> {
    const body = { filename: file.name, size: file.size, content_type: file.type || "application/octet-stream" };
    return this.call("POST", "/assets/uploads", body);
  }

  uploadComplete(id: string): Promise<Asset> {
    return this.call("POST", `/assets/${id}/complete`, {});
  }
}
