import type { JsonObject } from '@meridian/client'
import { COLLECTION, type DemoRegion } from './demo-region.js'

/** An acknowledged edit and when it was under way: its stamp lies between the two times, by this machine's clock. */
export interface Edit {
  readonly region: string
  readonly id: number
  readonly set: JsonObject
  readonly sentMs: number
  readonly ackedMs: number
}

export const edit = async (region: DemoRegion, id: number, set: JsonObject, signal: AbortSignal): Promise<Edit> => {
  const sentMs = Date.now()
  await region.client.setPayload(COLLECTION, set, { points: [id] }, { signal })
  return { region: region.name, id, set, sentMs, ackedMs: Date.now() }
}

/** Why `winner` won, as far as times tell: stamps are certainly ordered only where the edits did not overlap. */
export const reason = (winner: Edit, loser: Edit): string => {
  const gapMs = winner.sentMs - loser.ackedMs
  if (gapMs >= 0)
    return `${winner.region} wrote last, ${winner.ackedMs - loser.ackedMs} ms after ${loser.region}: the newer stamp wins`
  if (loser.sentMs - winner.ackedMs >= 0)
    return `${winner.region} wrote first, but its clock is ahead: its stamp is the newer one`
  return `both wrote within ${Math.max(winner.ackedMs, loser.ackedMs) - Math.min(winner.sentMs, loser.sentMs)} ms: the newer stamp wins`
}

/** `12:00:01.123`, UTC. */
export const clock = (ms: number): string => new Date(ms).toISOString().slice(11, 23)
