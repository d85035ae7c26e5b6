// The WebSocket: frames come in, previews go out. A frame is a header and pictures as raw bytes; see studio/wire.py.

import { get, here } from './api.js';
import { tell } from './notices.js';
import { emit, store } from './store.js';

let socket = null;
let retry = 0;
let serial = 0;

export function connect() {
  const url = here('live');
  url.protocol = url.protocol.replace('http', 'ws');
  socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => {
    retry = 0;
    delete document.body.dataset.offline;
  };
  socket.onmessage = ({ data }) => typeof data === 'string' ? note(JSON.parse(data)) : show(readFrame(data));
  socket.onclose = async ({ code }) => {
    if (code === 4404) return ended();
    document.body.dataset.offline = '';
    if (retry === 1) tell('The connection is lost. The page keeps trying.', { error: true });
    retry += 1;
    setTimeout(async () => {
      try {
        await get(here(''));
        connect();
      } catch (error) {
        if (error.status === 404 && error.message.includes('session')) ended();
        else socket.onclose({ code: 0 });
      }
    }, Math.min(5000, 250 * 2 ** retry));
  };
}

function ended() {
  sessionStorage.clear();
  tell('This session has ended. Reload the page to begin a new one.', { error: true, seconds: 3600 });
}

export function readFrame(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const planes = {};
  let at = 4 + length;
  for (const { name, width, height, channels } of header.planes) {
    planes[name] = { width, height, channels, values: new Uint8Array(buffer, at, width * height * channels) };
    at += width * height * channels;
  }
  return { header, planes };
}

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

function note(message) {
  if (message.kind === 'error') tell(message.error, { error: true });
  if (message.kind === 'drag_end') emit('drag-end', message);
}

function send(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

// Returns the number under which the frame will come back.
export function sendPreview(change) {
  serial += 1;
  send({ kind: 'preview', serial, revision: store.state.revision, ...change });
  return serial;
}

export const sendOverlay = overlay => send({ kind: 'overlay', overlay });
export const refresh = () => send({ kind: 'hello' });
