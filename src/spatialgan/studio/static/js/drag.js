// Drag mode: what the pointer does in it, and the drag itself, step by step.

import { post, remove } from './api.js';
import { act, undo } from './changes.js';
import { draftIs, forget, remember } from './draft.js';
import { brush, clearMask, maskPng, paint, setPaint } from './mask.js';
import { complain } from './notices.js';
import { addPair, drawPoints, pairs, placePoint, setPairs } from './points.js';
import { slider } from './sliders.js';
import { emit, on, store } from './store.js';

const $ = (/** @type {string} */ selector) => document.querySelector(selector);
const start = $('#drag-start'), maxSteps = $('#max-steps');
/** @type {Record<string, string>} */
const REASONS = {
  reached: 'The points are there.', max_steps: 'It ran out of steps.', stopped: 'Stopped.',
  lost_track: 'It lost track of a point: the picture changed too much.', no_progress: 'More steps make no progress.', failed: 'It failed.',
};
/** @type {Record<string, string>} */
const TRY = {
  max_steps: 'Start again to go on from here, or allow more steps.',
  stopped: 'Start again to go on from here.',
  lost_track: 'Try a shorter way, in two drags if necessary, or paint what may change.',
  no_progress: 'Try another mode, a nearer target, or a point on an edge: an eye, an ear, a corner.',
  failed: 'Undo, and try fewer points or another mode.',
};
/** @type {number | null} */
let revision = null;
/** @type {string | null} */
let session = null;
let keep = false; // points and mask, since the picture changed by their own drag
/** @type {{ step: number, draft: Draft } | null} */
let began = null; // the step of the history that the last drag began at, and its points and mask: whoever goes back has them again

$('#stage').addEventListener('pointerdown', (/** @type {From<PointerEvent>} */ event) => {
  if (store.mode !== 'drag' || store.dragging || event.button || event.target.closest('#divider')) return;
  event.preventDefault();
  const { tool } = document.body.dataset;
  if (tool === 'points') placePoint(event);
  else brush(event, tool === 'eraser');
});

on('points', () => {
  start.disabled = !store.dragging && !pairs.some(pair => pair.to);
  $('#drag-clear').disabled = store.dragging || !pairs.length;
  $('#drag-add').disabled = store.dragging;
});

const stepNow = () => store.state.history[store.state.position].id;
const draftNow = () => ({ pairs: structuredClone(pairs), paint: paint() });
/** @param {Draft} draft */
function putDraft(draft) {
  setPairs(draft.pairs);
  setPaint(draft.paint);
}

async function begin() {
  setPairs(pairs.filter(pair => pair.to));
  began = { step: stepNow(), draft: draftNow() };
  $('#outcome').hidden = true;
  setDragging(true);
  const handles = pairs.map(({ from, to }) => [[from.x, from.y], [to?.x, to?.y]]);
  await act(async () => {
    try {
      await post('drag', { handles, mask: maskPng(), mode: $('#drag-mode').value, max_steps: Number(maxSteps.value) });
    } catch (error) {
      setDragging(false);
      throw error;
    }
  });
}

/** @param {boolean} dragging */
function setDragging(dragging) {
  store.dragging = dragging;
  start.textContent = dragging ? 'Stop' : 'Start';
  emit('dragging');
  drawPoints();
}

/** @type {(status: Partial<DragStatus>) => void} */
function show({ step, distance, seconds }) {
  $('#m-step').textContent = step ?? '–';
  $('#m-distance').textContent = distance == null ? '–' : `${(100 * distance).toFixed(1)} %`;
  $('#m-seconds').textContent = seconds == null ? '–' : seconds.toFixed(1);
}

// What is kept of a drag is the step that came nearest of those in which its points were not lost.
/** @param {DragStatus} status */
function keptOf({ step, num_steps }) {
  if (!(num_steps > step)) return '';
  if (step === 0) return num_steps === 1 ? ' It took one step, which came no closer: the picture is as it was.' : ` None of ${num_steps} steps came closer: the picture is as it was.`;
  return ` Of ${num_steps} steps, number ${step} is kept: the closest reliable one.`;
}

start.onclick = () => {
  if (!store.dragging) begin();
  else remove('drag').catch(complain);
};
$('#drag-clear').onclick = () => {
  remember();
  setPairs([]);
};
$('#drag-add').onclick = addPair;
$('#drag-undo').onclick = undo;
on('drag', header => {
  show(header);
  drawPoints(header.points);
});
on('drag-end', message => {
  show(message);
  // Who starts again goes on from where the points are now, with the same mask.
  if (message.points && message.stop_reason !== 'failed') {
    setPairs(pairs.map((pair, i) => ({ ...pair, from: { x: message.points[i][0], y: message.points[i][1] } })));
  }
  keep = true;
  forget();
  stepAside(true);
  setDragging(false);
  $('#outcome span').textContent = [(REASONS[message.stop_reason] ?? '') + keptOf(message), TRY[message.stop_reason]].filter(Boolean).join(' ');
  $('#outcome').hidden = false;
});
on('state', () => {
  keep ||= session !== null && session !== store.session; // the same picture, after the server was restarted
  if (session !== store.session) began = null; // its steps are counted anew
  session = store.session;
  if (!store.dragging && start.textContent === 'Stop') setDragging(false); // it ended with its server
  if (store.dragging) {
    start.textContent = 'Stop';
    start.disabled = false;
  } else if (revision !== store.state.revision) { // points and paint belong to a picture
    if (!keep && revision !== null) {
      setPairs([]);
      $('#outcome').hidden = true;
      show({});
    }
    if (!keep) clearMask();
    if (!keep) forget();
    if (!keep && began?.step === stepNow()) {
      putDraft(began.draft);
      stepAside(false);
    }
  }
  if (!store.dragging) keep = false;
  revision = store.state.revision;
  $('#drag-mode').querySelectorAll('option').forEach((/** @type {HTMLOptionElement} */ option) => {
    option.disabled = !store.state.model.editable && option.value !== 'latent';
  });
  if (!store.state.model.editable) $('#drag-mode').value = 'latent';
  drawPoints();
});

draftIs(draftNow, putDraft);

// What is painted lies on the outcome: it steps aside once a drag is done, until somebody paints again.
/** @param {boolean} aside */
const stepAside = aside => $('#mask').toggleAttribute('data-aside', aside);
on('draft', () => document.body.dataset.tool !== 'points' && stepAside(false));

slider(maxSteps, value => `${value} steps`);
for (const input of document.querySelectorAll('[name=tool]')) {
  input.onchange = () => {
    document.body.dataset.tool = input.value;
    if (input.value !== 'points') stepAside(false);
  };
}
