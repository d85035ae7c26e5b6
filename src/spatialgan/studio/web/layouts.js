// Layouts as scene files hold them, and what edits make of them; as spatialgan/layout.py. Nothing is written into.

export const MIN_STD = 1e-3, GONE_STD = 1.01 * MIN_STD, MAX_STD = 1e3;

/** @type {(layout: Layout, level: number, change: (level: Level) => Partial<Level>) => Layout} */
const withLevel = (layout, level, change) => ({ ...layout, levels: layout.levels.map((l, i) => i === level ? { ...l, ...change(l) } : l) });

/** @type {<T>(values: T[], point: number | null | undefined, f: (value: T) => T) => T[]} */
const at = (values, point, f) => values.map((value, i) => point == null || i === point ? f(value) : value);

// Absolute centres of one level.
/** @type {(layout: Layout, level: number) => [number, number][]} */
export function centersOf({ hierarchical, levels }, level) {
  const [x0, y0] = hierarchical && level > 0 ? levels[0].centers_xy[0] : [0, 0];
  return levels[level].centers_xy.map(([x, y]) => [x + x0, y + y0]);
}

/** @type {(layout: Layout, where: Where, dx: number, dy: number) => Layout} */
export const moved = (layout, { level, point }, dx, dy) =>
  withLevel(layout, level, l => ({ centers_xy: at(l.centers_xy, point, ([x, y]) => [x + dx, y + dy]) }));

const limited = (/** @type {number} */ std) => Math.min(MAX_STD, Math.max(MIN_STD, std));
/** @type {(layout: Layout, where: Where, sx: number, sy: number) => Layout} */
export const resized = (layout, { level, point }, sx, sy) =>
  withLevel(layout, level, l => ({ stds: at(l.stds, point, ([x, y]) => [limited(x * sx), limited(y * sy)]) }));

/** @type {(layout: Layout, where: Where, radians: number) => Layout} */
export const rotated = (layout, { level, point }, radians) =>
  withLevel(layout, level, l => ({ angles: at(l.angles, point, angle => angle + radians) }));

/** @type {(layout: Layout) => Layout} */
export const mirrored = layout => ({ ...layout, levels: layout.levels.map((l, level) => ({
  centers_xy: l.centers_xy.map(([x, y]) => [(layout.hierarchical && level > 0 ? 0 : 1) - x, y]),
  stds: l.stds,
  angles: l.angles.map(angle => 0 - angle),
})) });

/** @type {(a: number, b: number, t: number) => number} */
export const lerp = (a, b, t) => a + t * (b - a);

// At t of the way from one layout to another; sizes change evenly in their logarithm, but where something vanishes.
/** @type {(a: Layout, b: Layout, t: number) => Layout} */
export const between = (a, b, t) => ({ ...a, levels: a.levels.map((l, level) => {
  const other = b.levels[level];
  /** @type {(f: (a: number, b: number) => number, a: [number, number], b: [number, number]) => [number, number]} */
  const both = (f, [x, y], [u, v]) => [f(x, u), f(y, v)];
  /** @type {(s: number, u: number) => number} */
  const size = (s, u) => Math.min(s, u) <= GONE_STD ? lerp(s, u, t) : Math.exp(lerp(Math.log(s), Math.log(u), t));
  return {
    centers_xy: l.centers_xy.map((c, i) => both((x, u) => lerp(x, u, t), c, other.centers_xy[i])),
    stds: l.stds.map((s, i) => both(size, s, other.stds[i])),
    angles: l.angles.map((angle, i) => lerp(angle, other.angles[i], t)),
  };
}) });

// The complete heatmap of one level, to be shown: the sum of objects, the mean of a level's centres.
/** @type {(layout: Layout, level: number, multi: boolean, size: number) => Plane} */
export function heatmap(layout, level, multi, size) {
  const { stds, angles } = layout.levels[level], centers = centersOf(layout, level), sum = new Float32Array(size * size);
  centers.forEach(([x, y], k) => {
    const [sx, sy] = stds[k], cos = Math.cos(angles[k]), sin = Math.sin(angles[k]);
    if (Math.max(sx, sy) <= GONE_STD) return; // removed; it might hit a pixel's middle
    for (let i = 0; i < sum.length; i++) {
      const dx = (i % size + 0.5) / size - x, dy = (Math.floor(i / size) + 0.5) / size - y;
      sum[i] += Math.exp(-0.5 * (((cos * dx + sin * dy) / sx) ** 2 + ((cos * dy - sin * dx) / sy) ** 2));
    }
  });
  const [low, high] = multi ? [0, 1] : level === 0 ? [0, centers.length] : [Math.min(...sum), Math.max(...sum)];
  const values = Uint8Array.from(sum, value => Math.round(255 * Math.min(1, (value - low) / (high - low || 1))));
  return { width: size, height: size, channels: 1, values };
}
