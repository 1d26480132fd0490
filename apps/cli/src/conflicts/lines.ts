import { stringifyJson } from '@meridian/client'
import { printable } from '../printable.js'

interface Side {
  readonly region?: string | undefined
  readonly value: {
    readonly removed: boolean
    readonly payload: Readonly<Record<string, unknown>>
    readonly vectors: readonly string[]
  }
}

/** What `GET …/conflicts` answers, as far as it is shown. */
export interface ConflictPage {
  readonly conflicts: readonly {
    readonly id: string
    readonly point_id: string | number
    readonly cell: string
    readonly state: string
    readonly at: string
    readonly rule: string
    readonly winner: Side
    readonly loser: Side
    readonly cosine?: Readonly<Record<string, number>> | undefined
  }[]
  readonly next_page_offset: string | null
  readonly open: number
  readonly settled: number
}

const VALUE_LENGTH_MAX = 60

/** Three lines a conflict, and how many there are. */
export const conflictLines = ({ conflicts, open, settled }: ConflictPage): string => {
  const lines = conflicts.flatMap(({ id, point_id, cell, state, at, rule, winner, loser, cosine }) => {
    const alike = Object.entries(cosine ?? {}).map(
      ([name, value]) => `  cosine${name && ` ${name}`} ${value.toFixed(3)}`,
    )
    return [
      `${id}  ${at}  ${printable(String(point_id))}  ${printable(cell)}  ${state}, ${rule}${alike.join('')}`,
      `    winner ${sideText(winner)}`,
      `    loser  ${sideText(loser)}`,
    ]
  })
  return [...lines, `${open} open, ${settled} settled`, ''].join('\n')
}

const sideText = ({ region, value }: Side): string => {
  const what = value.removed
    ? 'taken away'
    : [
        Object.keys(value.payload).length === 0 ? '' : stringifyJson(value.payload),
        ...value.vectors.map((name) => (name === '' ? '(vector)' : `(vector ${name})`)),
      ]
        .filter((part) => part !== '')
        .join(' ') || '(empty)'
  const text = printable(what)
  const short = text.length > VALUE_LENGTH_MAX ? `${text.slice(0, VALUE_LENGTH_MAX)}...` : text
  return `${(region ?? 'unknown').padEnd(8)} ${short}`
}
