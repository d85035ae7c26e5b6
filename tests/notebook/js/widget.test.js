import assert from 'node:assert/strict';
import test from 'node:test';
import widget, { oneAtATime, wheelFactor } from '../../../src/spatialgan/notebook/static/widget.js';

function line() {
  /** @type {any[]} */
  const sent = [];
  return { sent, ...oneAtATime(message => sent.push(message), 'view') };
}

test('of what is wanted while one is asked for, the newest is asked for next', () => {
  const { sent, preview, answered } = line();
  for (const at of [1, 2, 3, 4]) preview({ at });
  assert.deepEqual(sent, [{ at: 1, serial: 'view.1' }]);
  assert.equal(answered('view.1'), false);
  assert.deepEqual(sent.slice(1), [{ at: 4, serial: 'view.2' }]);
  assert.equal(answered('view.2'), true);
  assert.equal(sent.length, 2);
});

test("another view's answer is not ours", () => {
  const { sent, preview, answered } = line();
  preview({ at: 1 });
  preview({ at: 2 });
  assert.equal(answered('other.1'), false);
  assert.equal(answered(null), false);
  assert.equal(sent.length, 1);
});

test('what is done never waits, and no preview from before follows it', () => {
  const { sent, preview, act, answered } = line();
  preview({ at: 1 });
  preview({ at: 2 });
  assert.equal(act({ kind: 'commit' }), 'view.2');
  answered('view.1');
  answered('view.2');
  assert.deepEqual(sent.map(m => m.kind ?? m.at), [1, 'commit']);
  preview({ at: 3 });
  assert.equal(sent.length, 3);
});

test('the wheel makes larger upwards and smaller downwards, by as much there and back', () => {
  const up = wheelFactor({ deltaY: -120, deltaMode: 0 }), down = wheelFactor({ deltaY: 120, deltaMode: 0 });
  assert.ok(up > 1.1 && up < 1.3 && Math.abs(up * down - 1) < 1e-12);
  assert.equal(wheelFactor({ deltaY: -1e9, deltaMode: 0 }), Math.SQRT2);
  assert.ok(wheelFactor({ deltaY: -3, deltaMode: 1 }) > wheelFactor({ deltaY: -3, deltaMode: 0 }));
});

test('it is what anywidget takes', () => assert.deepEqual(Object.keys(widget), ['render']));

test('an answer to what was asked for before something was done is not the last word', () => {
  const { sent, preview, act, answered } = line();
  preview({ at: 1 });
  act({ kind: 'commit' });
  assert.equal(answered('view.1'), false);
  assert.equal(answered('view.2'), false);
  assert.equal(sent.length, 2);
});
