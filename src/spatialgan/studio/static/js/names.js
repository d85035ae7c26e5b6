// What people call the levels: the numbers are the command line's, and those on the handles.

const ONE = ['Whole', 'Part', 'Detail'], ALL = ['Whole', 'Parts', 'Details'];

export const levelName = level => ALL[level] ?? `Level ${level}`;

export function nameOf({ object, level, point }) {
  if (object !== undefined) return `Object ${object}`;
  return point == null ? levelName(level) : `${ONE[level] ?? 'Level'} ${level}.${point}`;
}

// The server's labels, in these words: "Move level 1.0" => "Move part 1.0".
export const inWords = label => label
  .replace(/level (\d+)(?:\.(\d+))?/, (_, level, point) => nameOf({ level: Number(level), point }).toLowerCase())
  .replace(/^Truncation$/, 'Variety');
