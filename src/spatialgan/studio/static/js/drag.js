// Drag mode: points and their targets, a mask, and the drag itself, step by step.

import { post, remove } from './api.js';
import { act, undo } from './changes.js';
import { complain } from './notices.js';
import { emit, on, store } from './store.js';

const $ = selector => document.querySelector(selector);
const stage = $('#stage'), layer = $('#points'), arrows = $('#arrows'), mask = $('#mask'), start = $('#drag-start');
const SVG = 'http://www.w3.org/2000/svg';
const REASONS = {
  reached: 'The points are there.', max_steps: 'It has made all its steps; start again to go on.', stopped: 'Stopped.',
  lost_track: 'It lost track of a point: the picture changed too much.', no_progress: 'More steps bring nothing.', failed: 'It failed.',
};
let pairs = []; // { from: {x, y}, to: {x, y} or null }
let painted = false, revision = null, keep = false;

const tool = () => $('[name=tool]:checked').value;
const at = event => {
  const { left, top, width } = stage.getBoundingClientRect(), edge = v => Math.min(1, Math.max(0, v));
  return { x: edge((event.clientX - left) / width), y: edge((event.clientY - top) / width) };
};

// ---------------------------------------------------------------- points

function draw(now = null) {
  const lines = [];
  const dots = pairs.flatMap(({ from, to }, i) => {
    if (to) {
      for (const kind of ['halo', 'arrow']) {
        const line = document.createElementNS(SVG, 'line');
        const [x, y] = now?.[i] ?? [from.x, from.y];
        for (const [name, value] of Object.entries({ class: kind, x1: 100 * x, y1: 100 * y, x2: 100 * to.x, y2: 100 * to.y })) line.setAttribute(name, value);
        lines.push(line);
      }
    }
    const [x, y] = now?.[i] ?? [from.x, from.y];
    return [dot(i, 'from', { x, y }), ...to ? [dot(i, 'to', to)] : []];
  });
  layer.replaceChildren(...dots);
  arrows.replaceChildren(...lines);
  $('#pairs').replaceChildren(...pairs.map((pair, i) => {
    const item = document.createElement('li'), text = document.createElement('span'), button = document.createElement('button');
    const percent = p => p ? `${Math.round(100 * p.x)}, ${Math.round(100 * p.y)}` : 'click its target';
    text.textContent = `${percent(pair.from)} → ${percent(pair.to)}`;
    button.className = 'icon';
    button.setAttribute('aria-label', `Remove pair ${i + 1}`);
    button.textContent = '×';
    button.disabled = store.dragging;
    button.onclick = () => {
      pairs.splice(i, 1);
      draw();
    };
    item.append(text, button);
    return item;
  }));
  start.disabled = !store.dragging && !pairs.some(pair => pair.to);
  $('#drag-clear').disabled = store.dragging || !pairs.length;
}

function dot(i, kind, { x, y }) {
  const button = document.createElement('button');
  button.className = `point ${kind}`;
  button.style.left = `${100 * x}%`;
  button.style.top = `${100 * y}%`;
  button.setAttribute('aria-label', `${kind === 'from' ? 'Point' : 'Target'} ${i + 1}, ${Math.round(100 * x)} % from the left, ${Math.round(100 * y)} % from the top`);
  button.onpointerdown = event => {
    if (store.dragging || tool() !== 'points') return;
    event.stopPropagation();
    event.preventDefault();
    follow(event, e => {
      pairs[i][kind] = at(e);
      draw();
    });
  };
  button.onkeydown = event => {
    if (store.dragging) return;
    const step = event.shiftKey ? 0.05 : 0.01;
    const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (event.key === 'Delete' || event.key === 'Backspace') pairs.splice(i, 1);
    else if (move) pairs[i][kind] = { x: Math.min(1, Math.max(0, x + move[0])), y: Math.min(1, Math.max(0, y + move[1])) };
    else return;
    event.preventDefault();
    draw();
    layer.querySelectorAll('.point')[[...pairs.entries()].slice(0, i).reduce((n, [, p]) => n + (p.to ? 2 : 1), 0) + (kind === 'to' ? 1 : 0)]?.focus();
  };
  return button;
}

function follow(event, move) {
  const end = () => {
    window.removeEventListener('pointermove', move);
    window.removeEventListener('pointerup', end);
    window.removeEventListener('pointercancel', end);
  };
  window.addEventListener('pointermove', move);
  window.addEventListener('pointerup', end);
  window.addEventListener('pointercancel', end);
}

stage.addEventListener('pointerdown', event => {
  if (store.mode !== 'drag' || store.dragging || event.button || event.target.closest('#divider')) return;
  event.preventDefault();
  if (tool() !== 'points') return brush(event);
  const here = at(event), open = pairs.at(-1);
  if (open && !open.to) { // the second click of two
    open.to = here;
    draw();
    return;
  }
  const pair = { from: here, to: null };
  pairs.push(pair);
  draw();
  follow(event, e => {
    const to = at(e);
    if (pair.to || Math.hypot(to.x - here.x, to.y - here.y) > 0.015) pair.to = to;
    draw();
  });
});

// ---------------------------------------------------------------- mask

const context = mask.getContext('2d', { willReadFrequently: true });
const resolution = () => store.state.model.resolution;

function clearMask() {
  if (store.state) Object.assign(mask, { width: resolution(), height: resolution() }); // which empties it
  painted = false;
  showLegend();
}

function showLegend() {
  $('#mask-legend').textContent = painted ? 'Painted: may change. The rest stays.' : 'Nothing is painted: everything may change.';
  $('#clear-mask').hidden = !painted;
}

function brush(event) {
  const erase = tool() === 'eraser';
  let last = at(event);
  const stroke = e => {
    const now = at(e), r = resolution();
    context.globalCompositeOperation = erase ? 'destination-out' : 'source-over';
    context.strokeStyle = '#31d0aa';
    context.lineCap = 'round';
    context.lineWidth = Math.max(1, 2 * $('#brush').value * r);
    context.beginPath();
    context.moveTo(last.x * r, last.y * r);
    context.lineTo(now.x * r + 1e-3, now.y * r);
    context.stroke();
    last = now;
    painted = context.getImageData(0, 0, r, r).data.some((value, i) => i % 4 === 3 && value > 127);
    showLegend();
  };
  stroke(event);
  follow(event, stroke);
}

// Base64 of a PNG, white where it is painted.
function maskPng() {
  if (!painted) return null;
  const r = resolution(), canvas = Object.assign(document.createElement('canvas'), { width: r, height: r }), c = canvas.getContext('2d');
  c.drawImage(mask, 0, 0);
  c.globalCompositeOperation = 'source-in';
  c.fillStyle = '#fff';
  c.fillRect(0, 0, r, r);
  c.globalCompositeOperation = 'destination-over';
  c.fillStyle = '#000';
  c.fillRect(0, 0, r, r);
  return canvas.toDataURL('image/png').split(',')[1];
}

// ---------------------------------------------------------------- the drag

async function begin() {
  pairs = pairs.filter(pair => pair.to);
  $('#outcome').hidden = true;
  setDragging(true);
  const handles = pairs.map(({ from, to }) => [[from.x, from.y], [to.x, to.y]]);
  await act(async () => {
    try {
      show(await post('drag', { handles, mask: maskPng(), mode: $('#drag-mode').value, max_steps: Number($('#max-steps').value) }));
    } catch (error) {
      setDragging(false);
      throw error;
    }
  });
}

function setDragging(dragging) {
  store.dragging = dragging;
  start.textContent = dragging ? 'Stop' : 'Start';
  emit('dragging');
  draw();
}

function show({ step, distance, seconds }) {
  $('#m-step').textContent = step ?? '–';
  $('#m-distance').textContent = distance == null ? '–' : `${(100 * distance).toFixed(1)} %`;
  $('#m-seconds').textContent = seconds == null ? '–' : seconds.toFixed(1);
}

start.onclick = () => {
  if (!store.dragging) begin();
  else remove('drag').catch(complain);
};
$('#drag-clear').onclick = () => {
  pairs = [];
  draw();
};
$('#clear-mask').onclick = clearMask;
$('#drag-undo').onclick = undo;
on('drag', header => {
  show(header);
  draw(header.points);
});
on('drag-end', message => {
  show(message);
  // Who starts again goes on from where the points are now, with the same mask.
  if (message.points && message.stop_reason !== 'failed') pairs = pairs.map((pair, i) => ({ ...pair, from: { x: message.points[i][0], y: message.points[i][1] } }));
  keep = true;
  setDragging(false);
  $('#outcome span').textContent = REASONS[message.stop_reason] ?? '';
  $('#outcome').hidden = false;
});
on('state', () => {
  if (store.dragging) {
    start.textContent = 'Stop';
    start.disabled = false;
  } else if (revision !== store.state.revision) { // points and paint belong to a picture
    if (!keep && revision !== null) {
      pairs = [];
      $('#outcome').hidden = true;
      show({});
    }
    if (!keep) clearMask();
  }
  if (!store.dragging) keep = false;
  revision = store.state.revision;
  $('#drag-mode').querySelectorAll('option').forEach(option => { option.disabled = !store.state.model.editable && option.value !== 'latent'; });
  if (!store.state.model.editable) $('#drag-mode').value = 'latent';
  draw();
});

const outputs = [['#brush', v => `${Math.round(100 * v)} %`], ['#max-steps', v => `${v} steps`]];
for (const [selector, text] of outputs) {
  const input = $(selector), write = () => { input.nextElementSibling.value = text(input.value); };
  input.oninput = write;
  write();
}
for (const input of document.querySelectorAll('[name=tool]')) input.onchange = () => { document.body.dataset.tool = input.value; };
