// What the server says (docs/api.md), as TypeScript.

/** JSON with the tags of the log's format: `{"$float": "nan"}`, `{"$datetime": "..."}` and so on. */
export type Tagged = null | boolean | number | string | Tagged[] | { [key: string]: Tagged };

export type Status = "running" | "finished" | "crashed";
export type Kind = "runs" | "metric" | "images" | "audios" | "texts" | "figures" | "distributions";
export type MediaKind = Exclude<Kind, "runs" | "metric">;
export type Context = { [key: string]: Tagged };

/** How a query was answered; in every reply that answers one. */
export interface Answer {
  total: number;
  of: number;
  seconds: number;
  skipped: number;
  first_error: string;
  hints: string[];
}

export interface Project {
  name: string;
  path: string;
  version: string;
  read_only: boolean;
  /** Null while there is no index. */
  runs: number | null;
  active: number;
  generation: number | null;
  indexing: boolean;
}

export interface NamedSequence {
  name: string;
  context: Context;
  expression: string;
}

export interface Names {
  params: string[];
  metrics: NamedSequence[];
  sequences: { [kind in MediaKind]: NamedSequence[] };
  experiments: string[];
  tags: string[];
}

export interface RunColumns {
  hash: string[];
  name: (string | null)[];
  experiment: (string | null)[];
  status: Status[];
  created: number[];
  ended: (number | null)[];
  archived: boolean[];
  tags: string[][];
}

export interface RunsReply extends Answer {
  prefilter: string;
  from_index: number;
  from_logs: number;
  runs: RunColumns;
  columns: Tagged[][];
}

export interface Group {
  value: Tagged;
  count: number;
  where: string;
}

export interface GroupsReply extends Answer {
  groups: Group[];
  more?: number;
}

/** What is said of the run that a sequence belongs to. */
export interface SequenceHead {
  run: string;
  run_name: string | null;
  experiment: string | null;
  status: Status;
  name: string;
  context: Context;
  attributes: Tagged[];
  count: number;
}

export interface CurvePlaces extends SequenceHead {
  exact: boolean;
  length: number;
  x: number;
  y: number;
  smoothed: { length: number; x: number; y: number } | null;
}

export interface CurvesHeader extends Answer {
  x: string;
  sequences: CurvePlaces[];
}

export interface ImageValue {
  blob: string;
  format: string;
  caption: string;
  width: number;
  height: number;
}
export interface AudioValue {
  blob: string;
  format: string;
  caption: string;
  rate: number | null;
}
export interface TextValue {
  text: string;
  length: number;
}
export type FigureValue = { json: Tagged } | { blob: string; format: string };
export interface DistributionValue {
  weights: number[];
  low: number;
  high: number;
}
export interface Unreadable {
  error: string;
}
export interface MediaValues {
  images: ImageValue;
  audios: AudioValue;
  texts: TextValue;
  figures: FigureValue;
  distributions: DistributionValue;
}

export interface MediaPoint<V> {
  step: number;
  time: number;
  epoch: number | null;
  values: (V | Unreadable)[];
}

export interface MediaSequence<V> extends SequenceHead {
  points: MediaPoint<V>[];
}

export interface MediaReply<K extends MediaKind> extends Answer {
  kind: K;
  sequences: MediaSequence<MediaValues[K]>[];
}

export interface Summary {
  first: Tagged;
  last: Tagged;
  min: Tagged;
  max: Tagged;
  mean: Tagged;
  count: number;
  first_step: number | null;
  last_step: number | null;
}

export interface RunDetails {
  hash: string;
  name: string | null;
  experiment: string | null;
  description: string | null;
  status: Status;
  created: number;
  ended: number | null;
  duration: number;
  archived: boolean;
  tags: string[];
  params: { [key: string]: Tagged };
  sequences: { kind: Kind; name: string; context: Context; summary: Summary }[];
  notes: { id: string; text: string; time: number }[];
  artifacts: {
    name: string;
    path: string;
    size: number | null;
    digest: string | null;
    uri: string | null;
    error: string | null;
  }[];
  system: { [key: string]: Tagged };
  writers: { id: string; host: string; pid: number; status: Status }[];
  problems: { file: string; start: number; end: number; reason: string }[];
}

export interface Change {
  time: number;
  writer: string;
  kind: string;
  name: string;
  before: Tagged;
  after: Tagged;
}

export interface TerminalReply {
  lines: { step: number; text: string }[];
  total: number;
}

export interface RecordsReply {
  records: { step: number; time: number; level: string; message: string; args: Tagged }[];
  total: number;
}

export interface EventsReply {
  logs: { file: string; size: number }[];
  log: string;
  lines: { offset: number; text: string }[];
  next: number | null;
}

export interface View {
  id: string;
  name: string;
  address: string;
  time: number;
}

export interface LiveChange {
  generation: number | null;
  runs: string[];
  more: boolean;
  active: number;
}

export interface Edit {
  runs: string[];
  set?: { name?: string; description?: string; experiment?: string; archived?: boolean };
  add_tags?: string[];
  remove_tags?: string[];
  deleted?: boolean;
}

export interface EditReply {
  done: string[];
  failed: { [hash: string]: string };
}
