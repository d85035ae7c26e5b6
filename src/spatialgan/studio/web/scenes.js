// Scenes: what a picture is made of. As spatialgan/editing/scene.py and scene_file.py, whose files these read and write.

import { GONE_STD, between, centersOf, lerp } from './layouts.js';
import { layoutOf, styleOf } from './sampling.js';

const FORMAT_VERSION = 1, MAX_SEED = 2 ** 31 - 1;

/** @type {(model: Model, seed: number, layoutSeed?: number | null) => Scene} */
export function sample(model, seed, layoutSeed) {
  if (!Number.isInteger(seed) || seed < 0 || seed > MAX_SEED) throw new Error(`seed is ${seed}; use a whole number from 0 to ${MAX_SEED}`);
  const layout_seed = layoutSeed ?? seed, { config } = model;
  return { model, z: styleOf(config, seed), layout: layoutOf(config, layout_seed), noise_seed: seed, truncation: 1, seed, layout_seed,
    w_offset: null, edits: [] };
}

// Everything that can be moved, and its place in edits.
/** @type {(scene: Scene) => Handle[]} */
export const handlesOf = ({ model, layout }) => (layout?.levels ?? []).flatMap(({ stds, angles }, level) =>
  centersOf(/** @type {Layout} */ (layout), level).map(([x, y], point) => {
    const multi = model.config.layout === 'multi';
    const known = model.handles.find(h => h.level === level && h.point === point) ?? { acts: true, reach: null };
    return {
      place: multi ? { object: point } : { level, point: stds.length === 1 ? null : point },
      name: multi ? `object ${point}` : `level ${level}${stds.length === 1 ? '' : `.${point}`}`,
      x, y, std_x: stds[point][0], std_y: stds[point][1], degrees: angles[point] * 180 / Math.PI,
      gone: Math.max(...stds[point]) <= GONE_STD, acts: known.acts, reach: known.reach,
    };
  }));

// At t of the way from one scene to another of the same model, styles in w; the noise stays the first one's.
/** @type {(a: Scene, b: Scene, t: number, wsOf: import('./edits.js').WsOf) => Promise<Scene>} */
export async function sceneBetween(a, b, t, wsOf) {
  if (t === 0) return { ...a };
  if (t === 1) return { ...b, noise_seed: a.noise_seed };
  const layout = a.layout && b.layout && between(a.layout, b.layout, t);
  const start = { ...a, layout, w_offset: null, edits: [] };
  const [one, other, own] = [await wsOf(a), await wsOf(b), await wsOf(start)];
  const w_offset = own.map((w, i) => lerp(one[i] + (a.w_offset?.[i] ?? 0), other[i] + (b.w_offset?.[i] ?? 0), t) - w);
  return { ...start, w_offset };
}

/** @type {(values: Float32Array, ...shape: number[]) => { shape: number[], float32: string }} */
const toJson = (values, ...shape) => ({ shape, float32: btoa(Array.from(new Uint8Array(values.buffer.slice(0)), b => String.fromCharCode(b)).join('')) });

/** @type {(data: any, ...shape: number[]) => Float32Array} */
function fromJson(data, ...shape) {
  if (String(data?.shape) !== String(shape)) throw new Error(`the scene has codes of the shape ${data?.shape}; the model needs ${shape}`);
  return new Float32Array(Uint8Array.from(atob(data.float32), c => c.charCodeAt(0)).buffer);
}

/** @type {(model: Model) => { z: number[], w_offset: number[] }} */
const shapesOf = ({ config, info }) => ({ z: [config.num_styles, config.z_dim], w_offset: [info.num_layers, config.num_styles, config.w_dim] });

/** @type {(scene: Scene) => any} */
export function sceneToJson({ model, z, w_offset, ...rest }) {
  const { name, resolution, num_layers: num_ws } = model.info, shapes = shapesOf(model);
  return {
    format_version: FORMAT_VERSION,
    model: { name, weights_sha256: model.weights_sha256, resolution, num_ws },
    z: toJson(z, ...shapes.z),
    w_offset: w_offset && toJson(w_offset, ...shapes.w_offset),
    ...rest,
  };
}

/** @type {(values: unknown, size?: number) => boolean} */
const areNumbers = (values, size) => Array.isArray(values) && values.length === (size ?? values.length) && values.every(Number.isFinite);

// What Python would refuse in a file that was written by hand.
/** @type {(scene: any) => void} */
function check({ layout, noise_seed, truncation }) {
  if (!Number.isSafeInteger(noise_seed)) throw new Error(`noise_seed is ${noise_seed}; use a whole number of at most 53 bits`);
  if (!Number.isFinite(truncation)) throw new Error(`truncation is ${truncation}; use a number`);
  for (const { centers_xy, stds, angles } of layout?.levels ?? []) {
    const pairs = [centers_xy, stds].every(list => Array.isArray(list) && list.length === angles.length && list.every(pair => areNumbers(pair, 2)));
    if (!pairs || !areNumbers(angles)) throw new Error('layout is not readable: centers_xy and stds must be lists of two numbers each, angles a list of as many numbers');
    if (!stds.flat().every((/** @type {number} */ std) => std > 0)) throw new Error('layout is not readable: it has a standard deviation that is not above 0');
  }
}

/** @type {(models: Model[], data: any) => Scene} */
export function sceneFromJson(models, data) {
  if (data?.format_version !== FORMAT_VERSION) throw new Error('this file is no scene; open a .scene.json file');
  if (data.tuning) throw new Error('the scene was made for a photograph, which needs the studio on a computer of its own: spatialgan studio');
  const model = models.find(m => m.weights_sha256 === data.model?.weights_sha256);
  if (!model) throw new Error(`the scene was made with the model ${String(data.model?.name).slice(0, 80)}, which is not on this page`);
  const counts = (/** @type {Layout | null} */ layout) => String(layout?.levels?.map(l => l.angles.length));
  const wanted = layoutOf(model.config, 0);
  if (counts(data.layout) !== counts(wanted)) throw new Error(`the scene has heatmaps that this page cannot draw, as of ${counts(data.layout)} centres; it draws those of ${counts(wanted)}`);
  check(data);
  const { layout, noise_seed, truncation, seed, layout_seed, edits } = data, shapes = shapesOf(model);
  const w_offset = data.w_offset && fromJson(data.w_offset, ...shapes.w_offset);
  return { model, z: fromJson(data.z, ...shapes.z), layout, noise_seed, truncation, seed, layout_seed, w_offset: w_offset ?? null, edits };
}
