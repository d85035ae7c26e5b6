// What a seed stands for, as spatialgan/seeds.py and sampling.py have it: a style, a style of one object, a layout.

import { erf, erfinv, normals, streamOf, uniforms } from './random.js';

const OFFSET_STD = 1 / 6, RELEASE_CENTER_STD = 0.161, RELEASE_OFFSETS = [0, 0.2, 0.4], CANDIDATES = 32;
const LEVEL_NUM_CENTERS = [1, 2, 4];
const S_LOW = [0.5, 0.1 / 1.4, 0.1 / 2], S_HIGH = [1, 1.1 / 1.4, 1.1 / 2]; // of exp(-d^2 / s), by level

// (S * z_dim) of one picture, style after style.
/** @type {(config: Config, seed: number) => Float32Array} */
export const styleOf = (config, seed) => normals(streamOf(seed, 'style'), config.num_styles * config.z_dim);

// (z_dim) of one object, or of the background.
/** @type {(config: Config, seed: number) => Float32Array} */
export const objectStyleOf = (config, seed) => normals(streamOf(seed, 'object style'), config.z_dim);

/** @type {(config: Config, seed: number) => Layout | null} */
export function layoutOf(config, seed) {
  if (config.encoding === 'none') return null;
  const next = streamOf(seed, 'layout');
  return config.layout === 'multi' ? objects(config, next) : levels(config, next);
}

/** @type {(next: Stream, count: number, low: number, high: number) => number[]} */
const between = (next, count, low, high) => [...uniforms(next, count)].map(u => low + (high - low) * u);

/** @type {(values: Iterable<number>) => [number, number][]} */
function pairs(values) {
  const all = [...values];
  return Array.from({ length: all.length / 2 }, (_, i) => [all[2 * i], all[2 * i + 1]]);
}

const inside = (/** @type {number} */ value) => Math.min(1, Math.max(0, value));

// N(1/2, std^2), none of them outside the picture.
/** @type {(next: Stream, count: number, std: number) => [number, number][]} */
function centersInside(next, count, std) {
  const edge = erf(0.5 / std / Math.SQRT2);
  return pairs([...uniforms(next, 2 * count)].map(u => inside(0.5 + std * Math.SQRT2 * erfinv((2 * u - 1) * edge))));
}

/** @type {(centers: [number, number][], stds: number[]) => Level} */
const circles = (centers, stds) => ({ centers_xy: centers, stds: stds.map(std => [std, std]), angles: stds.map(() => 0) });

/** @type {(config: Config, next: Stream) => Layout} */
function levels(config, next) {
  const hierarchical = config.sampling !== 'independent', release = config.sampling === 'release';
  return { hierarchical, levels: LEVEL_NUM_CENTERS.map((k, level) => {
    const s = between(next, release ? 1 : k, S_LOW[level], S_HIGH[level]);
    const stds = Array.from({ length: k }, (_, i) => Math.sqrt(s[release ? 0 : i] / 8));
    if (release && level > 0) return circles(pairs(between(next, 2 * k, -RELEASE_OFFSETS[level], RELEASE_OFFSETS[level])), stds);
    if (release) return circles(pairs([...normals(next, 2 * k)].map(n => inside(0.5 + RELEASE_CENTER_STD * n))), stds);
    if (hierarchical && level > 0) return circles(pairs([...normals(next, 2 * k)].map(n => OFFSET_STD * n)), stds);
    return circles(centersInside(next, k, config.center_std), stds);
  }) };
}

/** @type {(config: Config, next: Stream) => Layout} */
function objects(config, next) {
  const n = config.num_objects, each = config.object_spacing > 0 ? CANDIDATES : 1;
  const candidates = centersInside(next, n * each, config.center_std);
  const stds = between(next, n, config.object_std_min, config.object_std_max);
  /** @type {[number, number][]} */
  const centers = [];
  for (let k = 0; k < n; k++) { // the first candidate that is far enough from the objects before
    const far = candidates.slice(k * each, (k + 1) * each).map(([x, y]) => Math.min(config.object_spacing,
      ...centers.map(([a, b], i) => Math.hypot(x - a, y - b) / (stds[k] + stds[i]))));
    centers.push(candidates[k * each + far.indexOf(Math.max(...far))]);
  }
  return { hierarchical: false, levels: [circles(centers, stds)] };
}
