// Types of what answers an exported page, beside those of page.d.ts; for `npm run types` alone.

/** As scene files have it: centres in 0..1, on levels 1 and 2 of a hierarchical layout from the first one's; standard
 * deviations in image widths; angles clockwise in radians. */
interface Level {
  centers_xy: [number, number][];
  stds: [number, number][];
  angles: number[];
}

/** One centre of a level, or all of them. */
interface Where {
  level: number;
  point?: number | null;
}

interface Layout {
  hierarchical: boolean;
  levels: Level[];
}

/** Of the model's configuration, what a page needs. */
interface Config {
  z_dim: number;
  w_dim: number;
  num_styles: number;
  image_channels: number;
  encoding: 'none' | 'concat' | 'norm' | 'flatten' | 'multi';
  layout: 'single' | 'multi';
  sampling: 'hierarchical' | 'independent' | 'release';
  center_std: number;
  num_objects: number;
  object_std_min: number;
  object_std_max: number;
  object_spacing: number;
}

/** A graph of docs/onnx.md: where it is, and the names of what it takes. */
interface Graph {
  url: string;
  inputs: string[];
}

/** What a graph takes, by name: values and their shape. */
type Inputs = Record<string, [Float32Array, number[]]>;

interface Model {
  info: ModelInfo;
  config: Config;
  weights_sha256: string;
  handles: { level: number; point: number; acts: boolean; reach: number | null }[];
  graphs: { mapping: Graph; synthesis: Graph };
}

/** studio.json, as studio/exporting.py writes it. */
interface ExportedInfo extends StudioInfo {
  labels: Record<string, string>;
  sources: Record<string, Pick<Model, 'config' | 'handles'> & { graphs: string }>;
}

/** What is done with what requests bring, as studio/schemas.py has it. */
interface Changes {
  'POST picture': (given: { model: string; seed: number; layout_seed?: number | null; truncation?: number }) => Promise<void>;
  'POST edits': (given: Change & { revision?: number }) => Promise<void>;
  'POST history': (given: { scene: unknown; label: string; is_start?: boolean }) => Promise<void>;
  [asked: string]: (given: any) => unknown;
}

/** The next 32 random bits. */
type Stream = () => number;

/** Nothing of it is ever written into. */
interface Scene {
  model: Model;
  /** (S, z_dim) */
  z: Float32Array;
  layout: Layout | null;
  noise_seed: number;
  truncation: number;
  seed: number | null;
  layout_seed: number | null;
  /** (num_ws, S, w_dim), added to w after truncation. */
  w_offset: Float32Array | null;
  edits: Edit[];
}
