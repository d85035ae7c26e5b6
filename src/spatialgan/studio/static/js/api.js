// Requests to the server, or whatever answers in its place. Whatever fails does so with a sentence for people.

import { ask } from './backend.js';
import { store } from './store.js';

export const root = new URL('api/v1/', document.baseURI);
/** @type {(path: string) => URL} */
export const here = path => new URL(`sessions/${store.session}${path && `/${path}`}`, root);

// Whether the page was exported: there is no server, and what needs one is hidden.
export const alone = document.body.hasAttribute('data-alone');

export class Failure extends Error {
  /** @param {string} message
   * @param {number} status of HTTP; 0 where there was no answer */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

// Of what was caught: the status of HTTP, 0 where there was no answer; null where it was no request that failed.
/** @type {(error: unknown) => number | null} */
export const statusOf = error => error instanceof Failure ? error.status : null;

/** @type {(method: string, url: URL, body?: unknown) => Promise<Response>} */
export async function request(method, url, body) {
  /** @type {RequestInit} */
  const options = { method };
  if (body instanceof Blob) options.body = body;
  else if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { 'content-type': 'application/json' };
  }
  let answer;
  try {
    answer = await ask(url, options);
  } catch {
    throw new Failure('The studio does not answer. Is it still running?', 0);
  }
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({}));
    throw new Failure(told.error ?? `the studio answered with ${answer.status}`, answer.status);
  }
  return answer;
}

/** @type {(url: URL) => Promise<any>} */
export const get = async url => (await request('GET', url)).json();
/** @type {(path: string, body?: unknown) => Promise<any>} */
export const post = async (path, body) => (await request('POST', here(path), body)).json();
/** @type {(path: string) => Promise<any>} */
export const remove = async path => (await request('DELETE', here(path))).json();
