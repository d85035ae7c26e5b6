// Colours: inferno (Smith and van der Walt, CC0) for maps, and one colour for each level or object.

const INFERNO = [[0, 0, 4], [33, 12, 74], [86, 16, 110], [137, 34, 106], [187, 55, 84], [228, 90, 49], [249, 140, 10],
  [249, 203, 53], [252, 255, 164]];

const table = new Uint8ClampedArray(256 * 3);
for (let i = 0; i < 256; i++) {
  const t = i / 255 * (INFERNO.length - 1), k = Math.min(Math.floor(t), INFERNO.length - 2);
  for (let c = 0; c < 3; c++) table[3 * i + c] = INFERNO[k][c] + (t - k) * (INFERNO[k + 1][c] - INFERNO[k][c]);
}

const COLORS = ['#ff8a1f', '#3db8ff', '#c58bff', '#4fd67a', '#ffd43b', '#ff6f91'];
/** @type {(place: Place) => string} */
export const colorOf = ({ object, level }) => COLORS[(object ?? level) % COLORS.length];

// Paint a plane of one channel (a map) or three (a picture) at its own size.
/** @type {(canvas: HTMLCanvasElement, plane: Plane) => void} */
export function paint(canvas, { width, height, channels, values }) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const image = new ImageData(width, height), out = image.data;
  for (let i = 0, n = width * height; i < n; i++) {
    const from = channels === 3 ? values : table, at = channels === 3 ? 3 * i : 3 * values[i];
    out[4 * i] = from[at];
    out[4 * i + 1] = from[at + 1];
    out[4 * i + 2] = from[at + 2];
    out[4 * i + 3] = 255;
  }
  canvas.getContext('2d')?.putImageData(image, 0, 0);
}

// A grey picture has one channel too, and no palette.
/** @type {(plane: Plane) => Plane} */
export const asColour = plane => plane.channels === 3 ? plane
  : { ...plane, channels: 3, values: Uint8Array.from({ length: 3 * plane.values.length }, (_, i) => plane.values[Math.floor(i / 3)]) };
