// What answers the page: a server. An exported page has another one in its place, which answers by itself: studio/web.

/** @type {(url: URL, options: RequestInit) => Promise<Response>} */
export const ask = (url, options) => fetch(url, options);

// Where the page finds a picture of the API.
/** @type {(url: URL) => string} */
export const imageAt = url => url.href;

// Through which frames come and previews go.
/** @type {(url: URL) => WebSocket} */
export function connection(url) {
  url.protocol = url.protocol.replace('http', 'ws');
  return new WebSocket(url);
}
