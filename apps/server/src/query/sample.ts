/** An integer from 0 to `bound - 1`. */
export type Draw = (bound: number) => number

/** `count` of the items, each set of them equally likely, in random order (Fisher and Yates, cut short). Changes `items`. */
export const drawSample = <T>(items: T[], count: number, draw: Draw): T[] => {
  const taken = Math.min(count, items.length)
  for (let i = 0; i < taken; i++) {
    const j = i + draw(items.length - i)
    const item = items[j]!
    items[j] = items[i]!
    items[i] = item
  }
  return items.slice(0, taken)
}
