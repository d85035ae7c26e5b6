// Planes as PNG, by the browser.

const THUMBNAIL_PX = 96;

/** @type {(plane: Plane, size?: number) => HTMLCanvasElement} */
function canvasOf({ width, height, channels, values }, size = width) {
  const canvas = Object.assign(document.createElement('canvas'), { width, height }), image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = values[channels * i + (channels === 3 ? c : 0)];
    image.data[4 * i + 3] = 255;
  }
  context(canvas).putImageData(image, 0, 0);
  if (size === width) return canvas;
  const sized = Object.assign(document.createElement('canvas'), { width: size, height: Math.round(height * size / width) });
  Object.assign(context(sized), { imageSmoothingQuality: 'high' }).drawImage(canvas, 0, 0, sized.width, sized.height);
  return sized;
}

/** @param {HTMLCanvasElement} canvas */
const context = canvas => /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', { alpha: false }));

/** @type {(plane: Plane, scale?: number) => Promise<Blob>} */
export const toPng = (plane, scale = 1) => new Promise((resolve, reject) => {
  canvasOf(plane, Math.round(plane.width * scale)).toBlob(blob => blob ? resolve(blob) : reject(new Error('this browser makes no PNG')));
});

/** @type {(plane: Plane) => string} */
export const toDataUrl = plane => canvasOf(plane).toDataURL();

/** @type {(plane: Plane) => string} */
export const thumbnail = plane => canvasOf(plane, Math.min(plane.width, THUMBNAIL_PX)).toDataURL();
