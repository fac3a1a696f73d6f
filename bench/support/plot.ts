/** How something grows, as a picture: both axes are logarithmic, so that what grows as its input does is a straight line. */

/** One line of the picture. */
export interface Curve {
  readonly name: string;
  /** Pairs of how much there was and what that cost; neither is 0. */
  readonly points: readonly (readonly [number, number])[];
}

/** A picture. */
export interface Plot {
  /** Of its file, in the folder of the page. */
  readonly file: string;
  readonly title: string;
  /** What the axes say. */
  readonly of: string;
  readonly costs: string;
  readonly curves: readonly Curve[];
}

const WIDTH = 720;
const HEIGHT = 400;
const LEFT = 60;
const RIGHT = 230;
const TOP = 40;
const BOTTOM = 50;
const COLOURS = ["#0b6e99", "#b3541e", "#3f7d20", "#7b4ea3", "#8a6d00"];

/** As SVG, readable on a bright and on a dark page. */
export function encodePlot({ title, of, costs, curves }: Plot): string {
  const points = curves.flatMap((curve) => curve.points);
  const x = axis(
    points.map(([amount]) => amount),
    LEFT,
    WIDTH - RIGHT,
  );
  const y = axis(
    points.map(([, cost]) => cost),
    HEIGHT - BOTTOM,
    TOP,
  );
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${escapeText(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(LEFT, 22, title, 'font-size="15"'),
    ...x.ticks.map(
      (tick) =>
        line(x.at(tick), TOP, x.at(tick), HEIGHT - BOTTOM) +
        text(x.at(tick), HEIGHT - BOTTOM + 18, tick.toLocaleString("en"), 'text-anchor="middle"'),
    ),
    ...y.ticks.map(
      (tick) =>
        line(LEFT, y.at(tick), WIDTH - RIGHT, y.at(tick)) +
        text(LEFT - 8, y.at(tick) + 4, tick.toLocaleString("en"), 'text-anchor="end"'),
    ),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, of, 'text-anchor="middle"'),
    text(LEFT, TOP - 6, costs, ""),
    ...curves.map((curve, index) => drawCurve(curve, COLOURS[index % COLOURS.length] ?? "#000", index, x, y)),
    "</svg>",
  ];
  return `${lines.join("\n")}\n`;
}

interface Axis {
  readonly ticks: readonly number[];
  at(value: number): number;
}

/** Whole powers of ten around `values`, from `from` to `to` in the picture. */
function axis(values: readonly number[], from: number, to: number): Axis {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(Math.ceil(Math.log10(Math.max(...values))), low + 1);
  return {
    ticks: Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index)),
    at: (value) => Math.round((from + ((Math.log10(value) - low) / (high - low)) * (to - from)) * 10) / 10,
  };
}

function drawCurve({ name, points }: Curve, colour: string, index: number, x: Axis, y: Axis): string {
  const places = points.map(([amount, cost]) => [x.at(amount), y.at(cost)] as const);
  const path = places.map((place) => place.join(",")).join(" ");
  const dots = places.map(([left, top]) => `<circle cx="${left}" cy="${top}" r="3" fill="${colour}"/>`);
  const row = TOP + 10 + index * 20;
  return [
    `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...dots,
    `<circle cx="${WIDTH - RIGHT + 16}" cy="${row - 4}" r="4" fill="${colour}"/>`,
    text(WIDTH - RIGHT + 26, row, name, ""),
  ].join("");
}

function line(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="#ddd"/>`;
}

function text(x: number, y: number, words: string, attributes: string): string {
  return `<text x="${x}" y="${y}" ${attributes}>${escapeText(words)}</text>`;
}

function escapeText(words: string): string {
  return words.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
