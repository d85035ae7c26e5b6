import { nextFrame, notices } from './browser.js';
import assert from 'node:assert/strict';
import test, { beforeEach } from 'node:test';
import { act, commit, preview, rounded } from '../../../src/spatialgan/studio/static/js/changes.js';
import { connect } from '../../../src/spatialgan/studio/static/js/live.js';
import { store } from '../../../src/spatialgan/studio/static/js/store.js';

let sent = [], asked = [], answers = [];

globalThis.WebSocket = class {
  static OPEN = 1;
  readyState = 1;
  send(text) { sent.push(JSON.parse(text)); }
};
globalThis.fetch = async (url, { method, body }) => {
  asked.push([method, String(url), body && JSON.parse(body)]);
  const { status = 200, ...answer } = answers.shift() ?? {};
  return { ok: status === 200, status, json: async () => answer };
};

Object.assign(store, { session: 'S', state: { revision: 4 } });
connect({ lost: () => {} });
beforeEach(() => {
  [sent, asked, answers] = [[], [], []];
  notices.children.length = 0;
});

test('numbers are sent to a tenth of a pixel of a large picture', () => {
  assert.equal(rounded(0.123456), 0.1235);
});

test('of many previews the last one is sent, once the screen shows another picture', () => {
  preview({ truncation: 0.5 });
  preview({ truncation: 0.6 });
  assert.deepEqual(sent, []);
  nextFrame();
  assert.deepEqual(sent.map(({ kind, revision, truncation }) => [kind, revision, truncation]), [['preview', 4, 0.6]]);
  nextFrame();
  assert.equal(sent.length, 1);
});

test('a change that is made is no preview any more', async () => {
  preview({ truncation: 0.5 });
  answers = [{ revision: 5 }];
  assert.deepEqual(await commit({ truncation: 0.7 }), { revision: 5 });
  nextFrame();
  assert.deepEqual(sent, []);
  assert.deepEqual(asked, [['POST', 'http://studio.test/api/v1/sessions/S/edits', { truncation: 0.7 }]]);
});

test('one request follows the other', async () => {
  const steps = [];
  const slow = act(async () => {
    steps.push('a');
    await new Promise(resolve => setTimeout(resolve, 5));
    steps.push('b');
  });
  assert.equal(await act(async () => { steps.push('c'); return 'made'; }), 'made');
  await slow;
  assert.deepEqual(steps, ['a', 'b', 'c']);
  assert.ok(!('busy' in document.body.dataset));
});

test('a request that fails is told, and the picture is what there is', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  answers = [{ status: 400, error: 'dx is nan; use a number' }];
  assert.equal(await commit({ edits: [] }), null);
  assert.deepEqual(notices.children.map(notice => notice.firstChild.textContent), ['Dx is nan; use a number.']);
  assert.deepEqual(sent, [{ kind: 'hello' }]);
  answers = [{ revision: 6 }];
  assert.deepEqual(await commit({ edits: [] }), { revision: 6 });
});
