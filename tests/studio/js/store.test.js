import assert from 'node:assert/strict';
import test from 'node:test';
import { emit, keyOf, on, select, selectedHandle, store } from '../../../src/spatialgan/studio/static/js/store.js';

test('listeners hear of an event in their order, with its detail', () => {
  const heard = [];
  on('drag', detail => heard.push(['first', detail]));
  on('drag', detail => heard.push(['second', detail]));
  emit('drag', { step: 3 });
  emit('nobody listens to this');
  assert.deepEqual(heard, [['first', { step: 3 }], ['second', { step: 3 }]]);
});

test('handles are told apart by their place', () => {
  const places = [{ object: 1 }, { level: 1, point: null }, { level: 1, point: 0 }, { level: 1, point: 1 }, { level: 10, point: null }];
  assert.equal(new Set(places.map(keyOf)).size, places.length);
});

test('what is selected is said once, and what is gone is not selected', () => {
  const handle = { place: { object: 0 }, gone: false };
  store.handles = [{ place: { object: 1 }, gone: false }, handle];
  let said = 0;
  on('select', () => { said += 1; });
  select('object 0');
  select('object 0');
  assert.equal(said, 1);
  assert.equal(selectedHandle(), handle);
  handle.gone = true;
  assert.equal(selectedHandle(), null);
});
