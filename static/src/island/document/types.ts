/** The graph document and the operations that change it. The same shapes as on the server. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Params = Readonly<Record<string, Json>>;

export interface Position {
  readonly x: number;
  readonly y: number;
}

export interface GraphNode {
  readonly id: string;
  readonly type: string;
  readonly version: number;
  readonly title: string;
  readonly params: Params;
  readonly position: Position;
}

export interface GraphEdge {
  readonly id: string;
  readonly source: string;
  readonly source_port: string;
  readonly target: string;
  readonly target_port: string;
}

export interface GraphDocument {
  readonly format: string;
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  readonly variables: Params;
}

/** A reference to an asset as it travels between nodes; the addresses are there when the server was kind. */
export interface AssetRef {
  $asset: string;
  kind: string;
  content_type?: string;
  width?: number | null;
  height?: number | null;
  duration?: number | null;
  url?: string | null;
  thumbnail?: string | null;
}

export type NewNode = Pick<GraphNode, "id" | "type"> & Partial<GraphNode>;

export type SetPath = readonly ["title"] | readonly ["type_version"] | readonly ["position"] | readonly ["params", string];

export type Operation =
  | { op: "add_node"; node: NewNode }
  | { op: "remove_node"; id: string }
  | { op: "set"; id: string; path: SetPath; value?: Json }
  | { op: "add_edge"; edge: GraphEdge }
  | { op: "remove_edge"; id: string }
  | { op: "set_variable"; name: string; value?: Json };

export const FORMAT = "millrace/1";

export const EMPTY: GraphDocument = { format: FORMAT, nodes: [], edges: [], variables: {} };
