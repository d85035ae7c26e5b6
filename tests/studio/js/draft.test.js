import assert from 'node:assert/strict';
import test, { beforeEach } from 'node:test';
import {
  back, canGoBack, canGoForward, draftIs, drop, forget, forward, remember,
} from '../../../src/spatialgan/studio/static/js/draft.js';
import { store } from '../../../src/spatialgan/studio/static/js/store.js';

let draft = 0;
const change = to => {
  remember();
  draft = to;
};

beforeEach(() => {
  draftIs(() => draft, value => { draft = value; });
  Object.assign(store, { mode: 'drag', dragging: false });
  draft = 0;
  forget();
});

test('steps go back and forth', () => {
  change(1);
  change(2);
  assert.ok(back());
  assert.equal(draft, 1);
  assert.ok(back());
  assert.equal(draft, 0);
  assert.ok(!back() && !canGoBack() && canGoForward());
  forward();
  forward();
  assert.equal(draft, 2);
  assert.ok(!forward() && canGoBack() && !canGoForward());
});

test('a new change ends the way forward', () => {
  change(1);
  back();
  change(5);
  assert.ok(!canGoForward());
  back();
  assert.equal(draft, 0);
});

test('an unfinished change is dropped, and there is no way to it', () => {
  change(1);
  change(2);
  drop();
  assert.equal(draft, 1);
  assert.ok(!canGoForward());
});

test('it is of the drag mode alone, and not while a drag is under way', () => {
  change(1);
  store.dragging = true;
  assert.ok(!back());
  Object.assign(store, { dragging: false, mode: 'arrange' });
  assert.ok(!back() && !canGoBack());
  assert.equal(draft, 1);
});

test('fifty steps are kept', () => {
  for (let i = 1; i <= 60; i++) change(i);
  let steps = 0;
  while (back()) steps += 1;
  assert.deepEqual([steps, draft], [50, 10]);
});
