// The mask of a drag: painted means that it may change. It has the picture's pixels.

import { drop, remember } from './draft.js';
import { at, follow } from './pointer.js';
import { slider } from './sliders.js';
import { store } from './store.js';

const $ = (/** @type {string} */ selector) => document.querySelector(selector);
const mask = $('#mask'), size = $('#brush');
let painted = false;

/** @type {CanvasRenderingContext2D} */
const context = mask.getContext('2d', { willReadFrequently: true });
const resolution = () => store.state.model.resolution;

export function clearMask() {
  if (store.state) Object.assign(mask, { width: resolution(), height: resolution() }); // which empties it
  showLegend();
}

// All that is painted, to be set again; null for nothing.
export const paint = () => painted ? context.getImageData(0, 0, mask.width, mask.height) : null;
/** @param {ImageData | null} pixels */
export function setPaint(pixels) {
  clearMask();
  if (pixels && pixels.width === mask.width) context.putImageData(pixels, 0, 0);
  showLegend();
}

function showLegend() {
  painted = context.getImageData(0, 0, mask.width, mask.height).data.some((value, i) => i % 4 === 3 && value > 127);
  const moves = $('#drag-mode').value === 'hybrid' ? ', except what the heatmap takes along: another mode holds it better' : '';
  $('#mask-legend').textContent = painted ? `Painted: may change. The rest is held back${moves}.` : 'Nothing is painted: everything may change.';
  $('#clear-mask').hidden = !painted;
}

/** @type {(event: PointerEvent, erase: boolean) => void} */
export function brush(event, erase) {
  let last = at(event);
  /** @param {PointerEvent} e */
  const stroke = e => {
    const now = at(e), r = resolution();
    context.globalCompositeOperation = erase ? 'destination-out' : 'source-over';
    context.strokeStyle = '#31d0aa';
    context.lineCap = 'round';
    context.lineWidth = Math.max(1, 2 * size.value * r);
    context.beginPath();
    context.moveTo(last.x * r, last.y * r);
    context.lineTo(now.x * r + 1e-3, now.y * r);
    context.stroke();
    last = now;
    showLegend();
  };
  if (!follow(event, stroke, { cancelled: drop })) return;
  remember();
  stroke(event);
}

// Base64 of a PNG, white where it is painted.
export function maskPng() {
  if (!painted) return null;
  const r = resolution(), canvas = Object.assign(document.createElement('canvas'), { width: r, height: r });
  const c = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  c.drawImage(mask, 0, 0);
  c.globalCompositeOperation = 'source-in';
  c.fillStyle = '#fff';
  c.fillRect(0, 0, r, r);
  c.globalCompositeOperation = 'destination-over';
  c.fillStyle = '#000';
  c.fillRect(0, 0, r, r);
  return canvas.toDataURL('image/png').split(',')[1];
}

$('#drag-mode').addEventListener('change', showLegend);
slider(size, value => `${Math.round(100 * value)} %`);
$('#clear-mask').onclick = () => {
  remember();
  clearMask();
};
