import { fire } from './browser.js';
import assert from 'node:assert/strict';
import test from 'node:test';
import { isPending, later, settle } from '../../../src/spatialgan/studio/static/js/pending.js';

test('many small changes are one, after a pause', t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const done = [];
  later('size', () => done.push('first'));
  t.mock.timers.tick(400);
  later('size', () => done.push('last'));
  t.mock.timers.tick(400);
  assert.deepEqual(done, []);
  assert.ok(isPending('size') && !isPending('turn'));
  t.mock.timers.tick(200);
  assert.deepEqual(done, ['last']);
  assert.ok(!isPending('size'));
});

test("another's change comes after what was pending", t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const done = [];
  later('size', () => done.push('size'));
  later('turn', () => done.push('turn'));
  assert.deepEqual(done, ['size']);
  settle();
  settle();
  t.mock.timers.tick(1000);
  assert.deepEqual(done, ['size', 'turn']);
});

test('a page that is left makes what is pending', () => {
  const done = [];
  later('size', () => done.push('size'));
  fire('pagehide');
  assert.deepEqual(done, ['size']);
});
