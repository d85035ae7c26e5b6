// The WebSocket: frames come in, previews go out. A frame is a header and pictures as raw bytes; see studio/wire.py.

import { get, here, statusOf } from './api.js';
import { connection } from './backend.js';
import { complain, tell } from './notices.js';
import { emit, on, store } from './store.js';

/** @type {WebSocket | null} */
let socket = null;
let retry = 0;
let serial = 0;

// `lost()` makes another session of what the page knows, where the server no longer has this one.
/** @type {(options: { lost: () => Promise<void> }) => void} */
export function connect({ lost }) {
  const mine = socket = connection(here('live'));
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => {
    retry = 0;
    delete document.body.dataset.offline;
    delete document.body.dataset.restoring;
    emit('online');
  };
  socket.onmessage = ({ data }) => typeof data === 'string' ? note(JSON.parse(data)) : show(readFrame(data));
  socket.onclose = ({ code }) => {
    document.body.dataset.offline = '';
    if (retry === 1) tell('The connection is lost. The page keeps your picture and its history, and keeps trying.', { error: true, lasting: true });
    retry += 1;
    setTimeout(async () => {
      try {
        if (code === 4404 || !await known()) {
          document.body.dataset.restoring = '';
          await lost();
        }
        connect({ lost });
      } catch (error) {
        if (statusOf(error)) complain(error);
        mine.onclose?.(new CloseEvent('close', { code: 0 }));
      }
    }, code === 4404 ? 0 : Math.min(5000, 250 * 2 ** retry));
  };
}

// Whether the server knows the session; throws where there is no server.
async function known() {
  try {
    await get(here(''));
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

// Whether a request failed because the session is no more, while the connection is lost too.
/** @type {(error: unknown) => boolean} */
export const isGone = error => statusOf(error) === 404 && document.body.hasAttribute('data-offline');

// When there is a connection again.
/** @type {() => Promise<void>} */
export const online = () => new Promise(resolve => {
  if (!document.body.hasAttribute('data-offline')) resolve();
  else on('online', resolve);
});

/** @type {(buffer: ArrayBuffer) => Frame} */
export function readFrame(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  /** @type {Record<string, Plane>} */
  const planes = {};
  let at = 4 + length;
  for (const { name, width, height, channels } of header.planes) {
    planes[name] = { width, height, channels, values: new Uint8Array(buffer, at, width * height * channels) };
    at += width * height * channels;
  }
  return { header, planes };
}

/** @param {Frame} frame */
function show({ header, planes }) {
  if (header.kind === 'preview' && header.revision !== store.state?.revision) return; // of a picture that is gone
  if (header.kind === 'current') {
    store.original = planes.original;
    store.state = header.state;
    store.handles = header.state.handles;
    store.dragging = header.state.dragging;
  } else {
    store.handles = header.handles;
  }
  store.planes = planes;
  if (header.kind === 'current') emit('state');
  if (header.kind === 'drag') emit('drag', header);
  emit('frame', header);
}

/** @param {Message} message */
function note(message) {
  if (message.kind === 'error') tell(message.error, { error: true });
  if (message.kind === 'drag_end') emit('drag-end', message);
  if (message.kind === 'animation') emit('animation', message);
  if (message.kind === 'photo') emit('photo', message);
  if (message.kind === 'photo_end') emit('photo-end', message);
}

/** @param {object} message */
function send(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

// Returns the number under which the frame will come back.
/** @type {(change: Change) => number} */
export function sendPreview(change) {
  serial += 1;
  send({ kind: 'preview', serial, revision: store.state.revision, ...change });
  return serial;
}

export const sendOverlay = (/** @type {string} */ overlay) => send({ kind: 'overlay', overlay });
export const refresh = () => send({ kind: 'hello' });
