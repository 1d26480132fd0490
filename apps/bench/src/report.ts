import { cpus } from 'node:os'
import type { Floor, Goal } from './goal.js'

/** What one benchmark found: for machines, and for people. */
export interface Report {
  readonly json: Readonly<Record<string, unknown>>
  readonly text: string
}

export const machine = (): Record<string, unknown> => ({
  node: process.version,
  processors: cpus().length,
  model: cpus()[0]?.model,
})

/** One line a goal. */
export const goalLines = (goals: readonly Goal[]): string[] =>
  goals.map(
    ({ isMet, what, measured, most }) =>
      `${isMet ? 'met   ' : 'MISSED'} ${what}: ${Number(measured.toFixed(3))}, at most ${most}`,
  )

/** As `goalLines`, of bounds that should be reached. */
export const floorLines = (goals: readonly Floor[]): string[] =>
  goals.map(
    ({ isMet, what, measured, least }) =>
      `${isMet ? 'met   ' : 'MISSED'} ${what}: ${Number(measured.toFixed(3))}, at least ${least}`,
  )

/** Of bounds of both kinds. */
export const mixedLines = (goals: readonly (Goal | Floor)[]): string[] =>
  goals.flatMap((goal) => ('most' in goal ? goalLines([goal]) : floorLines([goal])))

/** Of a number option. @throws Error that names it, and what it must be */
export const numberOption = (name: string, text: string, least: number, most: number): number => {
  const number = Number(text)
  if (text.trim() === '' || !(number >= least && number <= most))
    throw new Error(`--${name} ${text}: must be a number from ${least} to ${most}`)
  return number
}

/** Of an option that counts something: rounded. @throws as `numberOption` */
export const countOption = (name: string, text: string, least: number, most: number): number =>
  Math.round(numberOption(name, text, least, most))

/** Of `--limit`: how many rows of a set to take, all unless given. @throws as `numberOption` */
export const limitOption = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : countOption('limit', text, 1000, 1e7)
