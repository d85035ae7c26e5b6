// Edits of a scene, from the records that the page sends; as spatialgan/editing/edits. Each gives what changes.

import { centersOf, lerp, mirrored, moved, resized, rotated } from './layouts.js';
import { layoutOf, objectStyleOf, styleOf } from './sampling.js';

/** w of every layer after truncation, without what mixing added; of another z where one is given.
 * @typedef {(scene: Scene, z?: Float32Array) => Promise<Float32Array>} WsOf */

/** @type {(edit: Place) => Where} */
const where = ({ object, level, point }) => object === undefined ? { level, point } : { level: 0, point: object };
/** @type {(edit: Place) => (f: (layout: Layout, at: Where) => Layout) => (scene: Scene) => Partial<Scene>} */
const place = edit => f => scene => ({ layout: f(layoutIn(scene), where(edit)) });
/** @type {(scene: Scene) => Layout} */
const layoutIn = ({ layout }) => {
  if (!layout) throw new Error('this model reads no layout; new styles and mixed ones are the edits that work');
  return layout;
};

const APART = 1.25, MARGIN = 0.1; // of editing/edits/align.py, whose `apart` this is
/** @type {(places: number[], stds: number[]) => number[]} */
export function apart(places, stds) {
  const order = places.map((_, i) => i).sort((a, b) => places[a] - places[b]);
  const start = Math.min(MARGIN, ...places), end = Math.max(1 - MARGIN, ...places);
  const gaps = order.slice(1).map((j, k) => APART * (stds[order[k]] + stds[j]));
  const shrink = Math.min(1, (end - start) / gaps.reduce((a, b) => a + b, 0)), offsets = [0];
  for (const gap of gaps) offsets.push(offsets[offsets.length - 1] + shrink * gap);
  /** @type {[number, number][]} */
  const pools = [];
  order.forEach((i, k) => {
    let [mean, count] = [places[i] - offsets[k], 1];
    for (let last; (last = pools.at(-1)) && last[0] > mean; pools.pop()) {
      [mean, count] = [(last[0] * last[1] + mean * count) / (last[1] + count), last[1] + count];
    }
    pools.push([mean, count]);
  });
  const line = pools.flatMap(([mean, count]) => Array(count).fill(Math.min(Math.max(mean, start), end - offsets[gaps.length])));
  const found = places.slice();
  order.forEach((i, k) => { found[i] = line[k] + offsets[k]; });
  return found;
}

/** @type {Record<string, (scene: Scene, edit: any, wsOf: WsOf) => Partial<Scene> | Promise<Partial<Scene>>>} */
const EDITS = {
  move: (scene, edit) => place(edit)((layout, at) => moved(layout, at, edit.dx, edit.dy))(scene),
  move_to: (scene, edit) => place(edit)((layout, at) => {
    const centers = centersOf(layout, at.level).filter((_, i) => at.point == null || i === at.point);
    const mean = (/** @type {number} */ axis) => centers.reduce((sum, c) => sum + c[axis], 0) / centers.length;
    return moved(layout, at, edit.x - mean(0), edit.y - mean(1));
  })(scene),
  resize: (scene, edit) => place(edit)((layout, at) => resized(layout, at, edit.factor, edit.factor))(scene),
  stretch: (scene, edit) => place(edit)((layout, at) => resized(layout, at, edit.sx, edit.sy))(scene),
  rotate: (scene, edit) => place(edit)((layout, at) => rotated(layout, at, edit.degrees * Math.PI / 180))(scene),
  remove: (scene, edit) => place(edit)((layout, at) => resized(layout, at, 1 - (edit.amount ?? 1), 1 - (edit.amount ?? 1)))(scene),
  mirror: scene => ({ layout: mirrored(layoutIn(scene)) }),
  align: (scene, /** @type {{ objects: number[], axis: string, at?: number | null }} */ { objects, axis, at = null }) => {
    const layout = layoutIn(scene), across = axis === 'horizontal' ? 1 : 0, { stds, angles } = layout.levels[0];
    const centers = objects.map(i => centersOf(layout, 0)[i]), turn = (across - 1) * Math.PI / 2;
    const line = at ?? centers.reduce((sum, c) => sum + c[across], 0) / centers.length;
    const along = apart(centers.map(c => c[1 - across]), objects.map(i => Math.hypot(stds[i][0] * Math.cos(angles[i] + turn), stds[i][1] * Math.sin(angles[i] + turn))));
    return { layout: objects.reduce((now, i, k) => {
      const step = line - centers[k][across], aside = along[k] - centers[k][1 - across];
      return moved(now, { level: 0, point: i }, across ? aside : step, across ? step : aside);
    }, layout) };
  },
  restyle: (scene, { object, seed }) => {
    const { config } = scene.model, z = scene.z.slice(), index = object === 'background' ? config.num_styles - 1 : object;
    if (config.encoding !== 'multi') throw new Error(`in ${scene.model.info.name} all parts share one style`);
    z.set(objectStyleOf(config, seed), index * config.z_dim);
    const w_offset = scene.w_offset?.map((value, i) => Math.floor(i / config.w_dim) % config.num_styles === index ? 0 : value) ?? null;
    return { z, w_offset };
  },
  with_new_layout: (scene, { seed }) => layoutIn(scene) && { layout: layoutOf(scene.model.config, seed) },
  with_new_styles: (scene, { seed }) => ({ z: styleOf(scene.model.config, seed), w_offset: null }),
  mix_styles: async (scene, { seed, first, last, amount = 1 }, wsOf) => {
    const { config } = scene.model, row = config.num_styles * config.w_dim;
    const own = await wsOf(scene), other = await wsOf(scene, styleOf(config, seed));
    const w_offset = own.map((w, i) => {
      const layer = Math.floor(i / row), before = scene.w_offset?.[i] ?? 0;
      return first <= layer && layer <= last ? lerp(before, other[i] - w, amount) : before;
    });
    return { w_offset };
  },
};

/** @type {(scene: Scene, edit: Edit, wsOf: WsOf) => Promise<Scene>} */
export async function apply(scene, edit, wsOf) {
  if (!(edit.edit in EDITS)) throw new Error(`this page has no edit ${edit.edit}; the studio on a computer of its own has: spatialgan studio`);
  return { ...scene, ...await EDITS[edit.edit](scene, edit, wsOf), edits: [...scene.edits, edit] };
}

// As people read it in a history, before the page puts it in its own words: "Move level 1.0".
/** @type {(labels: Record<string, string>, edit: any) => string} */
export function titleOf(labels, { edit, objects, axis, object, level, point }) {
  const place = objects ? `objects ${objects.join(', ')} in a ${axis === 'horizontal' ? 'row' : 'column'}` : object === 'background' ? object : object !== undefined ? `object ${object}`
    : level === undefined ? '' : `level ${level}${point == null ? '' : `.${point}`}`;
  return `${labels[edit]} ${place}`.trim();
}
