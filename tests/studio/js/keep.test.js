import './browser.js';
import assert from 'node:assert/strict';
import test, { beforeEach } from 'node:test';

const MOST = 2000; // characters
class Storage {
  setItem(key, text) {
    const used = Object.keys(this).filter(k => k !== key).reduce((sum, k) => sum + k.length + this[k].length, 0);
    if (used + key.length + text.length > MOST) throw new Error('it is full');
    this[key] = text;
  }
  getItem(key) { return this[key] ?? null; }
  removeItem(key) { delete this[key]; }
}
globalThis.sessionStorage = new Storage();
const { keepFrom, kept } = await import('../../../src/spatialgan/studio/static/js/keep.js');

const steps = (count, scene) => Array.from({ length: count }, (_, id) => ({ entry: { id, label: `Step ${id}` }, scene: scene(id) }));
// As after a reload: what the page had in its memory is gone.
const reloaded = async () => (await import(`../../../src/spatialgan/studio/static/js/keep.js?${Math.random()}`)).kept();

beforeEach(() => keepFrom([], 0));

test('what fits comes back whole', async () => {
  const all = steps(5, id => ({ z: id }));
  keepFrom(all, 2);
  const { steps: back, position, count } = await reloaded();
  assert.deepEqual(back.map(({ id, label, scene }) => ({ entry: { id, label }, scene })), all);
  assert.deepEqual([position, count], [2, 5]);
});

test('where there is no room the newest steps are kept', async () => {
  keepFrom(steps(30, id => ({ z: id, text: 'x'.repeat(100) })), 29);
  assert.equal(kept().steps.length, 30); // in memory
  const { steps: back, position, count } = await reloaded();
  assert.ok(back.length > 3 && back.length < 20 && count === 30, `${back.length} of ${count}`);
  assert.deepEqual(back.map(step => step.id), Array.from(back, (_, i) => 30 - back.length + i));
  assert.equal(position, back.length - 1);
});

test('what a generator was tuned by is kept once, and goes with the last step that needs it', async () => {
  const tuning = letter => ({ layers: letter.repeat(400) });
  keepFrom(steps(8, id => ({ z: id, tuning: tuning(id < 4 ? 'a' : 'b') })), 7);
  const { steps: back } = await reloaded();
  assert.equal(back.length, 8);
  assert.deepEqual(back.map(step => step.scene.tuning.layers[0]).join(''), 'aaaabbbb');
  for (const count of [6, 9]) {
    keepFrom(steps(count, id => ({ z: id, text: 'x'.repeat(250), ...(id === count - 1 ? { tuning: tuning('c') } : {}) })), count - 1);
    assert.equal((await reloaded()).steps.at(-1).scene.tuning?.layers[0], 'c');
  }
  keepFrom(steps(40, id => ({ z: id, text: 'x'.repeat(60), ...(id < 4 ? { tuning: tuning('a') } : {}) })), 39);
  assert.deepEqual(Object.keys(sessionStorage).filter(key => key.startsWith('spatialgan-tuning')), []);
});
