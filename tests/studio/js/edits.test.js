// What comes of each edit is compared with Python by ../test_web_edits.py; here is the rest.

import { multi, single, wsOf } from './web_models.js';
import assert from 'node:assert/strict';
import test from 'node:test';
import { apply } from '../../../src/spatialgan/studio/web/edits.js';
import { centersOf } from '../../../src/spatialgan/studio/web/layouts.js';
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

test('what this page cannot do it says', async () => {
  await assert.rejects(apply(many, { edit: 'duplicate', object: 0 }, ws), /no edit duplicate.*spatialgan studio/);
  await assert.rejects(apply(one, { edit: 'restyle', object: 0, seed: 1 }, ws), /share one style/);
  await assert.rejects(apply(one, { edit: 'align', axis: 'vertical', objects: [0, 1] }, ws), /one draws one object; use move/);
  await assert.rejects(apply(one, { edit: 'move', level: 1, point: 2, dx: 0, dy: 0 }, ws), /this picture has no level 1.2/);
  await assert.rejects(apply(many, { edit: 'remove', object: 3 }, ws), /this picture has no object 3/);
  await assert.rejects(apply(one, { edit: 'mix_styles', seed: 1, first: 2, last: 3 }, ws), /one has no layers 2 to 3/);
  assert.throws(() => sample(single, -1), /whole number from 0/);
});

test('half way between two pictures, w is half way too', async () => {
  const other = { ...sample(single, 4), truncation: 0.5 }, half = await sceneBetween(one, other, 0.5, ws);
  const [start, end, own] = [await ws(one), await ws(other), await ws(half)];
  own.forEach((w, i) => near(w + /** @type {Float32Array} */ (half.w_offset)[i], (start[i] + end[i]) / 2));
  near(centersOf(half.layout, 0)[0][0], (centersOf(one.layout, 0)[0][0] + centersOf(other.layout, 0)[0][0]) / 2);
  assert.deepEqual((await sceneBetween(one, other, 1, ws)).z, other.z);
});

test('codes of any size are written', () => {
  const w_dim = 1024, num_styles = 18, wide = { ...multi, config: { ...multi.config, w_dim, num_styles } };
  const scene = { ...sample(wide, 3), w_offset: Float32Array.from({ length: 3 * num_styles * w_dim }, (_, i) => i) };
  assert.deepEqual(sceneFromJson([wide], JSON.parse(JSON.stringify(sceneToJson(scene)))), scene);
});

test('a scene file keeps all of it, and says whose it is', async () => {
  const scene = await apply(many, { edit: 'mix_styles', seed: 5, first: 0, last: 1, amount: 0.5 }, ws);
  const text = JSON.stringify(sceneToJson(scene));
  assert.deepEqual(sceneFromJson([single, multi], JSON.parse(text)), scene);
  assert.throws(() => sceneFromJson([single], JSON.parse(text)), /made with the model many/);
  assert.throws(() => sceneFromJson([single], []), /no scene/);
  const more = { ...JSON.parse(text), layout: one.layout };
  assert.throws(() => sceneFromJson([multi], more), /of 1,2,4 centres; it draws those of 3/);
  /** @type {[(data: any) => void, RegExp][]} */
  const mistakes = [
    [data => { data.layout.levels[0].stds[1][0] = 0; }, /standard deviation that is not above 0/],
    [data => { data.layout.levels[0].stds[1] = 0.1; }, /lists of two numbers/],
    [data => { data.layout.levels[0].centers_xy.pop(); }, /lists of two numbers/],
    [data => { data.layout.levels[0].angles[0] = null; }, /angles a list of as many numbers/],
    [data => { data.noise_seed = 1.5; }, /noise_seed is 1.5/],
    [data => { data.noise_seed = 2 ** 53; }, /at most 53 bits/],
    [data => { data.truncation = 'x'; }, /truncation is x/],
  ];
  for (const [spoil, sentence] of mistakes) {
    const data = JSON.parse(text);
    spoil(data);
    assert.throws(() => sceneFromJson([multi], data), sentence);
  }
});
