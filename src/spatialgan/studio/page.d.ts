// Types of the page's own data, for `npm run types` alone: the page is served as it is written. What comes from the
// server is as studio/schemas.py and studio/wire.py say.

type ObjectPlace = { object: number; level?: undefined; point?: undefined };
type LevelPlace = { level: number; point: number | null; object?: undefined };
type Place = ObjectPlace | LevelPlace;

/** Lengths in image widths. */
interface Handle {
  place: Place;
  name: string;
  x: number;
  y: number;
  std_x: number;
  std_y: number;
  degrees: number;
  gone: boolean;
  acts: boolean;
  reach: number | null;
}

interface ModelInfo {
  name: string;
  kind: 'single' | 'multi';
  resolution: number;
  num_layers: number;
  editable: boolean;
  object_styles: boolean;
  object_coordinates: boolean;
  attention: boolean;
}

interface Edit {
  edit: string;
  [field: string]: unknown;
}

/** What `preview` and `commit` send. */
interface Change {
  edits?: Edit[];
  truncation?: number;
  /** Ids of two entries of the history, and where between them. */
  between?: [number, number];
  at?: number;
}

interface Action {
  label: string;
  tip: string;
  edit: Edit;
  /** Whether the edit wants the numbers of all objects. */
  objects: boolean;
}

interface StudioInfo {
  version: string;
  mp4: boolean;
  models: ModelInfo[];
  actions: Action[];
}

interface Entry {
  id: number;
  label: string;
  is_start: boolean;
  model: string;
  /** Entries of one number can be blended. */
  group: number;
}

/** The current picture in numbers, and the history. */
interface PictureState {
  revision: number;
  model: ModelInfo;
  seed: number | null;
  layout_seed: number | null;
  truncation: number;
  handles: Handle[];
  history: Entry[];
  position: number;
  start_position: number;
  dragging: boolean;
}

/** A picture as bytes, row by row. */
interface Plane {
  width: number;
  height: number;
  channels: number;
  values: Uint8Array;
}

type Mode = 'arrange' | 'drag';

interface Store {
  info: StudioInfo;
  session: string | null;
  state: PictureState;
  handles: Handle[];
  planes: Record<string, Plane>;
  original: Plane | null;
  selected: string | null;
  mode: Mode;
  dragging: boolean;
  allHandles: boolean;
}

interface Point {
  x: number;
  y: number;
}

/** For a drag: a point and where it should go. */
interface Pair {
  from: Point;
  to: Point | null;
}

/** What has been prepared for a drag. */
interface Draft {
  pairs: Pair[];
  paint: ImageData | null;
}

/** A drag's status, as the server tells it. */
interface DragStatus {
  step: number;
  num_steps: number;
  points?: [number, number][];
  distance?: number | null;
  seconds?: number | null;
  stop_reason: string | null;
}

/** How far the work on a photograph is. */
interface PhotoStatus {
  stage: 'search' | 'one code' | 'a code a layer' | 'tuning';
  share: number;
  stop_reason: 'done' | 'stopped' | 'failed' | null;
  likeness: { psnr_db: number; perceptual: number; share: number; words: string } | null;
}

/** What comes with pictures. */
type Header =
  | { kind: 'current'; state: PictureState }
  | { kind: 'preview'; serial: number; revision: number; handles: Handle[]; truncation: number; timing: Record<string, number> }
  | { kind: 'drag'; handles: Handle[] } & DragStatus;

interface Frame {
  header: Header;
  planes: Record<string, Plane>;
}

/** What comes without pictures. */
type Message =
  | { kind: 'error'; error: string }
  | { kind: 'animation'; share: number }
  | { kind: 'drag_end' } & DragStatus
  | { kind: 'photo' | 'photo_end' } & PhotoStatus;

/** An event, and what kind of element it comes from. */
type From<E extends Event, T extends Element = Element> = E & { target: T };

/** The page has what its modules ask for: index.html and they are written together. */
interface ParentNode {
  querySelector(selectors: string): any;
  querySelectorAll(selectors: string): NodeListOf<any>;
}
