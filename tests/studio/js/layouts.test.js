import assert from 'node:assert/strict';
import test from 'node:test';
import { MIN_STD, between, centersOf, heatmap, mirrored, moved, resized, rotated } from '../../../src/spatialgan/studio/web/layouts.js';

const level = (...centers) => ({ centers_xy: centers, stds: centers.map(() => [0.2, 0.1]), angles: centers.map(() => 0.5) });
const single = { hierarchical: true, levels: [level([0.5, 0.4]), level([0.1, 0], [-0.1, 0.2])] };
const multi = { hierarchical: false, levels: [level([0.25, 0.5], [0.75, 0.5])] };
const near = (a, b) => a.flat().forEach((value, i) => assert.ok(Math.abs(value - b.flat()[i]) < 1e-9, `${a} is not ${b}`));

test('level 0 carries the others along, and a point goes alone', () => {
  near(centersOf(moved(single, { level: 0 }, 0.2, 0.1), 1), [[0.8, 0.5], [0.6, 0.7]]);
  const one = moved(single, { level: 1, point: 1 }, 0.2, 0);
  near(centersOf(one, 1), [[0.6, 0.4], [0.6, 0.6]]);
  near(centersOf(one, 0), [[0.5, 0.4]]);
  near(centersOf(single, 1), [[0.6, 0.4], [0.4, 0.6]]); // which nobody wrote into
});

test('sizes have limits, angles add up', () => {
  near(resized(multi, { level: 0, point: 1 }, 2, 0.5).levels[0].stds, [[0.2, 0.1], [0.4, 0.05]]);
  near(resized(multi, { level: 0 }, 0, 1e9).levels[0].stds, [[MIN_STD, 1e3], [MIN_STD, 1e3]]);
  near([rotated(multi, { level: 0, point: 0 }, 0.25).levels[0].angles], [[0.75, 0.5]]);
});

test('left and right are swapped, offsets about nothing', () => {
  near(centersOf(mirrored(single), 1), [[0.4, 0.4], [0.6, 0.6]]);
  near([mirrored(multi).levels[0].angles], [[-0.5, -0.5]]);
  near(mirrored(multi).levels[0].centers_xy, [[0.75, 0.5], [0.25, 0.5]]);
});

test('half way, sizes are the geometric mean, and linear where something vanishes', () => {
  const other = resized(moved(multi, { level: 0 }, 0.2, 0), { level: 0, point: 0 }, 4, 4);
  const gone = resized(multi, { level: 0, point: 1 }, 0, 0), half = between(multi, other, 0.5);
  near(half.levels[0].centers_xy, [[0.35, 0.5], [0.85, 0.5]]);
  near(half.levels[0].stds, [[0.4, 0.2], [0.2, 0.1]]);
  near(between(multi, gone, 0.5).levels[0].stds, [[0.2, 0.1], [(0.2 + MIN_STD) / 2, (0.1 + MIN_STD) / 2]]);
});

test('a heatmap is brightest at its centre, and nothing where all is removed', () => {
  const { values, width } = heatmap(multi, 0, true, 16);
  assert.ok(values[8 * width + 4] > 240 && values[8 * width + 12] > 240 && values[0] < 5);
  const none = heatmap(resized(multi, { level: 0 }, 0, 0), 0, true, 16);
  assert.equal(Math.max(...none.values), 0);
  const part = heatmap(single, 1, false, 16).values;
  assert.deepEqual([Math.min(...part), Math.max(...part)], [0, 255]); // from its least to its most
});
