// Edits of a scene, from the records that the page sends; as spatialgan/editing/edits, but for SERVERS_EDITS of
// studio/exporting.py. tests/studio/test_web_edits.py compares them.

import { centersOf, lerp, mirrored, moved, resized, rotated } from './layouts.js';
import { layoutOf, objectStyleOf, styleOf } from './sampling.js';

/** w of every layer after truncation, without what mixing added; of another z where one is given.
 * @typedef {(scene: Scene, z?: Float32Array) => Promise<Float32Array>} WsOf */

/** @type {(scene: Scene) => Layout} */
const layoutIn = ({ layout }) => {
  if (!layout) throw new Error('this model reads no layout; new styles and mixed ones are the edits that work');
  return layout;
};

// Where an edit is in the model's own terms, as it is recorded: a level and one of its centres, or an object.
/** @type {(scene: Scene, place: Place) => Place} */
function fitted(scene, { object, level, point = null }) {
  const index = /** @type {number} */ (object ?? level), { levels } = layoutIn(scene), multi = scene.model.config.layout === 'multi';
  const there = multi ? point === null && index in levels[0].angles : (point ?? 0) in (levels[index]?.angles ?? []);
  if (!there) throw new Error(`this picture has no ${nameOf({ object, level, point })}`);
  return multi ? { object: index } : { level: index, point };
}

const mean = (/** @type {number[]} */ values) => values.reduce((sum, value) => sum + value, 0) / values.length;

const APART = 1.25, MARGIN = 0.1; // of editing/edits/align.py, whose `apart` this is
/** @type {(places: number[], stds: number[]) => number[]} */
function apart(places, stds) {
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

// What becomes of the layout by an edit of something in it. Objects are the points of the only level.
/** @type {Record<string, (layout: Layout, at: Where, edit: any) => Layout>} */
const PLACED = {
  move: (layout, at, { dx, dy }) => moved(layout, at, dx, dy),
  move_to: (layout, at, { x, y }) => {
    const centers = centersOf(layout, at.level).filter((_, i) => at.point == null || i === at.point);
    return moved(layout, at, x - mean(centers.map(c => c[0])), y - mean(centers.map(c => c[1])));
  },
  resize: (layout, at, { factor }) => resized(layout, at, factor, factor),
  stretch: (layout, at, { sx, sy }) => resized(layout, at, sx, sy),
  rotate: (layout, at, { degrees }) => rotated(layout, at, degrees * Math.PI / 180),
  remove: (layout, at, { amount = 1 }) => resized(layout, at, 1 - amount, 1 - amount),
};

// What changes of the scene by any other.
/** @type {Record<string, (scene: Scene, edit: any, wsOf: WsOf) => Partial<Scene> | Promise<Partial<Scene>>>} */
const OTHERS = {
  mirror: scene => ({ layout: mirrored(layoutIn(scene)) }),
  align: (scene, /** @type {{ objects: number[], axis: string, at?: number | null }} */ { objects, axis, at = null }) => {
    const layout = layoutIn(scene), [level] = layout.levels, { stds, angles } = level, across = axis === 'horizontal' ? 1 : 0;
    if (scene.model.config.layout !== 'multi') throw new Error(`${scene.model.info.name} draws one object; use move`);
    for (const object of objects) fitted(scene, { object });
    const centers = objects.map(i => level.centers_xy[i]), turn = (across - 1) * Math.PI / 2;
    const line = at ?? mean(centers.map(c => c[across]));
    const along = apart(centers.map(c => c[1 - across]),
      objects.map(i => Math.hypot(stds[i][0] * Math.cos(angles[i] + turn), stds[i][1] * Math.sin(angles[i] + turn))));
    const centers_xy = level.centers_xy.slice();
    objects.forEach((i, k) => { centers_xy[i] = across ? [along[k], line] : [line, along[k]]; });
    return { layout: { ...layout, levels: [{ ...level, centers_xy }] } };
  },
  restyle: (scene, { object, seed }) => {
    const { config } = scene.model, z = scene.z.slice(), index = object === 'background' ? config.num_styles - 1 : object;
    if (config.encoding !== 'multi') throw new Error(`in ${scene.model.info.name} all parts share one style`);
    if (object !== 'background') fitted(scene, { object });
    z.set(objectStyleOf(config, seed), index * config.z_dim);
    const w_offset = scene.w_offset?.map((value, i) => Math.floor(i / config.w_dim) % config.num_styles === index ? 0 : value) ?? null;
    return { z, w_offset };
  },
  with_new_layout: (scene, { seed }) => layoutIn(scene) && { layout: layoutOf(scene.model.config, seed) },
  with_new_styles: (scene, { seed }) => ({ z: styleOf(scene.model.config, seed), w_offset: null }),
  mix_styles: async (scene, { seed, first, last, amount = 1 }, wsOf) => {
    const { config, info } = scene.model, row = config.num_styles * config.w_dim;
    if (first > last || last >= info.num_layers) throw new Error(`${info.name} has no layers ${first} to ${last}`);
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
  const { edit: name, level, point, object, ...rest } = edit;
  if (name in PLACED) {
    const place = fitted(scene, /** @type {any} */ (edit)), at = place.object === undefined ? place : { level: 0, point: place.object };
    return { ...scene, layout: PLACED[name](layoutIn(scene), at, edit), edits: [...scene.edits, { edit: name, ...place, ...rest }] };
  }
  if (!(name in OTHERS)) throw new Error(`this page has no edit ${name}; the studio on a computer of its own has: spatialgan studio`);
  return { ...scene, ...await OTHERS[name](scene, edit, wsOf), edits: [...scene.edits, edit] };
}

// An object or a level as the command line counts: "object 2", "level 1.0".
/** @type {(place: { object?: number | string | null, level?: number | null, point?: number | null }) => string} */
function nameOf({ object, level, point }) {
  if (object != null) return object === 'background' ? object : `object ${object}`;
  return level == null ? '' : `level ${level}${point == null ? '' : `.${point}`}`;
}

// As people read it in a history, before the page puts it in its own words: "Move level 1.0".
/** @type {(labels: Record<string, string>, edit: any) => string} */
export function titleOf(labels, { edit, objects, axis, ...place }) {
  if (objects) return `${axis === 'horizontal' ? 'Row' : 'Column'} of objects ${objects.join(', ')}`;
  return `${labels[edit]} ${nameOf(place)}`.trim();
}
