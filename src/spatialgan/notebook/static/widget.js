// A scene in a notebook: its picture, handles to drag, and a few buttons. What is asked of Python, and what comes back,
// stands in notebook/scene_widget.py. One file without imports, as anywidget takes it.

/** @typedef {{ object?: number, level?: number, point?: number | null }} Place */
/** Lengths in image widths.
 * @typedef {{ place: Place, name: string, x: number, y: number, std_x: number, std_y: number, degrees: number,
 *   reach: number | null }} Handle */
/** @typedef {{ serial: string | null, handles: Handle[], title: string, resolution: number, full: boolean,
 *   undo: boolean, redo: boolean, error: string | null }} Shown */
/** @typedef {{ dx?: number, dy?: number, factor?: number }} By */
/** @typedef {{ get: (name: string) => any, on: (event: string, f: () => void) => void,
 *   off: (event: string, f: () => void) => void, send: (message: object) => void }} Model */

const CLICK_PX = 3; // a hand that only clicks moves no further
const NUDGE = 0.01; // of the picture's width
const PAUSE_MS = 500; // after which presses of keys, and turns of the wheel, become one edit
const REST_MS = 150; // after which a hand rests, and the full picture is asked for
const COLORS = ['#ff8a1f', '#3db8ff', '#c58bff', '#4fd67a', '#ffd43b', '#ff6f91']; // as in the studio
const PARTS = `
  <div class="sg-stage">
    <canvas role="img"></canvas>
    <svg viewBox="0 0 100 100" aria-hidden="true"></svg>
    <div class="sg-handles" role="group" aria-label="Handles"></div>
  </div>
  <div class="sg-tools" role="toolbar" aria-label="Edits">
    <button type="button" data-do="smaller" title="Smaller (-, or the wheel)">Smaller</button>
    <button type="button" data-do="larger" title="Larger (+, or the wheel)">Larger</button>
    <button type="button" data-do="remove" title="Remove (Delete)">Remove</button>
    <button type="button" data-do="restyle" title="New styles: of the object that is chosen, or of all">Restyle</button>
    <button type="button" data-do="undo" title="Undo (Ctrl+Z)">Undo</button>
    <button type="button" data-do="redo" title="Redo (Ctrl+Shift+Z)">Redo</button>
  </div>
  <p class="sg-note" role="status"></p>`;

let views = 0;

/** A tenth of a pixel at 1000 pixels. @type {(number: number) => number} */
const rounded = number => Math.round(number * 1e4) / 1e4;
/** @type {(value: number) => number} */
const inside = value => Math.min(1, Math.max(0, value)); // handles of what has left the picture wait at its edge
/** @type {(place: Place) => string} */
const keyOf = ({ object, level, point }) => object === undefined ? `level ${level} ${point ?? ''}` : `object ${object}`;
/** @type {(place: Place) => string} */
const colorOf = ({ object, level }) => COLORS[(object ?? level ?? 0) % COLORS.length];

// How many times as large a turn of the wheel makes something.
/** @type {(event: { deltaY: number, deltaMode: number }) => number} */
export const wheelFactor = ({ deltaY, deltaMode }) => 2 ** (-Math.max(-240, Math.min(240, deltaY * (deltaMode ? 16 : 1))) / 480);

// One preview at a time is asked for; of those that are wanted meanwhile the newest waits, and the others are no more.
/** @type {(send: (message: object) => void, name: string) => { preview: (message: object) => void, act: (message: object) => string,
 *   answered: (serial: string | null) => boolean }} */
export function oneAtATime(send, name) {
  let count = 0;
  /** @type {string | null} */
  let asked = null;
  /** @type {object | null} */
  let waiting = null;
  /** @type {(message: object) => string} */
  const give = message => {
    const serial = `${name}.${count += 1}`;
    send({ ...message, serial });
    return serial;
  };
  const next = () => {
    if (asked !== null || waiting === null) return;
    asked = give(waiting);
    waiting = null;
  };
  return {
    preview: message => {
      waiting = message;
      next();
    },
    act: message => { // never waits, and no preview from before it follows, nor one in full when the last is answered
      waiting = asked = null;
      return give(message);
    },
    answered: serial => {
      if (serial !== asked) return false; // another view's, or of something done
      asked = null;
      next();
      return asked === null; // whether that was all
    },
  };
}

/** @param {{ model: Model, el: HTMLElement }} context */
function render({ model, el }) {
  const root = document.createElement('div');
  root.className = 'spatialgan';
  root.dataset.lmSuppressShortcuts = 'true'; // JupyterLab's own keys would act on the cell
  root.innerHTML = PARTS;
  el.append(root);
  /** @type {(selector: string) => any} */
  const $ = selector => root.querySelector(selector);
  const stage = $('.sg-stage'), canvas = $('canvas'), svg = $('svg'), layer = $('.sg-handles'), note = $('.sg-note');
  const tools = Object.fromEntries([...root.querySelectorAll('[data-do]')].map(b => [/** @type {HTMLElement} */ (b).dataset.do, b]));
  const line = oneAtATime(message => model.send(message), `${views += 1}-${Math.random().toString(36).slice(2)}`);

  /** @type {Shown} */
  let shown = model.get('_shown');
  /** @type {string | null} */
  let selected = null;
  /** What is being changed, and where it is meanwhile. @type {{ key: string, at: Partial<Handle>, serial?: string } | null} */
  let held = null;
  /** The pointer that drags. @type {{ id: number, end: (whole: boolean) => void } | null} */
  let drag = null;
  /** What keys and the wheel have done since the last pause. @type {any} */
  let nudge = null;
  let painting = 0;
  /** Of the latest preview. @type {object[]} */
  let wanted = [];
  /** @type {any} */
  let rest = 0;
  const buttons = new Map();

  /** As it is shown. @type {(key: string) => Handle | undefined} */
  const handleOf = key => {
    const handle = shown.handles.find(h => keyOf(h.place) === key);
    return handle && held?.key === key ? { ...handle, ...held.at } : handle;
  };

  /** @param {object[]} edits */
  function preview(edits) {
    clearTimeout(rest);
    wanted = edits;
    line.preview({ kind: 'preview', edits });
  }
  /** @param {object} message */
  function act(message) {
    clearTimeout(rest);
    root.dataset.busy = '';
    return line.act(message);
  }
  /** @param {object[]} edits */
  function commit(edits) {
    const mine = held, serial = act({ kind: 'commit', edits });
    if (mine) mine.serial = serial; // the handle stays where it was put until the answer is there
  }

  // ---------------------------------------------------------------- what there is to see

  async function paint() {
    const mine = painting += 1, png = model.get('_picture');
    const bitmap = await createImageBitmap(new Blob([png], { type: 'image/png' }));
    if (mine === painting) { // else a newer one has come
      Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
      canvas.getContext('2d').drawImage(bitmap, 0, 0);
      root.dataset.painted = shown.serial ?? '';
    }
    bitmap.close();
  }

  function draw() {
    const keys = new Set(shown.handles.map(h => keyOf(h.place)));
    const lost = [...buttons.keys()].findIndex(key => !keys.has(key) && buttons.get(key).matches(':focus'));
    for (const [key, button] of buttons) if (!keys.has(key)) (button.remove(), buttons.delete(key));
    if (selected !== null && !keys.has(selected)) selected = null;
    for (const { place, name } of shown.handles) {
      const key = keyOf(place), button = buttons.get(key) ?? makeButton(key, place);
      const handle = /** @type {Handle} */ (handleOf(key)), { x, y } = handle;
      button.style.left = `${100 * inside(x)}%`;
      button.style.top = `${100 * inside(y)}%`;
      button.classList.toggle('sg-outside', inside(x) !== x || inside(y) !== y);
      button.setAttribute('aria-pressed', key === selected);
      button.setAttribute('aria-label', `${name}, ${Math.round(100 * x)} % from the left, ${Math.round(100 * y)} % from the top`);
    }
    drawRing();
    canvas.setAttribute('aria-label', `Picture of ${shown.title}`);
    /** @type {Record<string, unknown>} */
    const can = { smaller: selected, larger: selected, remove: selected, restyle: true, undo: shown.undo, redo: shown.redo };
    for (const [name, button] of Object.entries(tools)) button.setAttribute('aria-disabled', String(!can[name])); // keeps the focus
    note.textContent = shown.error ?? '';
    if (lost >= 0) ([...buttons.values()][Math.min(lost, buttons.size - 1)] ?? tools.undo).focus({ preventScroll: true });
  }

  function drawRing() {
    const handle = selected === null ? undefined : handleOf(selected);
    svg.replaceChildren(...!handle ? [] : ['sg-halo', 'sg-ring'].map(kind => {
      const ellipse = document.createElementNS('http://www.w3.org/2000/svg', 'ellipse'), { x, y, std_x, std_y, degrees } = handle;
      const values = { class: kind, cx: 100 * x, cy: 100 * y, rx: 100 * std_x, ry: 100 * std_y, transform: `rotate(${degrees} ${100 * x} ${100 * y})` };
      for (const [name, value] of Object.entries(values)) ellipse.setAttribute(name, String(value));
      ellipse.style.setProperty('--color', colorOf(handle.place));
      return ellipse;
    }));
  }

  /** @type {(key: string, place: Place) => HTMLButtonElement} */
  function makeButton(key, place) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'sg-handle';
    button.dataset.key = key;
    button.style.setProperty('--color', colorOf(place));
    button.style.zIndex = String(2 - (place.level ?? 0)); // where they lie on each other, the whole is taken
    button.textContent = String(place.object ?? place.level);
    button.onfocus = () => select(key);
    button.onpointerdown = event => take(event, key);
    layer.append(button);
    buttons.set(key, button);
    return button;
  }

  /** @param {string | null} key */
  function select(key) {
    if (key === selected) return;
    settle();
    selected = key;
    draw();
  }

  // ---------------------------------------------------------------- dragging

  /** @type {(event: PointerEvent, key: string) => void} */
  function take(event, key) {
    if (drag || event.button) return; // one pointer at a time: a second finger takes nothing away from the first
    event.preventDefault();
    settle();
    /** @type {HTMLElement} */ (event.currentTarget).focus({ preventScroll: true });
    const handle = /** @type {Handle} */ (handleOf(key)), width = stage.getBoundingClientRect().width;
    const from = { x: inside(handle.x), y: inside(handle.y) }; // one outside is taken at the edge
    const ends = /** @type {const} */ (['pointerup', 'pointercancel']);
    /** @type {object[] | null} */
    let edits = null;
    /** @param {PointerEvent} e */
    const move = e => {
      if (e.pointerId !== event.pointerId) return;
      const [dx, dy] = [e.clientX - event.clientX, e.clientY - event.clientY];
      if (!edits && Math.hypot(dx, dy) <= CLICK_PX) return;
      const at = { x: from.x + dx / width, y: from.y + dy / width };
      edits = [{ edit: 'move', ...handle.place, dx: rounded(at.x - handle.x), dy: rounded(at.y - handle.y) }];
      held = { key, at };
      draw();
      preview(edits);
    };
    /** @param {PointerEvent} e */
    const up = e => e.pointerId === event.pointerId && end(e.type === 'pointerup');
    /** @param {boolean} whole */
    const end = whole => {
      removeEventListener('pointermove', move, true);
      for (const name of ends) removeEventListener(name, up, true);
      drag = null;
      if (edits && whole) commit(edits);
      else if (edits) takeBack();
    };
    drag = { id: event.pointerId, end };
    addEventListener('pointermove', move, true);
    for (const name of ends) addEventListener(name, up, true);
  }

  function takeBack() {
    clearTimeout(rest);
    held = null;
    line.preview({ kind: 'preview', edits: [], full: true });
    draw();
  }

  // ---------------------------------------------------------------- keys, wheel and buttons

  // Many small changes become one edit, when they pause or something else is done.
  /** @type {(key: string, by: By) => void} */
  function change(key, { dx = 0, dy = 0, factor = 1 }) {
    const handle = drag ? undefined : handleOf(key);
    if (!handle) return;
    if (nudge?.key !== key) {
      settle();
      nudge = { key, handle, dx: 0, dy: 0, factor: 1 };
    }
    const mine = nudge, base = mine.handle;
    /** @type {(name: 'x' | 'y', by: number) => number} */
    const along = (name, by) => by && !mine[`d${name}`] ? inside(base[name]) - base[name] + by : by; // from the edge, as above
    mine.dx = rounded(mine.dx + along('x', dx));
    mine.dy = rounded(mine.dy + along('y', dy));
    mine.factor *= factor;
    const size = rounded(mine.factor);
    held = { key, at: { x: base.x + mine.dx, y: base.y + mine.dy, std_x: base.std_x * size, std_y: base.std_y * size } };
    mine.edits = [
      ...mine.dx || mine.dy ? [{ edit: 'move', ...base.place, dx: mine.dx, dy: mine.dy }] : [],
      ...size !== 1 ? [{ edit: 'resize', ...base.place, factor: size }] : []];
    draw();
    preview(mine.edits);
    clearTimeout(mine.timer);
    mine.timer = setTimeout(settle, PAUSE_MS);
  }

  function settle() {
    if (!nudge) return;
    const { edits, timer } = nudge;
    clearTimeout(timer);
    nudge = null;
    if (edits.length) commit(edits);
    else takeBack();
  }

  function drop() {
    clearTimeout(nudge.timer);
    nudge = null;
    takeBack();
  }

  /** @type {(f: (key: string) => void) => () => void} */
  const onSelected = f => () => selected !== null && f(selected);
  /** @type {Record<string, () => unknown>} */
  const actions = {
    smaller: onSelected(key => change(key, { factor: 1 / 1.1 })),
    larger: onSelected(key => change(key, { factor: 1.1 })),
    remove: onSelected(key => {
      settle();
      const handle = handleOf(key);
      if (handle) act({ kind: 'commit', edits: [{ edit: 'remove', ...handle.place, amount: 1 }] });
    }),
    restyle: () => (settle(), act({ kind: 'restyle', place: selected === null ? null : handleOf(selected)?.place ?? null })),
    undo: () => (settle(), act({ kind: 'undo' })),
    redo: () => (settle(), act({ kind: 'redo' })),
  };
  for (const [name, button] of Object.entries(tools)) {
    button.onclick = () => !drag && button.getAttribute('aria-disabled') !== 'true' && actions[name]();
  }

  root.addEventListener('keydown', event => {
    const step = event.shiftKey ? 5 * NUDGE : NUDGE, onHandle = event.target instanceof Element && event.target.matches('.sg-handle');
    /** @type {Record<string, By>} */
    const keys = {
      ArrowLeft: { dx: -step }, ArrowRight: { dx: step }, ArrowUp: { dy: -step }, ArrowDown: { dy: step },
      '+': { factor: 1.1 }, '=': { factor: 1.1 }, '-': { factor: 1 / 1.1 },
    };
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if ((event.ctrlKey || event.metaKey) && ['z', 'y'].includes(key)) {
      if (drag) drag.end(false);
      else actions[key === 'y' || event.shiftKey ? 'redo' : 'undo']();
    } else if (event.ctrlKey || event.metaKey || event.altKey) {
      return;
    } else if (key === 'Escape') {
      if (drag) drag.end(false);
      else if (nudge) drop();
      else select(null);
    } else if (onHandle && keys[key]) {
      change(selected ?? '', keys[key]);
    } else if (onHandle && ['Delete', 'Backspace'].includes(key)) {
      if (!drag) actions.remove();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  });

  // Over a handle, or anywhere in the picture once one has the focus; else the page scrolls, as it should.
  stage.addEventListener('wheel', (/** @type {WheelEvent & { target: Element }} */ event) => {
    const handle = /** @type {HTMLElement | null} */ (event.target.closest?.('.sg-handle'));
    const over = handle?.dataset.key ?? (stage.matches(':focus-within') ? selected : null);
    if (over === null || over === undefined || event.ctrlKey) return;
    event.preventDefault();
    select(over);
    change(over, { factor: wheelFactor(event) });
  }, { passive: false });

  stage.addEventListener('pointerdown', (/** @type {PointerEvent} */ event) => {
    if (event.target === canvas && !drag) select(null);
  });
  root.addEventListener('focusout', event => {
    if (!root.contains(/** @type {Node | null} */ (event.relatedTarget))) settle();
  });

  // ---------------------------------------------------------------- answers

  function answered() {
    shown = model.get('_shown');
    if (held?.serial !== undefined && held.serial === shown.serial) held = null;
    if (line.answered(shown.serial) && !shown.full) {
      rest = setTimeout(() => line.preview({ kind: 'preview', edits: wanted, full: true }), REST_MS);
    }
    delete root.dataset.busy;
    draw();
    paint();
  }
  model.on('change:_shown', answered);
  model.on('change:_picture', paint); // alone, where what is told of the scene stays the same
  draw();
  paint();

  return () => {
    settle();
    drag?.end(false);
    clearTimeout(rest);
    model.off('change:_shown', answered);
    model.off('change:_picture', paint);
  };
}

export default { render };
