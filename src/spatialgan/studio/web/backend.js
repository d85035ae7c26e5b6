// What answers an exported page: the requests and frames of studio/api.py and live.py, without a server. See docs/web.md.

import { Artist } from './artist.js';
import { thumbnail, toDataUrl, toPng } from './pictures.js';
import { handlesOf, sceneFromJson, sceneToJson } from './scenes.js';
import { Session, planesOf } from './session.js';

const root = new URL('api/v1/', document.baseURI);
const NEEDS_SERVER = 'this needs the studio on a computer of its own: spatialgan studio';
const id = `page-${Math.random().toString(36).slice(2)}`; // of the only session
const artist = new Artist(new Worker(new URL('worker.js', import.meta.url), { type: 'module' }));

/** @type {Promise<{ info: ExportedInfo, models: Model[], session: Session }> | null} */
let began = null;
const begin = () => began ??= (async () => {
  const fetched = async (/** @type {string} */ path) => (await fetch(new URL(path, document.baseURI))).json();
  /** @type {ExportedInfo} */
  const info = await fetched('studio.json');
  const models = await Promise.all(info.models.map(async model => {
    const { graphs, ...source } = info.sources[model.name], said = await fetched(graphs);
    /** @type {(said: { file: string, inputs: { name: string }[] }) => Graph} */
    const graph = ({ file, inputs }) => ({ url: new URL(file, new URL(graphs, document.baseURI)).href, inputs: inputs.map(i => i.name) });
    return { ...source, info: model, weights_sha256: said.weights_sha256, graphs: { mapping: graph(said.mapping), synthesis: graph(said.synthesis) } };
  }));
  return { info, models, session: new Session(artist, info.labels) };
})();

/** @type {Map<number, string>} */
const thumbnails = new Map(); // by the entry's id

// Where the page finds a picture of the API.
/** @type {(url: URL) => string} */
export const imageAt = url => thumbnails.get(Number(/thumbnails\/(\d+)/.exec(url.pathname)?.[1])) ?? '';

/** @type {(value: unknown, status?: number) => Response} */
const json = (value, status = 200) => new Response(JSON.stringify(value), { status, headers: { 'content-type': 'application/json' } });
/** @type {(body: BodyInit, name: string) => Response} */
const file = (body, name) => new Response(body, { headers: { 'content-disposition': `attachment; filename="${name}"` } });

/** @type {(url: URL, options: RequestInit) => Promise<Response>} */
export async function ask(url, { method = 'GET', body }) {
  try {
    const { info, models, session } = await begin(), path = decodeURI(url.pathname.slice(root.pathname.length));
    if (path === 'studio') return json(info);
    if (path === 'sessions') return json({ session: id }, 201);
    const [, mine, rest] = /** @type {RegExpExecArray} */ (/^sessions\/([^/]*)\/?(.*)$/.exec(path));
    if (mine !== id) return json({ error: 'this is the session of another page' }, 404);
    const given = body instanceof Blob ? await body.text() : String(body ?? 'null');
    return await answer(session, models, `${method} ${rest}`, url.searchParams, given);
  } catch (error) {
    if (!(error instanceof Error) || error.constructor !== Error) console.error(error); // no sentence for people
    return json({ error: error instanceof Error ? error.message : String(error) }, 400);
  }
}

/** @type {(session: Session, models: Model[], asked: string, query: URLSearchParams, body: string) => Promise<Response>} */
async function answer(session, models, asked, query, body) {
  const number = Number(/\d+/.exec(asked)?.[0]), pattern = asked.replace(/\d+/, 'N');
  const { seed, model } = session.history.length ? session.scene : { seed: null, model: models[0] };
  const name = `${model.info.name}${seed === null ? '' : `-seed${seed}`}`.replace(/[^\w.-]/g, '_');
  switch (pattern) {
    case 'GET scenes/N.json': return json(sceneToJson(session.entry(number).scene));
    case 'GET scene.json': return file(`${JSON.stringify(sceneToJson(session.scene), null, 1)}\n`, `${name}.scene.json`);
    case 'GET picture.png': {
      const picture = await artist.picture(session.scene), scale = Number(query.get('scale') ?? 1);
      return file(await toPng(picture, scale), `${name}${scale === 1 ? '' : `-${Math.round(picture.width * scale)}px`}.png`);
    }
    case 'GET command': {
      const scene_file = `${name}.scene.json`;
      return json({ command: `spatialgan edit --model ${quoted(model.info.name)} --scene ${scene_file} --out out.png`, scene_file });
    }
    case 'POST alternatives': {
      const urls = [];
      for (const change of JSON.parse(body).changes) urls.push(toDataUrl(await artist.picture(await session.after(change))));
      return json(urls);
    }
    case 'GET ': break;
    default: await alter(session, models, pattern, number, body);
  }
  const now = session.history.length ? session.state() : { history: [] };
  return json(now);
}

const quoted = (/** @type {string} */ name) => /^[\w./-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;

/** @type {(session: Session, models: Model[], pattern: string, number: number, body: string) => Promise<void>} */
async function alter(session, models, pattern, number, body) {
  /** @type {Changes} */
  const changes = {
    'POST picture': ({ model, seed, ...options }) => session.start(/** @type {Model} */ (models.find(m => m.info.name === model)), seed, options),
    'POST edits': ({ revision, ...change }) => session.edit(change, revision),
    'POST undo': () => session.undo(),
    'POST redo': () => session.redo(),
    'POST history/N': () => session.go(number),
    'POST history': ({ scene, label, is_start }) => session.append(sceneFromJson(models, scene), label, is_start),
    'PUT scene.json': scene => session.append(sceneFromJson(models, scene), 'Opened', true),
  };
  if (!(pattern in changes)) throw new Error(NEEDS_SERVER);
  let given;
  try {
    given = JSON.parse(body);
  } catch {
    throw new Error('this file is not JSON; open a .scene.json file');
  }
  await changes[pattern](given);
  await remember(session);
  await Connection.refresh();
}

/** @param {Session} session */
async function remember({ history }) {
  for (const { id, scene } of history) if (!thumbnails.has(id)) thumbnails.set(id, thumbnail(await artist.picture(scene)));
}

// In place of a WebSocket: frames come out, previews go in.
export class Connection {
  /** @type {Connection | null} */
  static #open = null;
  readyState = 1;
  binaryType = '';
  onopen = () => {};
  /** @type {(event: { data: any }) => void} */
  onmessage = () => {};
  /** @type {((event: any) => void) | null} */
  onclose = null;
  /** @type {any} */
  #latest = null; // the preview that waits
  #busy = false;

  constructor() {
    Connection.#open = this;
    queueMicrotask(() => {
      this.onopen();
      Connection.refresh();
    });
  }

  // Show the page what there is.
  static async refresh() {
    const { session } = await begin(), page = Connection.#open;
    if (!page || !session.history.length) return;
    const { picture: original } = await planesOf(artist, session.history[session.startPosition].scene);
    page.onmessage({ data: frame({ kind: 'current', state: session.state() }, { ...await planesOf(artist, session.scene), original }) });
  }

  /** @type {(text: string) => void} */
  send(text) {
    const message = JSON.parse(text);
    if (message.kind !== 'preview') Connection.refresh();
    else {
      this.#latest = { ...message, asked: performance.now() };
      if (!this.#busy) this.#follow();
    }
  }

  // One preview after the other, always the latest.
  async #follow() {
    this.#busy = true;
    const { session } = await begin();
    while (this.#latest) {
      const { asked, serial, revision, ...change } = this.#latest, begun = performance.now();
      this.#latest = null;
      try {
        if (revision !== session.revision) continue;
        const scene = await session.after(change);
        await artist.picture(scene);
        const drawn = performance.now(), planes = await planesOf(artist, scene);
        const timing = { queue_ms: begun - asked, generator_ms: drawn - begun, encode_ms: performance.now() - drawn };
        this.onmessage({ data: frame({ kind: 'preview', serial, revision, handles: handlesOf(scene), truncation: scene.truncation, timing }, planes) });
      } catch (error) {
        this.onmessage({ data: JSON.stringify({ kind: 'error', error: error instanceof Error ? error.message : String(error) }) });
      }
    }
    this.#busy = false;
  }
}

/** @type {() => Connection} */
export const connection = () => new Connection();

// As studio/wire.py.
/** @type {(header: Header, planes: Record<string, Plane>) => ArrayBuffer} */
function frame(header, planes) {
  const listed = Object.entries(planes).map(([name, { width, height, channels }]) => ({ name, width, height, channels }));
  const text = new TextEncoder().encode(JSON.stringify({ ...header, planes: listed })), parts = Object.values(planes).map(p => p.values);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 4 + text.length));
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  let at = 4;
  for (const part of [text, ...parts]) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes.buffer;
}
