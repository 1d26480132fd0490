export interface Series {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

export interface Axis {
  readonly label: string
  readonly ticks: readonly number[]
  /** Where a value lies; increasing, or decreasing for an axis that runs the other way. */
  readonly scale: (value: number) => number
  readonly format?: (value: number) => string
}

const WIDTH = 720
const HEIGHT = 440
const LEFT = 70
const RIGHT = 150
const TOP = 40
const BOTTOM = 50
/** Told apart by those who see fewer colours, too (Okabe and Ito). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000']

const escaped = (text: string): string => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`)

/** Lines over two axes, as an SVG. Points outside the ticks are left out; series without any other are too. */
export const plot = (title: string, x: Axis, y: Axis, series: readonly Series[]): string => {
  const placed = (axis: Axis, value: number, from: number, to: number): number => {
    const first = axis.scale(axis.ticks[0]!)
    const last = axis.scale(axis.ticks.at(-1)!)
    return from + ((axis.scale(value) - first) / (last - first)) * (to - from)
  }
  const atX = (value: number): string => placed(x, value, LEFT, WIDTH - RIGHT).toFixed(1)
  const atY = (value: number): string => placed(y, value, HEIGHT - BOTTOM, TOP).toFixed(1)
  const isInside = (axis: Axis, value: number): boolean =>
    value >= Math.min(...axis.ticks) && value <= Math.max(...axis.ticks)
  const text = (at: string, words: string): string => `<text ${at}>${escaped(words)}</text>`
  const format = (axis: Axis, value: number): string => axis.format?.(value) ?? String(value)
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(`x="${LEFT}" y="22" font-size="15"`, title),
    ...x.ticks.flatMap((tick) => [
      `<path d="M${atX(tick)} ${TOP}V${HEIGHT - BOTTOM}" stroke="#dddddd"/>`,
      text(`x="${atX(tick)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle"`, format(x, tick)),
    ]),
    ...y.ticks.flatMap((tick) => [
      `<path d="M${LEFT} ${atY(tick)}H${WIDTH - RIGHT}" stroke="#dddddd"/>`,
      text(`x="${LEFT - 8}" y="${atY(tick)}" dy="4" text-anchor="end"`, format(y, tick)),
    ]),
    text(`x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 10}" text-anchor="middle"`, x.label),
    text(`transform="translate(16 ${HEIGHT / 2}) rotate(-90)" text-anchor="middle"`, y.label),
  ]
  let legend = 0
  for (const [i, { name, points }] of series.entries()) {
    const colour = COLOURS[i % COLOURS.length]!
    const shown = points.filter(([a, b]) => isInside(x, a) && isInside(y, b))
    if (shown.length === 0) continue
    const at = shown.map(([a, b]) => `${atX(a)} ${atY(b)}`)
    lines.push(`<path d="M${at.join('L')}" fill="none" stroke="${colour}" stroke-width="2"/>`)
    for (const [a, b] of shown) lines.push(`<circle cx="${atX(a)}" cy="${atY(b)}" r="3" fill="${colour}"/>`)
    const height = TOP + 10 + legend++ * 20
    lines.push(`<path d="M${WIDTH - RIGHT + 12} ${height}h18" stroke="${colour}" stroke-width="2"/>`)
    lines.push(text(`x="${WIDTH - RIGHT + 36}" y="${height}" dy="4"`, name))
  }
  return `${[...lines, '</svg>'].join('\n')}\n`
}

/** Four to eight even ticks from 0 on, the last of them `most` (above 0) or a little more. */
export const risingTicks = (most: number): number[] => {
  const power = 10 ** Math.floor(Math.log10(most))
  const step = [0.2, 0.25, 0.5, 1, 2].map((part) => part * power).find((each) => most / each <= 6)!
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, i) => Number((i * step).toPrecision(6)))
}

/** Plots one below the other, as one SVG. */
export const stacked = (title: string, plots: readonly string[]): string =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT * plots.length}">`,
    `<title>${escaped(title)}</title>`,
    ...plots.map((each, i) =>
      each.trimEnd().replace('<svg ', `<svg y="${HEIGHT * i}" width="${WIDTH}" height="${HEIGHT}" `),
    ),
    '</svg>\n',
  ].join('\n')
