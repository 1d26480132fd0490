import { type Exchange, listen } from './exchange.js'
import type { Judge } from './judge.js'

/** Told in one failure; a test that breaks the specification ten thousand times is one broken test. */
const PROBLEMS_MAX = 20
/** Kept for judgement at a test's end; past it they are judged at once. */
const WAITING_CHARS_MAX = 32 * 1024 * 1024

let judge: Judge | undefined
let loading: Promise<void> | undefined
let waiting: Exchange[] = []
let waitingChars = 0
let problems: string[] = []
let judged = 0

/**
 * From now on every exchange of this process with a region is held to the specification: when its test is over, so that what a test
 * says of time is not disturbed.
 */
export const openTap = (): Disposable =>
  listen((exchange) => {
    waiting.push(exchange)
    waitingChars += (exchange.request?.length ?? 0) + (exchange.answer?.length ?? 0)
    if (waitingChars > WAITING_CHARS_MAX) void judgeWaiting()
  })

/** What did not fit since the last call. */
export const takeProblems = async (): Promise<readonly string[]> => {
  if (waiting.length > 0) await judgeWaiting()
  const taken = problems
  problems = []
  return taken
}

/** How many exchanges were judged so far. */
export const judgedCount = (): number => judged

const judgeWaiting = async (): Promise<void> => {
  loading ??= load()
  await loading
  const taken = waiting
  waiting = []
  waitingChars = 0
  judged += taken.length
  for (const exchange of taken)
    for (const problem of judge!.problems(exchange))
      if (problems.length < PROBLEMS_MAX && !problems.includes(problem)) problems.push(problem)
}

/** Only once there is something to judge: most tests have no use for a server. */
const load = async (): Promise<void> => {
  const [{ Judge }, { publishedDocument }] = await Promise.all([import('./judge.js'), import('@meridian/server')])
  judge = new Judge(publishedDocument())
}
