import { multi, single, wsOf } from './web_models.js';
import assert from 'node:assert/strict';
import test from 'node:test';
import { apart, apply, titleOf } from '../../../src/spatialgan/studio/web/edits.js';
import { centersOf } from '../../../src/spatialgan/studio/web/layouts.js';
import { objectStyleOf, styleOf } from '../../../src/spatialgan/studio/web/sampling.js';
import { handlesOf, sample, sceneBetween, sceneFromJson, sceneToJson } from '../../../src/spatialgan/studio/web/scenes.js';

const ws = (scene, z = scene.z) => wsOf(scene, z);
const one = sample(single, 3), many = sample(multi, 3);
const near = (a, b) => assert.ok(Math.abs(a - b) < 1e-6, `${a} is not ${b}`);

test('handles are named by the level or the object, and say what is gone', async () => {
  assert.deepEqual(handlesOf(one).map(h => h.name), ['level 0', 'level 1.0', 'level 1.1', 'level 2.0', 'level 2.1', 'level 2.2', 'level 2.3']);
  const after = await apply(many, { edit: 'remove', object: 1, amount: 1 }, ws);
  assert.deepEqual(handlesOf(after).map(h => [h.name, h.gone]), [['object 0', false], ['object 1', true], ['object 2', false]]);
  assert.deepEqual([after.edits.length, many.edits.length], [1, 0]);
  const known = { ...single, handles: [{ level: 1, point: 1, acts: false, reach: null }, { level: 0, point: 0, acts: true, reach: 0.3 }] };
  assert.deepEqual(handlesOf({ ...one, model: known }).slice(0, 3).map(h => [h.acts, h.reach]), [[true, 0.3], [true, null], [false, null]]);
});

test('move, move to, and in a row', async () => {
  const to = handlesOf(await apply(many, { edit: 'move_to', object: 2, x: 0.1, y: 0.2 }, ws))[2];
  near(to.x, 0.1);
  near(to.y, 0.2);
  const row = handlesOf(await apply(many, { edit: 'align', axis: 'horizontal', objects: [0, 2] }, ws));
  near(row[0].y, row[2].y);
  near(row[1].y, handlesOf(many)[1].y);
  const carried = handlesOf(await apply(one, { edit: 'move', level: 0, point: null, dx: 0.25, dy: 0 }, ws));
  carried.forEach((h, i) => near(h.x, handlesOf(one)[i].x + 0.25));
});

test('things on one line stand apart as in Python', () => {
  // The numbers of tests/editing/edits/test_align.py.
  const cases = [
    [[0.2, 0.8], [0.1, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.1], [0.375, 0.625]],
    [[0.6, 0.4, 0.5], [0.08, 0.08, 0.08], [0.7, 0.3, 0.5]], [[0.15, 0.15], [0.1, 0.1], [0.1, 0.35]],
    [[0.9, 0.85], [0.1, 0.1], [0.9, 0.65]], [[0.4, 0.5, 0.6], [0.3, 0.3, 0.3], [0.1, 0.5, 0.9]],
    [[-0.5, 1.5], [0.1, 0.1], [-0.5, 1.5]], [[0.03, 0.04, 0.97], [0.04, 0.04, 0.04], [0.03, 0.13, 0.97]],
    [[0.2, 0.6, 0.6], [0.04, 0.04, 0.04], [0.2, 0.55, 0.65]],
  ];
  for (const [places, stds, expected] of cases) apart(places, stds).forEach((place, i) => near(place, expected[i]));
});

test('long things on one line are as wide as they lie', async () => {
  let scene = many;
  for (const edit of [
    ...[0, 2].flatMap(object => [{ edit: 'resize', object, factor: 0.2 }, { edit: 'move_to', object, x: 0.5, y: 0.5 }]),
    { edit: 'stretch', object: 0, sx: 3, sy: 1 }, { edit: 'rotate', object: 0, degrees: 90 },
  ]) scene = await apply(scene, edit, ws);
  const [long, , round] = handlesOf(scene);
  const lined = async axis => handlesOf(await apply(scene, { edit: 'align', axis, objects: [0, 2] }, ws));
  const row = await lined('horizontal'), column = await lined('vertical');
  near(Math.abs(row[0].x - row[2].x), 1.25 * (long.std_y + round.std_x));
  near(Math.abs(column[0].y - column[2].y), 1.25 * (long.std_x + round.std_y));
});

test('an object gets a style of its own, and loses what was mixed into the old one', async () => {
  const mixed = await apply(many, { edit: 'mix_styles', seed: 5, first: 1, last: 2 }, ws);
  const difference = styleOf(multi.config, 5)[0] - many.z[0], offset = /** @type {Float32Array} */ (mixed.w_offset);
  assert.equal(offset.length, 3 * 4 * 2);
  assert.deepEqual([...offset.slice(0, 8)], Array(8).fill(0));
  near(offset[8], difference);
  const after = await apply(mixed, { edit: 'restyle', object: 1, seed: 7 }, ws), mended = /** @type {Float32Array} */ (after.w_offset);
  assert.deepEqual(after.z.slice(4, 8), objectStyleOf(multi.config, 7));
  assert.deepEqual(after.z.slice(8), many.z.slice(8));
  assert.deepEqual([mended[8] === 0, mended[10], mended[11]], [false, 0, 0]);
  const ground = await apply(many, { edit: 'restyle', object: 'background', seed: 7 }, ws);
  assert.deepEqual(ground.z.slice(12), objectStyleOf(multi.config, 7));
});

test('other styles or another layout leave the rest alone', async () => {
  const styles = await apply(one, { edit: 'with_new_styles', seed: 9 }, ws), layout = await apply(one, { edit: 'with_new_layout', seed: 9 }, ws);
  assert.deepEqual([styles.z, styles.layout], [sample(single, 9).z, one.layout]);
  assert.deepEqual([layout.z, layout.layout], [one.z, sample(single, 9).layout]);
});

test('what this page cannot do it says', async () => {
  await assert.rejects(apply(many, { edit: 'duplicate', object: 0 }, ws), /no edit duplicate.*spatialgan studio/);
  await assert.rejects(apply(one, { edit: 'restyle', object: 0, seed: 1 }, ws), /share one style/);
  assert.throws(() => sample(single, -1), /whole number from 0/);
});

test('titles are those of the server', () => {
  const labels = { move: 'Move', align: 'Align', restyle: 'Restyle', mirror: 'Mirror' };
  const title = edit => titleOf(labels, edit);
  assert.equal(title({ edit: 'move', level: 1, point: 0 }), 'Move level 1.0');
  assert.equal(title({ edit: 'move', level: 0, point: null }), 'Move level 0');
  assert.equal(title({ edit: 'move', object: 2 }), 'Move object 2');
  assert.equal(title({ edit: 'align', objects: [0, 1], axis: 'horizontal' }), 'Align objects 0, 1 in a row');
  assert.equal(title({ edit: 'align', objects: [0, 1], axis: 'vertical' }), 'Align objects 0, 1 in a column');
  assert.equal(title({ edit: 'restyle', object: 'background' }), 'Restyle background');
  assert.equal(title({ edit: 'mirror' }), 'Mirror');
});

test('half way between two pictures, w is half way too', async () => {
  const other = { ...sample(single, 4), truncation: 0.5 }, half = await sceneBetween(one, other, 0.5, ws);
  const [start, end, own] = [await ws(one), await ws(other), await ws(half)];
  own.forEach((w, i) => near(w + /** @type {Float32Array} */ (half.w_offset)[i], (start[i] + end[i]) / 2));
  near(centersOf(half.layout, 0)[0][0], (centersOf(one.layout, 0)[0][0] + centersOf(other.layout, 0)[0][0]) / 2);
  assert.deepEqual((await sceneBetween(one, other, 1, ws)).z, other.z);
});

test('a scene file keeps all of it, and says whose it is', async () => {
  const scene = await apply(many, { edit: 'mix_styles', seed: 5, first: 0, last: 1, amount: 0.5 }, ws);
  const text = JSON.stringify(sceneToJson(scene));
  assert.deepEqual(sceneFromJson([single, multi], JSON.parse(text)), scene);
  assert.throws(() => sceneFromJson([single], JSON.parse(text)), /made with the model many/);
  assert.throws(() => sceneFromJson([single], []), /no scene/);
  const more = { ...JSON.parse(text), layout: one.layout };
  assert.throws(() => sceneFromJson([multi], more), /of 1,2,4 centres; it draws those of 3/);
});
